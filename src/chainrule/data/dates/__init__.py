"""Dates and their frequency, time zones and season."""
