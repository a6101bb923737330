"""Layers fed one step at a time."""
