"""How far back the gradient reaches: the map over all pairs of steps, by lag, and in words."""
