"""The commands that a user calls, a module each."""
