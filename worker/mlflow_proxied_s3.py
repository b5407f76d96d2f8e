# ruff: noqa: INP001 - a module by itself, in the image of MLflow's server
"""Where MLflow's server keeps artifacts on the Compose stack, and where it does not.

`proxied-s3://bucket/prefix` is an artifact store in S3, whose artifacts the server hands out itself.

MLflow 3.17 tells clients to fetch from `s3://` directly, by addresses that name the store as the server knows it, and no
setting turns that off. On the Compose stack that name means nothing outside of it: to load a model on any machine would wait
for a host that cannot be found. It does so for every class with MLflow's MultipartDownloadMixin, so this one goes without.

Whoever makes an experiment or a model version says where its artifacts lie, and the server would read and write there: on its
own disk (`file:`), or on any host. So every other place that MLflow knows is refused.
"""

from __future__ import annotations

from typing import Any, NoReturn

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository


class ProxiedS3ArtifactRepository(ArtifactRepository):
    """Passes everything on to MLflow's own class for S3."""

    def __init__(self, artifact_uri: str, *args: Any, **options: Any) -> None:
        super().__init__(artifact_uri, *args, **options)
        self._s3: Any = S3ArtifactRepository(artifact_uri.removeprefix("proxied-"), *args, **options)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Put one file."""
        self._s3.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Put a folder."""
        self._s3.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return what lies below a path."""
        return list(self._s3.list_artifacts(path))

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete what lies below a path."""
        self._s3.delete_artifacts(artifact_path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._s3._download_file(remote_file_path, local_path)  # noqa: SLF001 - as MLflow's own classes do


class RefusedArtifactRepository(ArtifactRepository):
    """Takes the place of MLflow's own classes for the places that this server neither reads nor writes."""

    def __init__(self, artifact_uri: str, *_: Any, **__: Any) -> NoReturn:
        raise MlflowException(
            f"This server keeps no artifacts at `{artifact_uri}`. "
            "Make the experiment without an artifact location of its own; the server's store is used then.",
            error_code=INVALID_PARAMETER_VALUE,
        )


#: The store, and names that MLflow resolves to one of its places, each looked up here again.
_PLACES = {"s3", "mlflow-artifacts", "models", "runs"}


def _refuse_other_places() -> None:
    """Refuse what MLflow has registered so far: all of its own, as it looks for plugins last."""
    registry: Any = artifact_repository_registry._artifact_repository_registry  # noqa: SLF001 - there is no other way in
    for scheme in registry.get_registered_artifact_repositories().keys() - _PLACES:
        registry.register(scheme, RefusedArtifactRepository)


_refuse_other_places()
