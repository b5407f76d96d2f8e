"""The stages, a folder each, with all that it is made of: `stage.py` in it does the work."""
