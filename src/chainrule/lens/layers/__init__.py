"""Inside a classifier: every layer's numbers for one input, forward and backward."""
