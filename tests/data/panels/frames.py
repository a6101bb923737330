"""Panels and frames that tests read."""

from typing import Any

import numpy as np
import pandas as pd

from chainrule.data import Panel, Reading, read

DAYS = pd.date_range("2024-01-01", periods=8)
A = [1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0]
B = [10.0, 20.0, 30.0, 40.0, 50.0]  # which begins two days later, and ends a day earlier
LONG = pd.DataFrame(
    {
        "unique_id": ["b"] * 5 + ["a"] * 8,
        "ds": [*DAYS[2:7], *DAYS],
        "y": [*B, *A],
        "price": np.arange(13) / 2,
        "open": [True, False, True, True, False] * 2 + [True] * 3,
        "rain": np.arange(13.0) ** 2,
        "region": ["south"] * 5 + ["north"] * 8,
        "store": [7] * 5 + [3] * 8,
    }
)
WIDE = LONG.pivot(index="ds", columns="unique_id", values="y")[["b", "a"]].reset_index().rename_axis(columns=None)
BESIDE: dict[str, Any] = {
    "known": ("price", "open"), "past": ("rain",), "static": ("region", "store:category"), "calendar": ("weekday",),
}  # fmt: skip


def panel_of(source: Any, **options: Any) -> Panel:
    panel = read(source, Reading(**options))
    assert isinstance(panel, Panel)
    return panel


def assert_same(one: Panel, other: Panel) -> None:
    for name in ("values", "starts", "dates", "first_steps", "known", "past", "static"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("ids", "target", "freq", "timezone", "season", "covariates"):
        assert getattr(one, name) == getattr(other, name), name
