"""How a model is handed out: its registered version, and the report."""
