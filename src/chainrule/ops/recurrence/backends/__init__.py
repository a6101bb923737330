"""What computes a recurrence: the definition, the formula, compiled code, and torch."""
