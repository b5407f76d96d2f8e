"""Who may do what in the Compose stack's Airflow: Flask-AppBuilder's users and roles, with a role that runs the stages.

Flask-AppBuilder has one right, to edit a Dag, for running it, clearing its tasks and pausing it. Only the last is taken out
here. At an upgrade of the provider: see that `is_authorized_dag` has these arguments still, and that pausing still asks it
for PUT with no part of the Dag named; tests/e2e/compose/test_roles.py tries all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.security import permissions

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.providers.fab.auth_manager.models import User

#: The Dags that an operator runs. Not `watch`: it runs by itself, and claims what landed.
_RUN = ("ingest", "validate", "train", "publish")
#: Beside what a viewer may: trigger and clear the stages, and set the state of what runs, which is how it is stopped (Airflow
#: has one right for the last two). Nothing is deleted or paused, and no event of an asset is made by hand.
OPERATOR_PERMISSIONS = [
    (permissions.ACTION_CAN_CREATE, permissions.RESOURCE_DAG_RUN),
    (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_DAG_RUN),
    (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_TASK_INSTANCE),
    *((permissions.ACTION_CAN_EDIT, permissions.resource_name(name, permissions.RESOURCE_DAG)) for name in _RUN),
]


class PipelineAuthManager(FabAuthManager):
    """Lets only those pause a Dag who may edit all of them: administrators."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Return whether a user may do something to a Dag, or to a part of one such as its runs."""
        if method == "PUT" and access_entity is None:
            return self._is_authorized(method=method, resource_type=permissions.RESOURCE_DAG, user=user)
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
