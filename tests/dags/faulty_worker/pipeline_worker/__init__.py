"""The benchmark's stub with faults on demand: what is in `faults` of --params happens instead of a commit."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
