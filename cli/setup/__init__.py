"""Sets the repository up: virtual environments from locked, hashed dependencies. Needs the standard library only."""
