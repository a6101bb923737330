"""Symbols: text and quantised sound."""
