"""The four commands of the worker, doing nothing but committing a manifest."""
