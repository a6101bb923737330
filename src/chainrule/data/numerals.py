"""Numbers as tables write them, with marks between thousands and before decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._optional import require

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Marks", "is_ambiguous", "to_numbers"]

_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_SPACES = "[ \u00a0\u202f]"


@dataclass(frozen=True)
class Marks:
    """The marks that a reading names; if it names none, a comma may be the decimal mark."""

    thousands: str | None = None
    decimal: str | None = None

    def __bool__(self) -> bool:
        return self.thousands is not None or self.decimal is not None

    @property
    def point(self) -> str:
        """The mark before decimals: a comma if the point stands between thousands, or if no mark is named."""
        if self.decimal:
            return self.decimal
        if self.thousands == "." or not self:
            return ","
        return "."

    @property
    def group(self) -> str:
        """A pattern of the mark between thousands; one that matches nothing if there is none."""
        if self.thousands is None:
            return r"[^\s\S]"
        if self.thousands == " ":
            return _SPACES
        return re.escape(self.thousands)

    @property
    def number(self) -> str:
        """A pattern of cells that are numbers as a whole."""
        whole = rf"(?:\d{{1,3}}(?:{self.group}\d{{2,3}})*{self.group}\d{{3}}|\d+)"
        return rf"[-+]?(?:{whole}(?:{re.escape(self.point)}\d*)?|{re.escape(self.point)}\d+)(?:[eE][-+]?\d+)?"


def to_numbers(cells: pd.Series, marks: Marks) -> pd.Series[float]:
    """The cells as floats, missing where they are not real numbers: truth values, durations and dates are not."""
    pd = require("pandas")
    types = pd.api.types
    if types.is_numeric_dtype(cells) and not types.is_bool_dtype(cells) and not types.is_complex_dtype(cells):
        return _as_floats(cells)
    if types.is_object_dtype(cells) and not all(isinstance(cell, str) for cell in cells.dropna()):
        return _as_floats(cells.map(_number))
    if not types.is_object_dtype(cells) and not types.is_string_dtype(cells):
        return _as_floats(pd.Series(np.nan, index=cells.index))
    text = cells.astype("str").str.strip().where(cells.notna())
    if marks or _has_decimal_commas(text):
        text = text.where(text.str.fullmatch(marks.number, na=False))
        text = text.str.replace(marks.group, "", regex=True).str.replace(marks.point, ".", regex=False)
    return _as_floats(pd.to_numeric(text, errors="coerce"))


def _as_floats(cells: pd.Series) -> pd.Series[float]:
    values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    floats: pd.Series[float] = require("pandas").Series(values, index=cells.index)
    return floats


def is_ambiguous(cells: pd.Series) -> bool:
    """Whether all commas of the cells may stand before decimals or between thousands, as in 1,500."""
    types = require("pandas").api.types
    if not types.is_object_dtype(cells) and not types.is_string_dtype(cells):
        return False
    text = cells.dropna().astype("str").str.strip()
    with_comma = text[text.str.contains(",", regex=False)]
    return len(with_comma) > 0 and bool(with_comma.str.fullmatch(_GROUPED).all())


def _has_decimal_commas(text: pd.Series) -> bool:
    known = text.dropna()
    if not known.head(20).str.fullmatch(Marks().number).all() or not known.str.contains(",", regex=False).any():
        return False
    return bool(known.str.fullmatch(Marks().number).all()) and not is_ambiguous(known)


def _number(cell: Any) -> float:
    """A Python object as a number; one that is too large is infinite, which is refused later with its row."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | str | np.number):
        return np.nan
    try:
        return float(cell)
    except OverflowError:
        return np.inf
    except ValueError:
        return np.nan
