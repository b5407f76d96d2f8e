"""The worker itself, but that two stages do next to nothing: for tests of what is around the stages.

Put before the real package, which stays behind it: whatever is not in this folder is the real one's, commands, manifests,
receipts, `ingest` and `publish` included. What `validate` and `train` leave has the form of the real ones; tests/worker
compares it. The examples (EXAMPLES) are validated and trained for real.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).parent
_REAL = next(
    folder
    for folder in (Path(entry) / "pipeline_worker" for entry in sys.path)
    if folder != _HERE and (folder / "stages").is_dir()
)
__path__.append(str(_REAL))

#: The datasets of `examples/`.
EXAMPLES = {"penguins", "broken", "bikes"}


class StageFinder:
    """Finds the stages of this folder where the worker looks for its own."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return where the module is, or None for any other."""
        package, _, stage = name.removesuffix(".stage").rpartition(".")
        is_ours = package == f"{__name__}.stages" and name.endswith(".stage")
        file = _HERE / f"{stage}.py"
        return importlib.util.spec_from_file_location(name, file) if is_ours and file.exists() else None


sys.meta_path.insert(0, StageFinder)  # type: ignore[arg-type]  # the class is the finder


def _load_real(path: str, as_name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(as_name, _REAL / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[as_name] = module
    spec.loader.exec_module(module)
    return module


def load_stage(stage: str) -> ModuleType:
    """Return the real module of a stage."""
    return _load_real(f"stages/{stage}/stage.py", f"{__name__}.stages.{stage}.real_stage")


__version__ = _load_real("__init__.py", f"{__name__}.real").__version__
