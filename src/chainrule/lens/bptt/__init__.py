"""Backpropagation through time of a model: its steps, the terms of its double sum, and what truncation loses."""
