"""The four stages from a dropped data file to a published model."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pipeline-worker")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+checkout"
