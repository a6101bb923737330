"""Putting chainrule's layers into an existing model, and taking them out again."""
