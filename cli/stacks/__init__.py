"""What the commands work on: the stack on this machine, its services, and the one on Docker Compose."""
