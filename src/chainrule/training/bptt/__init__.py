"""Backpropagation through time, truncated and exact."""
