"""How a file is read: its format, its columns' types, its rows, and what they look like."""
