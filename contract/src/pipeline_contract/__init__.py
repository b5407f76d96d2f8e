"""What the worker, the Dags and the commands agree on, written once.

It holds no behaviour of a stage, of Airflow or of a stack. Python's standard library is all that it needs; boto3 where a client of
the store is made.
"""
