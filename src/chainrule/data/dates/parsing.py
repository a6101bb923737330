"""Dates as tables write them."""

from __future__ import annotations

import re
import shlex
import warnings
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.dates.periods import FORMATS, NUMBERS, SHORT_YEAR, SHORT_YEAR_FORMATS, as_days
from chainrule.data.numerals import Marks, to_numbers
from chainrule.errors import ArgumentError, ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EPOCH_UNITS", "Dates", "no_dates", "parse_dates"]

Dates = NDArray[np.datetime64]

EPOCH_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH_FIRST = 1e8  # seconds: above every day written as 20240131, below any second since March 1973
_EPOCH_LAST = 9_214_646_400  # seconds: the first of 2262
_FIRST = np.datetime64("1678-01-01")  # what nanoseconds in 64 bits reach
_END = np.datetime64("2262-01-01")
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
            raise ColumnError(f"the cells of column {column.name!r} are dates already. Leave --date-format out.")
        return _nanoseconds(column)
    if form is not None:
        return _in_named_format(column, form)
    types = pd.api.types
    if types.is_bool_dtype(column) or types.is_timedelta64_dtype(column) or types.is_complex_dtype(column):
        return no_dates(len(column))
    if types.is_numeric_dtype(column):
        return _from_numbers(column) if numbers else no_dates(len(column))
    text = column.astype("str").str.strip().where(column.notna()).astype("str")
    if numbers and text.notna().any() and text.str.fullmatch(r"\d{1,19}(\.0)?", na=True).all():
        return _from_numbers(pd.to_numeric(text))
    return _from_text(column.name, as_days(text))


def no_dates(rows: int) -> Dates:
    """NaT in every row."""
    return np.full(rows, np.datetime64("NaT"), dtype="datetime64[ns]")


def _from_text(name: object, text: pd.Series) -> Dates:
    """Of the formats that read most of the first cells, the one that reads most; refused if two do, to other dates."""
    pd = require("pandas")
    sample = text.dropna().head(_SAMPLE)
    if not sample.str.contains(r"\d").any() or sample.str.fullmatch(_NUMBER).all():
        return no_dates(len(text))
    if not np.isnat(_in_format(sample, "ISO8601")).all():
        return _in_format(text, "ISO8601")
    if sample.str.fullmatch(SHORT_YEAR).all():
        fit = [form for form in SHORT_YEAR_FORMATS if not np.isnat(_in_format(text.dropna(), form)).any()]
        raise ColumnError(
            f"the dates of column {name!r} have years of two digits, for example {sample.iloc[0]}: which part is the "
            f"year, and of which century, is not certain. {_one_of(fit)}"
        )
    with warnings.catch_warnings():  # of what is taken care of here: days that may be months
        warnings.simplefilter("ignore", UserWarning)
        guessed = {pd.tseries.api.guess_datetime_format(cell) for cell in sample} - {None}
    forms = sorted(guessed | {_swapped(form) for form in guessed}) or FORMATS
    unread = {form: int(np.isnat(_in_format(sample, form)).sum()) for form in forms}
    least = min(unread.values())
    if least == len(sample):
        return no_dates(len(text))
    read = {form: _in_format(text, form) for form in forms if unread[form] == least}
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


def _swapped(form: str) -> str:
    """The format with day and month in the other order; behind a year the month always comes first."""
    other = {"%d": "%m", "%m": "%d"}
    return form if form.startswith("%Y") else re.sub("%[dm]", lambda part: other[part[0]], form)


def _one_of(forms: list[str]) -> str:
    choice = " or ".join(f"--date-format {shlex.quote(form)}" for form in forms)
    return f"Give {choice}, or write them as 2024-01-31." if forms else "Write them as 2024-01-31."


def _in_named_format(column: pd.Series, form: str) -> Dates:
    """The dates in the format, or the unit, that was given."""
    pd = require("pandas")
    if form in EPOCH_UNITS:
        return _since_1970(column if pd.api.types.is_integer_dtype(column) else to_numbers(column, Marks()), form)
    text = column.astype("str").where(column.notna())
    if pd.api.types.is_numeric_dtype(column):  # a number has lost its leading zeros
        text = _digits(column).str.zfill(len(datetime(2000, 10, 10).strftime(form)))
    try:
        return _in_format(text.str.strip(), form)
    except (ValueError, re.error) as error:
        raise ArgumentError(
            f"date_format is {form!r}: {error}. Expected one as of Python's strptime, such as %d.%m.%Y, or for numbers "
            f"that count from 1970 one of {', '.join(EPOCH_UNITS)}."
        ) from error


def _from_numbers(column: pd.Series) -> Dates:
    """Whole numbers that are the digits of dates, else numbers that count from 1970."""
    digits = _digits(column)
    lengths = digits.str.len().dropna().unique()
    form = NUMBERS.get(int(lengths[0])) if len(lengths) else None
    dates = no_dates(len(column)) if form is None else _in_format(digits.where(digits.str.len() == lengths[0]), form)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    if len(known) < 2 or (len(digits.dropna()) == len(known) and not np.isnat(dates[~np.isnan(values)]).any()):
        return dates
    counts = (known[1:] > known[:-1]).all() or (known == np.floor(known)).all()
    for unit, scale in EPOCH_UNITS.items():
        if counts and (known >= _EPOCH_FIRST * scale).all() and (known < _EPOCH_LAST * scale).all():
            return _since_1970(column, unit)
    return dates


def _digits(column: pd.Series) -> pd.Series:
    """Whole positive numbers as text, missing where there is none."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = (values >= 0) & (values < 1e15) & (values == np.floor(values))
    return column.where(whole).astype("Int64").astype("str").where(whole)


def _since_1970(column: pd.Series, unit: str) -> Dates:
    """The dates of numbers: whole ones exactly, others to the microsecond, which float64 holds to 2261."""
    pd = require("pandas")
    if pd.api.types.is_integer_dtype(column):
        return _nanoseconds(pd.to_datetime(column, unit=unit, errors="coerce", utc=True))
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    inside = np.abs(values) < _EPOCH_LAST * EPOCH_UNITS[unit]
    micro = np.rint(np.where(inside, values, 0) * (1e6 / EPOCH_UNITS[unit])).astype(np.int64)
    dates = micro.astype("datetime64[us]").astype("datetime64[ns]")
    return np.where(inside, dates, np.datetime64("NaT", "ns"))


def _in_format(text: pd.Series, form: str) -> Dates:
    return _nanoseconds(require("pandas").to_datetime(text, format=form, errors="coerce", utc=True))


def _nanoseconds(dates: pd.Series) -> Dates:
    pd = require("pandas")
    dates = pd.to_datetime(dates, utc=True).dt.tz_localize(None)
    dates = dates.where((dates >= _FIRST) & (dates < _END))
    return dates.to_numpy(dtype="datetime64[ns]")
