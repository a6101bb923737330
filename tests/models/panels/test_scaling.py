"""Centre and scale: from the past alone, without gaps, and never zero."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.models.panels.scaling import running_sums, units_of

VALUES = st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


@given(VALUES, st.integers(1, 8), st.integers(0, 39))
def test_no_step_after_its_own_enters(values: list[float], season: int, cut: int) -> None:
    y = np.array(values)
    early = slice(min(cut, len(y) - 1) + 1)
    whole = units_of(y, season, 2.0)
    part = units_of(y[early], season, 2.0)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one[early], other, rtol=1e-12, atol=1e-9)


@given(VALUES, st.integers(1, 8))
def test_there_is_always_a_scale(values: list[float], season: int) -> None:
    centre, scale, change = units_of(np.array(values), season, 2.0)
    assert np.isfinite(centre).all()
    assert (scale > 0).all()
    assert (change > 0).all()


def test_a_past_of_zeros_has_the_unit() -> None:
    _, scale, change = units_of(np.array([0.0, 0.0, np.nan, 0.0]), 1, 2.0)
    assert scale.tolist() == [2.0] * 4
    assert change.tolist() == [2.0] * 4


@given(VALUES, st.integers(1, 8), st.integers(0, 39))
def test_sums_go_on_from_those_before(values: list[float], season: int, cut: int) -> None:
    y = np.array(values)
    first = min(cut, len(y) - 1)
    context = min(first, season)
    whole = running_sums(y, season)
    before = whole[first - 1] if first else 0.0
    rest = running_sums(y[first - context :], season, before, context)
    np.testing.assert_allclose(rest[context:], whole[first:], rtol=1e-9, atol=1e-6)


def test_a_lively_year_after_calm_ones_has_a_larger_scale_than_all_of_them() -> None:
    y = np.concatenate([np.arange(400.0), 400.0 + 9.0 * np.arange(100.0)])
    _, scale, change = units_of(y, 1, 1.0)
    assert 7.0 < scale[-1] < 9.0
    assert 2.0 < change[-1] < 3.0
