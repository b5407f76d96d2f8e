"""Where a command executes: in the worker's environment on this machine, or in a container."""
