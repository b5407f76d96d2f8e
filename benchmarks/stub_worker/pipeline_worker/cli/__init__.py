"""The commands: whatever a stage's is called, it does what the module `command` does."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location


class Commands:
    """Finds that module where Python looks for a command of the worker."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return it under the command's name, or None for anything else."""
        acting = find_spec("pipeline_worker.command") if name.startswith(f"{__name__}.") else None
        return spec_from_file_location(name, acting.origin) if acting else None


sys.meta_path.append(Commands)
