"""The commands: one module for each stage, and the only place where an error becomes an exit code."""
