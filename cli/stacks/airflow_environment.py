"""The environment of Airflow's processes: Airflow's own configuration, and the pipeline's settings."""

import os

from cli.settings import LOOPBACK, StackSettings
from cli.stacks.postgres import make_url
from cli.stacks.service import make_environment
from pipeline_contract.settings import DAGS, WORKER, list_read_by

#: The users of Airflow by the settings that name them, and their role. `user` may look, trigger and clear.
ROLES = {
    "AIRFLOW_ADMIN": "admin",
    "AIRFLOW_OPERATOR": "user",
    "AIRFLOW_VIEWER": "viewer",
    "AIRFLOW_API": "user",
}


def make_pipeline_environment(settings: StackSettings, *, has_keys: bool) -> dict[str, str]:
    """Return the pipeline's settings; the keys to the store only for the processes that run tasks."""
    wanted = (setting for setting in list_read_by(WORKER | DAGS) if has_keys or not setting.is_secret)
    return {
        **{setting.name: settings[setting.name] for setting in wanted},
        "OBJECT_STORAGE_ENDPOINT_URL": settings.storage_url,
        "ML_PIPELINE_ARTIFACT_BUCKET": settings.artifact_bucket,
        "ML_PIPELINE_WORKER_PYTHON": str(settings.worker_python),
        "MLFLOW_TRACKING_URI": settings.mlflow_url,
        "MLFLOW_PUBLIC_URL": settings["MLFLOW_PUBLIC_URL"] or settings.mlflow_url,
        "PIPELINE_PROJECT_ROOT": str(settings.root),
        "PIPELINE_SCRATCH_DIR": str(settings.scratch),
    }


def make_airflow_environment(settings: StackSettings) -> dict[str, str]:
    """Return Airflow's configuration, as environment variables; the same for all of its processes."""
    return {
        **make_environment(settings),
        "AIRFLOW_HOME": str(settings.state / "airflow"),
        # Airflow takes airflow_local_settings from there.
        "PYTHONPATH": os.pathsep.join([str(settings.root / "dags"), str(settings.root / "dags" / "config")]),
        "PIPELINE_PROJECT_ROOT": str(settings.root),
        **{
            f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
            for section, values in choose_options(settings).items()
            for name, value in values.items()
        },
    }


def choose_options(settings: StackSettings) -> dict[str, dict[str, object]]:
    """Return what is not as Airflow has it by default, by sections of its configuration."""
    return {
        "core": {
            "dags_folder": settings.root / "dags",
            "load_examples": False,
            # Airflow's LocalExecutor, but that a task whose process was killed is noticed.
            "executor": "pipeline.executor.PipelineLocalExecutor",
            # One slot is the sensor's; the others are for claims and for what waits on the pool.
            "parallelism": settings.read_int("ML_PIPELINE_POOL_SLOTS", 1, 1000) + 6,
            "dags_are_paused_at_creation": False,
            "fernet_key": settings["AIRFLOW_FERNET_KEY"],
            "simple_auth_manager_users": ",".join(
                f"{settings[f'{user}_USERNAME']}:{role}" for user, role in ROLES.items()
            ),
            "simple_auth_manager_passwords_file": settings.state / "airflow" / "passwords.json",
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
            # The default asks the name server for this machine's full name, which can hang.
            "hostname_callable": "pipeline.log_host.name_log_host",
            # A changed Dag is seen at once.
            "min_serialized_dag_update_interval": 0,
        },
        "database": {
            "sql_alchemy_conn": make_url(settings, "airflow"),
            "sql_alchemy_conn_async": make_url(settings, "airflow", "postgresql+asyncpg"),
        },
        "api": {
            "host": LOOPBACK,
            "port": settings["AIRFLOW_PORT"],
            "workers": 1,
            "base_url": settings.airflow_url,
            "secret_key": settings["AIRFLOW_API_SECRET_KEY"],
        },
        "api_auth": {"jwt_secret": settings["AIRFLOW_JWT_SECRET"]},
        "scheduler": {
            # Measured: from event to run 0.8 s with 1 s, which is Airflow's default, and 0.05 s with 0.1, which is ours.
            "scheduler_idle_sleep_time": settings.read_seconds("AIRFLOW_SCHEDULER_SLEEP_SECONDS", 0.05, 60),
            # What a killed scheduler was doing is done again within half a minute of the next start.
            "orphaned_tasks_check_interval": 10,
            "scheduler_health_check_threshold": 20,
            # A training survives so long an outage of the API server or the database, in seconds.
            "task_instance_heartbeat_timeout": 1800,
        },
        "workers": {
            "max_failed_heartbeats": 180,
            # A task that asks an API server in vain asks again every few seconds, not ever more seldom, as Airflow has it by
            # default: whoever waits a minute and a half between two tries holds a slot meanwhile. (A killed one cost 90 s.)
            "execution_api_retries": 120,
            "execution_api_retry_wait_max": 5,
        },
        "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 30, "print_stats_interval": 0},
        "logging": {
            "base_log_folder": settings.state / "logs" / "tasks",
            "dag_processor_child_process_log_directory": settings.state / "logs" / "dags",
            "colored_console_log": False,
            "uvicorn_logging_level": "WARNING",
            # These say every few seconds that there is nothing to say.
            "namespace_levels": "airflow.dag_processing=WARNING airflow.serialization=WARNING airflow.models.dag=WARNING http.access=WARNING",
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        "usage_data_collection": {"enabled": False},
    }
