"""Centre and scale: from the past alone, without gaps, and never zero."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.models.panels.scaling import centre_and_scale

VALUES = st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


@given(VALUES, st.integers(1, 8), st.integers(0, 39))
def test_no_step_after_its_own_enters(values: list[float], season: int, cut: int) -> None:
    y = np.array(values)
    early = slice(min(cut, len(y) - 1) + 1)
    whole = centre_and_scale(y, season, 2.0)
    part = centre_and_scale(y[early], season, 2.0)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one[early], other, rtol=1e-12, atol=1e-9)


@given(VALUES, st.integers(1, 8))
def test_there_is_always_a_scale(values: list[float], season: int) -> None:
    centre, scale = centre_and_scale(np.array(values), season, 2.0)
    assert np.isfinite(centre).all()
    assert (scale > 0).all()


def test_a_past_of_zeros_has_the_unit() -> None:
    _, scale = centre_and_scale(np.array([0.0, 0.0, np.nan, 0.0]), 1, 2.0)
    assert scale.tolist() == [2.0] * 4
