"""Feeds: what gives the training loop one gradient after another, from streams of steps or from labelled examples."""
