"""Verdicts on numbers that no network need give; those on networks are in test_reach.py."""

import numpy as np
from numpy.typing import NDArray

from chainrule.lens.reach.verdict import verdict, verdict_on_parts


def test_gradients_that_are_no_numbers_are_not_taken_for_none() -> None:
    lagged = np.full((2, 1, 5), np.inf)
    assert verdict(lagged, 5).startswith("broken: the gradient that enters the layer is not finite")


def lagged(*norms: float) -> NDArray[np.float64]:
    return np.array([[norms], [norms]])


def test_the_parts_of_a_state_are_judged_apart_each_by_its_own_start() -> None:
    h = lagged(1.0, 0.1, 0.001, 1e-5)
    c = lagged(0.004, 0.0035, 0.0032, 0.003)
    said = verdict_on_parts({"h": h, "c": c}, 4)
    assert said == (
        "lasting: 3 steps back the gradient norm of c is still 0.75 times its start: it does not vanish within your "
        "window of 4. That of h falls under 1 % beyond 2 steps."
    )
    assert verdict_on_parts({"h": c, "c": h}, 4).endswith("That of c falls under 1 % beyond 2 steps.")
    both = verdict_on_parts({"h": h, "c": h}, 40)
    assert both.startswith("vanishing: steps older than 2 receive less than 1 % of the gradient of h")
    grows = verdict_on_parts({"h": lagged(1.0, 20.0, 400.0), "c": lagged(1.0, 1.0, 1.0)}, 3)
    assert grows.startswith("exploding: from lag 1 on the gradient norm of h is over 10 times its start")
    assert grows.endswith("That of c is 1 times its start after 2 steps.")
    assert verdict_on_parts({"h": lagged(0.0, 0.0), "c": lagged(1.0, 1.0)}, 2).endswith("None enters h.")
