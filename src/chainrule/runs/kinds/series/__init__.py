"""Series of real values."""
