"""What there is to know of a run: asked of Airflow and of the store, and told to a person."""
