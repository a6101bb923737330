"""Dates as tables write them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates, in_format, nanoseconds, no_dates
from chainrule.data.dates.numbered import EPOCH_UNITS, digits_of, from_numbers, since_1970
from chainrule.data.dates.periods import FORMATS, SHORT_YEAR, SHORT_YEAR_FORMATS, as_days
from chainrule.data.numerals import Marks, to_numbers
from chainrule.errors import ArgumentError, ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["parse_dates"]


_SAMPLE = 20  # cells by which formats are chosen
_NUMBER = r"[-+]?\d+([.,]\d+)?"


def parse_dates(column: pd.Series, numbers: bool, form: str | None = None) -> Dates:
    """The dates a column holds, NaT where a cell holds none.

    Text is read as ISO 8601, as quarters (2024Q1, Q1 2024), weeks (2024-W01) or months (2024M01, Jan 2024), else in
    a format of its first cells. If ``numbers``, whole numbers are years (2024), months (202401) or days (20240131),
    and numbers that increase are seconds, milli-, micro- or nanoseconds since 1970 if all are from March 1973 to 2261;
    smaller ones could count anything.

    Args:
        column: cells of any type.
        numbers: whether numbers may be dates.
        form: the format, as of strptime; or the unit of numbers that count from 1970.

    Raises:
        ColumnError: text that reads as dates month-first and day-first, to different effect, or with years
            of two digits, and no format given.
        ArgumentError: a format that pandas does not know.
    """
    pd = require("pandas")
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(column):
        if form is not None:
            raise ColumnError(
                f"{option('date_format', form)} does not apply to column {column.name!r}, whose cells are dates "
                "already. Leave it out."
            )
        return nanoseconds(column)
    if form is not None:
        return _in_named_format(column, form)
    types = pd.api.types
    if types.is_bool_dtype(column) or types.is_timedelta64_dtype(column) or types.is_complex_dtype(column):
        return no_dates(len(column))
    if types.is_numeric_dtype(column):
        if not numbers:
            return no_dates(len(column))
        return from_numbers(column)
    text = column.astype("str").str.strip().where(column.notna()).astype("str")
    if numbers and text.notna().any() and text.str.fullmatch(r"\d{1,19}(\.0)?", na=True).all():
        return from_numbers(pd.to_numeric(text))
    return _from_text(column.name, as_days(text))


def _from_text(name: object, text: pd.Series) -> Dates:
    """The dates in the format that reads most cells; refused where two do, to different dates."""
    sample = text.dropna().head(_SAMPLE)
    if not sample.str.contains(r"\d").any() or sample.str.fullmatch(_NUMBER).all():
        return no_dates(len(text))
    if not np.isnat(in_format(sample, "ISO8601")).all():
        return in_format(text, "ISO8601")
    if sample.str.fullmatch(SHORT_YEAR).all():
        raise _short_years(name, text.dropna())
    unread = {form: int(np.isnat(in_format(sample, form)).sum()) for form in _formats_of(sample)}
    least = min(unread.values())
    if least == len(sample):
        return no_dates(len(text))
    read = {form: in_format(text, form) for form in unread if unread[form] == least}
    missing = {form: int(np.isnat(dates).sum()) for form, dates in read.items()}
    best = [form for form in read if missing[form] == min(missing.values())]
    for form in best[1:]:
        differ = read[form].astype(np.int64) != read[best[0]].astype(np.int64)
        if differ.any():
            raise ColumnError(
                f"the dates of column {name!r} read both month-first and day-first, for example "
                f"{text[differ].iloc[0]}. {_one_of([best[0], form])}"
            )
    return read[best[0]]


def _short_years(name: object, text: pd.Series) -> ColumnError:
    forms = [form for form in SHORT_YEAR_FORMATS if not np.isnat(in_format(text, form)).any()]
    return ColumnError(
        f"the dates of column {name!r} have years of two digits, for example {text.iloc[0]}: which part is the year, "
        f"and of which century, is not certain. {_one_of(forms)}"
    )


def _formats_of(sample: pd.Series) -> Sequence[str]:
    """The formats that pandas guesses, also with day and month swapped; else all that it does not guess."""
    guess = require("pandas").tseries.api.guess_datetime_format
    with warnings.catch_warnings():  # that days may be months, which is decided here
        warnings.simplefilter("ignore", UserWarning)
        guessed = {guess(cell) for cell in sample} - {None}
    return sorted(guessed | {_swapped(form) for form in guessed}) or FORMATS


def _swapped(form: str) -> str:
    """The format with day and month in the other order; behind a year the month always comes first."""
    if form.startswith("%Y"):
        return form
    other = {"%d": "%m", "%m": "%d"}
    return re.sub("%[dm]", lambda part: other[part[0]], form)


def _one_of(forms: list[str]) -> str:
    if not forms:
        return "Write them as 2024-01-31."
    choice = " or ".join(option("date_format", form) for form in forms)
    return f"Give {choice}, or write them as 2024-01-31."


def _in_named_format(column: pd.Series, form: str) -> Dates:
    """The dates in the format, or the unit, that was given."""
    pd = require("pandas")
    if form in EPOCH_UNITS:
        if not pd.api.types.is_integer_dtype(column):
            column = to_numbers(column, Marks())
        return since_1970(column, form)
    text = column.astype("str").where(column.notna())
    if pd.api.types.is_numeric_dtype(column):  # a number has lost its leading zeros
        text = digits_of(column).str.zfill(len(datetime(2000, 10, 10).strftime(form)))
    try:
        return in_format(text.str.strip(), form)
    except (ValueError, re.error) as error:
        raise ArgumentError(
            f"{option('date_format', form)} is no format: {error}. Expected one as of Python's strptime, such as "
            f"%d.%m.%Y, or for numbers that count from 1970 one of {', '.join(EPOCH_UNITS)}."
        ) from error
