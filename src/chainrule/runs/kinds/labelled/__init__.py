"""Labelled examples: images and sound."""
