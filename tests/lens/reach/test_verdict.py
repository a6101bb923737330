"""Verdicts on numbers that no network need give; those on networks are in test_reach.py."""

import numpy as np

from chainrule.lens.reach.verdict import verdict


def test_gradients_that_are_no_numbers_are_not_taken_for_none() -> None:
    lagged = np.full((2, 1, 5), np.inf)
    assert verdict(lagged, 5).startswith("broken: the gradient that enters the layer is not finite")
