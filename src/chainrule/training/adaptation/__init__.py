"""Scoring and learning in turns: every step is scored first and learned from after."""
