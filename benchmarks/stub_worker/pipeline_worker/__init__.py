"""The commands of the worker, doing nothing but committing a manifest."""

import gc

# All that is loaded is needed to the end, and the end comes soon.
gc.disable()
