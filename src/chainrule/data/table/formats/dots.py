"""Dots in tables of text that may stand between thousands, which are read as points before decimals otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dotted_columns"]

_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
_TEXT_OF = Callable[[list[str]], "pd.DataFrame"]


def dotted_columns(frame: pd.DataFrame, delimiter: str, text_of: _TEXT_OF) -> dict[str, str]:
    """The columns all of whose dots may stand between thousands, as in 1.500, and a cell of each.

    Between semicolons, which leave the comma for decimals, all such columns are in doubt, unless others of the table
    have dots that can only be points. Elsewhere those are where 1.010 stands beside 883: who writes zeros behind a
    point writes them of every number.

    Args:
        frame: the table as read, with dots as points.
        delimiter: what stands between its cells.
        text_of: some of its columns as text.
    """
    floats = [name for name in frame.columns if frame[name].dtype == np.float64]
    by_semicolons = delimiter == ";"
    decimals = {name: _with_decimals(frame[name]) for name in floats}
    candidates = [name for name in floats if _may_be_grouped(decimals[name]) and (by_semicolons or len(decimals[name]))]
    if not candidates or (by_semicolons and len(candidates) < len(floats)):
        return {}
    text = text_of(candidates)
    in_doubt = {}
    for name in candidates:
        cells = text[name].dropna().astype("str").str.strip()
        with_dot = cells[cells.str.contains(".", regex=False)]
        grouped = bool(with_dot.str.fullmatch(_GROUPED).all())
        if by_semicolons and not grouped:
            return {}
        has_zeros = bool(with_dot.str.endswith("0").any()) and len(with_dot) < len(cells)
        if grouped and len(with_dot) and (by_semicolons or has_zeros):
            in_doubt[name] = with_dot.iloc[0]
    return in_doubt


def _with_decimals(column: pd.Series) -> NDArray[np.float64]:
    values = np.abs(column.to_numpy())
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite[finite % 1 > 0]


def _may_be_grouped(numbers: NDArray[np.float64]) -> bool:
    """Whether they have three decimals at most, and lie between 1 and 1000: a quick look, by value."""
    thousandths = numbers * 1000
    fits = (numbers > 1) & (numbers < 1000) & (np.abs(thousandths - np.rint(thousandths)) < 1e-6)
    return bool(fits.all())
