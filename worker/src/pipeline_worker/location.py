"""Where a model may be published to."""

from __future__ import annotations

from .errors import LocationRefused
from .settings import Settings


def check_target(uri: str, settings: Settings) -> str:
    """Return a `target_output_path` as `s3://bucket/folder`, without a slash at its end.

    It is called at `ingest` too, so that a place which is not allowed is refused before anything is computed.

    :raises LocationRefused: it is no such URI; or it lies in the drop bucket, where the model would become a drop; or
        among the runs of the pipeline itself.
    """
    bucket, _, key = uri.removeprefix("s3://").removesuffix("/").partition("/")
    own = f"{settings.artifact_bucket}/{settings.prefix}".rstrip("/")
    if not uri.startswith("s3://") or not bucket:
        fault = "It is no `s3://bucket/folder`; files of a machine are out of reach"
    elif key and any(part in {"", ".", ".."} for part in key.split("/")):
        fault = "It has an empty part, `.` or `..`"
    elif "?" in uri or "\\" in uri or not uri.isprintable():
        fault = "It has a character that not every store takes (`?`, a backslash, a line break)"
    elif bucket == settings.drop_bucket:
        fault = "It is in the drop bucket, where the model would be taken for dropped data"
    elif f"{bucket}/{key}/".startswith(f"{own}/"):
        fault = "It is among what the pipeline keeps of its runs"
    else:
        return f"s3://{bucket}/{key}".rstrip("/")
    raise LocationRefused(
        f"`target_output_path` may not lie there. {fault}.",
        where=uri,
        fix=f"Give another bucket or folder, such as s3://{settings.artifact_bucket}/published/; "
        f"without it the model goes to s3://{own}/models/.",
        details={"parameter": "target_output_path"},
    )
