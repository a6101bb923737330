"""From data and settings to a fitted run."""
