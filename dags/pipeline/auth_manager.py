"""Who may do what in the Compose stack's Airflow: Flask-AppBuilder's users and roles, with one right divided.

Flask-AppBuilder has one right, to edit a Dag, for running it, clearing its tasks and pausing it. Only the last is taken out
here; the role of those who run the stages is made in config/init_airflow.py. At an upgrade of the provider: see that
`is_authorized_dag` has these arguments still, and that pausing still asks it for PUT with no part of the Dag named;
tests/e2e/compose/test_roles.py tries all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.security import permissions

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.providers.fab.auth_manager.models import User


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
