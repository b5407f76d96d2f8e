"""How a drop is seen, claimed and announced."""
