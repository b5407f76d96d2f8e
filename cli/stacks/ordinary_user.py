"""Runs a program that refuses to run as root, or as a user without a name, as the machine's user `nobody`.

Nothing outside the state folder changes for that: no user is made, and no folder is opened to others.
"""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from cli.errors import MachineUnfit

_NOBODY = 65534  # where the machine does not say


def read_nobody() -> tuple[int, int]:
    """Return the ids of the user and the group `nobody`."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return entry.pw_uid, entry.pw_gid


def is_ordinary() -> bool:
    """Return whether we run as a user that has a name and is not root."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_uid != 0
    except KeyError:
        return False


def make_wrappers() -> list[list[str]]:
    """Return the beginnings of command lines that make an ordinary user of us, the better one first."""
    user, group = read_nobody()
    only = "-all,+dac_override"
    ids = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return [
        # Only seems to be nobody: in a user namespace of its own; files belong to us as ever.
        ["unshare", "--user", f"--map-user={user}", f"--map-group={group}", "--"],
        # Is nobody, who may open our folders all the same: for containers, which refuse namespaces.
        ["setpriv", *ids, f"--bounding-set={only}", f"--inh-caps={only}", f"--ambient-caps={only}", "--"],
    ]


@functools.cache
def find_wrapper() -> list[str]:
    """Return what a command line has to begin with here; empty for an ordinary user."""
    if is_ordinary():
        return []
    said = []
    for wrapper in make_wrappers():
        if shutil.which(wrapper[0]) is None:
            said.append(f"{wrapper[0]}: not found (Debian's package util-linux has it)")
            continue
        done = subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return wrapper
        said.append(done.stderr.strip())
    raise MachineUnfit(
        f"Postgres runs only as an ordinary user; you are {'root' if os.geteuid() == 0 else 'a user without a name'}, and "
        "no way round that works here:\n  " + "\n  ".join(said) + "\nRun make as an ordinary user, for instance after: "
        "useradd --create-home pipeline; su - pipeline"
    )


def change_owner(folder: Path) -> None:
    """Make all of a folder belong to the user that the wrapper makes of us."""
    wrapper = find_wrapper()
    owner = read_nobody() if wrapper[:1] == ["setpriv"] else (os.geteuid(), os.getegid())
    if folder.stat().st_uid == owner[0]:
        return
    # The top last: while it has its old owner, a change that was cut short begins anew.
    for path in sorted(folder.rglob("*"), reverse=True):
        os.chown(path, *owner, follow_symlinks=False)
    os.chown(folder, *owner)
