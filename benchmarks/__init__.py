"""Measurements on a local stack of their own: how long a drop takes, and how many at once."""
