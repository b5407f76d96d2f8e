"""The local stack: Airflow, Postgres, an S3 server and MLflow on one machine, without Docker."""
