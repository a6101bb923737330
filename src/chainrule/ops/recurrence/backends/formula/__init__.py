"""Backpropagation through time, derived by hand in plain torch."""
