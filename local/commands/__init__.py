"""The commands of the local stack, a module each."""
