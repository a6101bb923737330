"""The parts of a panel: in time order, a horizon at least, and nothing of a series that is too short."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import Panel
from chainrule.errors import TooShortError
from chainrule.runs.kinds.panels.parts import cut_panel


def of_lengths(lengths: list[int]) -> Panel:
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Panel(np.ones(starts[-1]), starts, tuple(f"s{i}" for i in range(len(lengths))))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(1, 40))
def test_parts_follow_one_another(lengths: list[int], horizon: int) -> None:
    panel = of_lengths(lengths)
    needed = 3 * horizon + 1
    if max(lengths) < needed:
        with pytest.raises(TooShortError, match=f"a horizon of {horizon} needs at least {needed}"):
            cut_panel(panel, horizon)
        return
    parts = cut_panel(panel, horizon)
    used = parts.used
    for i, length in enumerate(lengths):
        if length >= needed:
            assert used[i]
    assert (parts.test[used] == panel.ends[used]).all()
    held_out = np.maximum((panel.ends - panel.starts[:-1]) // 10, horizon)
    assert (parts.test - parts.valid == np.where(used, held_out, 0)).all()
    assert (parts.valid - parts.train == np.where(used, held_out, 0)).all()
    assert (parts.train[used] - panel.starts[:-1][used] > horizon).all()
