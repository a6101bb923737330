"""Labelled examples: images, archives of arrays, classes and groups."""
