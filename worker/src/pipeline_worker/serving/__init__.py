"""What a published model needs to be used as it stands, where this package is not installed."""
