"""Brings Airflow's database to this version, makes the stages' pool, and the users of the UI and the API; safe to repeat.

A changed password, role or number of slots in the settings is taken at the next start. Users that people made in the UI
are left alone.
"""

import os
import subprocess
import sys
from typing import Any

#: The users by the settings that name them, and their role in Airflow. `Operator` is ours.
ROLES = {
    "AIRFLOW_ADMIN": "Admin",
    "AIRFLOW_OPERATOR": "Operator",
    "AIRFLOW_VIEWER": "Viewer",
    "AIRFLOW_API": "Operator",
}


def set_pool() -> None:
    """Make the pool of the stages, or give it the size of the setting."""
    from airflow.models.pool import Pool

    name, slots = os.environ["ML_PIPELINE_POOL"], int(os.environ["ML_PIPELINE_POOL_SLOTS"])
    Pool.create_or_update_pool(
        name=name,
        slots=slots,
        description="Commands of the stages that run at once (ML_PIPELINE_POOL_SLOTS).",
        include_deferred=False,
    )
    sys.stdout.write(f"pool {name}: {slots} slots\n")


def set_operator(security: Any) -> None:
    """Make the role of those who run the stages, or give it exactly these rights, whatever an earlier version gave it.

    Beside what a viewer may: trigger and clear the stages, and set the state of what runs, which is how it is stopped (Airflow
    has one right for the last two). Nothing is deleted or paused, no event of an asset is made by hand, and nothing is done to
    `watch`, which runs by itself.
    """
    from airflow.providers.fab.www.security import permissions

    from pipeline_contract.stages import STAGES

    rights = [
        *security.VIEWER_PERMISSIONS,
        (permissions.ACTION_CAN_CREATE, permissions.RESOURCE_DAG_RUN),
        (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_DAG_RUN),
        (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_TASK_INSTANCE),
        *((permissions.ACTION_CAN_EDIT, permissions.resource_name(name, permissions.RESOURCE_DAG)) for name in STAGES),
    ]
    role = security.find_role("Operator") or security.add_role("Operator")
    role.permissions = [security.create_permission(*right) for right in rights]
    security.session.merge(role)
    security.session.commit()


def set_users() -> None:
    """Make the users, or give them the role and the password of the settings."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        security = builder.sm
        security.sync_roles()
        set_operator(security)
        for prefix, role_name in ROLES.items():
            name, password = os.environ[f"{prefix}_USERNAME"], os.environ[f"{prefix}_PASSWORD"]
            role = security.find_role(role_name)
            user = security.find_user(username=name)
            if user is None:
                security.add_user(name, name, "", f"{name}@localhost", role, password)
            else:
                security.reset_password(user.id, password)
                user.roles = [role]
                security.update_user(user)
            sys.stdout.write(f"user {name}: {role_name}\n")


def main() -> None:
    """Do all of it, in the order in which each can be done."""
    # In a process of its own, as Airflow's settings are read once.
    subprocess.run([sys.executable, "-P", "-m", "airflow", "db", "migrate"], check=True)
    set_pool()
    set_users()


if __name__ == "__main__":
    main()
