"""The users of MinIO: one for each key, marked as made here, and removed again when no setting names it any more."""

from __future__ import annotations

import json
from collections.abc import Iterator

from minio import MinioAdmin
from minio.error import S3Error

from pipeline_contract.settings import KEYS
from rights import make_policies
from server import connect
from settings import BootstrapSettings, SettingInvalid

#: Who is in this group was made here. It gives no right.
GROUP = "pipeline"


def check_secrets(admin: MinioAdmin, settings: BootstrapSettings) -> None:
    """Raise where a user that is there does not answer to the secret of its setting.

    Sessions that were begun with a key (STS, up to a week long) outlive a change of its secret; they end with its user.
    """
    known = json.loads(admin.user_list())
    changed = []
    for identity, key in settings.keys.items():
        if key.access not in known:
            continue
        try:
            connect(settings, key)[0].list_buckets()
        except S3Error as error:
            if error.code in ("SignatureDoesNotMatch", "InvalidAccessKeyId"):
                changed.append(identity)
            elif error.code != "AccessDenied":
                raise
    if changed:
        names = ", ".join(f"{KEYS[identity][1]} of {KEYS[identity][0]}" for identity in changed)
        raise SettingInvalid(
            f"{names}: MinIO knows the access key, but by another secret, or as disabled. Nothing was changed. Sessions begun "
            "with the old secret would go on: choose a new access key as well (`make up` makes both where the secret's line "
            "in `.env` is emptied), or put the old secret back; see runbooks/rotate-secrets.md."
        )


def set_users(admin: MinioAdmin, settings: BootstrapSettings) -> Iterator[str]:
    """Give each identity its policy, and its user that policy and no other; yield what was done."""
    for identity, policy in make_policies(settings).items():
        key = settings.keys[identity]
        admin.policy_add(policy_name=identity, policy=policy)
        # A user that is there stays as it is: check_secrets has seen that it answers to this secret.
        admin.user_add(access_key=key.access, secret_key=key.secret)
        admin.group_add(group_name=GROUP, members=[key.access])  # type: ignore[arg-type]  # what the server takes is a list
        attached = split_names(json.loads(admin.user_info(access_key=key.access)).get("policyName"))
        if attached - {identity}:
            admin.detach_policy(policies=sorted(attached - {identity}), user=key.access)
        if identity not in attached:
            admin.attach_policy(policies=[identity], user=key.access)
        yield f"key of {identity}: set"


def remove_users(admin: MinioAdmin, settings: BootstrapSettings) -> Iterator[str]:
    """Remove who was made here and is in no setting any more, and so end their sessions; yield what was done.

    Of others that hold a policy of ours it is only told: somebody else made them.
    """
    group = json.loads(admin.group_info(group_name=GROUP))
    if given := split_names(group.get("policy")):
        admin.detach_policy(policies=sorted(given), group=GROUP)
        yield f"group {GROUP}: has no policy any more"
    named = {key.access for key in settings.keys.values()}
    for access in sorted(set(group["members"]) - named):
        admin.user_remove(access_key=access)
        yield "a key that no setting names any more: removed, and its sessions are ended"
    for access, user in json.loads(admin.user_list()).items():
        held = split_names(user.get("policyName")) & settings.keys.keys()
        if held and access not in named:
            yield f"a key that was not made here has the rights of {', '.join(sorted(held))}: see runbooks/minio.md"


def split_names(text: str | None) -> set[str]:
    """Return the names in a comma separated list."""
    return {name for name in (text or "").split(",") if name}
