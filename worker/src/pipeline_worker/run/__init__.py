"""What every attempt of a stage goes through: its beginning, its parameters, its commit, and what is kept of its end."""
