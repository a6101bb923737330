"""Panels: many series of one target, and what is known beside it."""
