"""Where a model may be published to."""

from __future__ import annotations

import re

from ..errors import LocationRefused
from ..settings import Settings

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; other stores keep to it as well.
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
#: A key has at most 1,024 bytes, and the name of the model file comes behind the folder.
_LONGEST_FOLDER = 900


def check_target(uri: str, settings: Settings) -> str:
    """Return a `target_output_path` as `s3://bucket/folder`, without a slash at its end.

    It is called at `ingest` too, so that a place which is not allowed is refused before anything is computed.

    :raises LocationRefused: it is no such URI; or it lies in the drop bucket, where the model would become a drop; or
        among the runs of the pipeline itself.
    """
    bucket, _, key = uri.removeprefix("s3://").removesuffix("/").partition("/")
    if not uri.startswith("s3://") or not bucket:
        fault = "It is no `s3://bucket/folder`; files of a machine are out of reach"
    elif key and any(part in {"", ".", ".."} for part in key.split("/")):
        fault = "It has an empty part, `.` or `..`"
    elif "?" in uri or "\\" in uri or not uri.isprintable():
        fault = "It has a character that not every store takes (`?`, a backslash, a line break)"
    elif bucket != settings.artifact_bucket and not _BUCKET.fullmatch(bucket):
        fault = "No bucket can have this name: it takes 3 to 63 small letters, digits, `-` and `.`"
    elif len(key.encode()) > _LONGEST_FOLDER:
        fault = f"The folder is longer than {_LONGEST_FOLDER} bytes"
    elif bucket == settings.drop_bucket:
        fault = "It is in the drop bucket, where the model would be taken for dropped data"
    elif f"s3://{bucket}/{key}/".startswith(f"{settings.layout.root.rstrip('/')}/"):
        fault = "It is among what the pipeline keeps of its runs"
    else:
        return f"s3://{bucket}/{key}".rstrip("/")
    raise LocationRefused(
        f"`target_output_path` may not lie there. {fault}.",
        where=uri,
        fix=f"Give another bucket or folder, such as s3://{settings.artifact_bucket}/published/; "
        f"without it the model goes to {settings.layout.models}.",
        details={"parameter": "target_output_path"},
    )
