"""How a stage is asked for and started, and how its end is judged."""
