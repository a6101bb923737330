"""How a source is read. A run keeps it in its config, so that new data is read the same way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from chainrule._choices import bytes_of, choose, listed, spelt, whole
from chainrule._schema import check_fields
from chainrule._settings import On, described, option, setting, settings_of
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.labelled.groups import check_group
from chainrule.data.panels.calendar_names import AUTO, CALENDAR
from chainrule.data.text.decoding import check_encoding
from chainrule.errors import ArgumentError

__all__ = ["HIGHEST_RATE", "KINDS", "TRANSFORMS", "Reading"]

HIGHEST_RATE = 1_000_000  # samples a second
KINDS = ("text", "table", "sound", "images")
TRANSFORMS = ("standardise", "none", "difference", "log-return")
_NAMES_OF_COLUMNS = ("columns", "known", "past", "static", "calendar")
_PLURAL = {"text": "text", "table": "tables", "sound": "sound", "images": "images"}
_TEXT = (On(has="text"),)
_TABLE = (On(has="table"),)
_IMAGES = (On(has="images"),)
_LABELLED = (On(has="sound"), *_IMAGES)


@described
@dataclass(frozen=True)
class Reading:
    """How a source is read; every field is JSON-able, every default is what most files need.

    A setting that does not apply to the source is refused. Notes on some:

    - ``documents``: each file of a folder is split on its own.
    - ``layout``: "one" is one series, of the steps of the rows. The others read many series, a `Panel`: "long" has a
      row for each series and date, as frames of ``unique_id, ds, y`` have; "rows" a series in each row, its id first
      and blanks at its end, as the files of M4 have; "columns" a series in each column, with or without dates beside.
    - ``columns``: empty takes the only numeric column; of a long table "y", if there is one. Of the layouts "rows" and
      "columns" they are the columns that hold the series; empty takes all.
    - ``known``, ``past``, ``static``: of a long table. Numbers are read as numbers, all other columns as categories;
      "store:category" reads the numbers of the column store as categories. Blanks are read as missing. Rows at the end
      of a series that lack the target are what is known ahead.
    - ``calendar``: features of the dates, in their time zone; ("auto",) takes those that go with the frequency.
    - ``date``: whole numbers in columns called ds, t, time, step, steps, timestep or time_idx number the steps of many
      series, if they have fewer than six digits and no ``date_format`` is given; forecasts go on from them.
    - ``date_format``: as of strptime, or the unit of numbers that count from 1970; without one, dates that read in
      several ways are refused.
    - ``freq``: a pandas alias such as "B", "ME" or "15min". Dates that contradict it are refused. Or "M-15" for the
      15th of months (29 to 31: the last day of shorter ones), "C-SunMonTueWedThu" for days of such weeks, "5min B" for
      every five minutes of business days, at the times of day that the data has. With a ``fill`` of "forward" or
      "linear", missing dates are filled in.
    - ``transform``: see `chainrule.data.Transform`.
    - ``fill``: "linear" looks ahead, since the value after a gap enters those filled in; "forward" does not. Neither
      fills a missing date, unless ``freq`` says which are missing.
    - ``group``: a pattern that the names of files match, such as "*_{speaker}_*"; "folder", the one that a file lies
      in; or an array of an npz.
    - ``max_unpacked``: small files may unpack to more than there is memory. One that would unpack to more than this is
      refused before it does, wherever its format tells; else on the way.
    - ``unknown``: "replace" reads unknown characters as a blank that is not scored.

    Raises:
        ArgumentError: a value that is not one of the choices.

    >>> Reading(documents="lines")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `documents` is 'lines'; expected one of one, blank-line, line. \
Did you mean 'line'?
    """

    kind: Literal["text", "table", "sound", "images"] | None = setting(None, "Kind of data", chosen="detected")
    encoding: str = setting("utf-8", "Encoding of text and CSV files", on=_TEXT + _TABLE)
    unit: Literal["characters", "bytes"] = setting("characters", "Symbols of a text", on=_TEXT)
    documents: Literal["one", "blank-line", "line"] = setting(
        "one", "What counts as one document of a text: the whole file, or each paragraph or line", on=_TEXT
    )
    layout: Literal["one", "long", "rows", "columns"] | None = setting(
        None,
        "Series of a table: one, or many that lie below each other (long), one in each row, or one in each column",
        chosen="long where `id` is given without `series`, or covariates are named; else one",
        on=_TABLE,
    )
    columns: tuple[str, ...] = setting((), "Columns of a table to model", chosen="the only numeric one", on=_TABLE)
    known: tuple[str, ...] = setting((), "Columns that are known ahead of time, such as prices and holidays", on=_TABLE)
    past: tuple[str, ...] = setting((), "Columns that are known up to the present, such as the weather", on=_TABLE)
    static: tuple[str, ...] = setting((), "Columns that stay the same throughout a series, such as a region", on=_TABLE)
    calendar: tuple[str, ...] = setting(
        (), f"Features of the dates: {', '.join(CALENDAR)}; or auto, by the frequency", on=_TABLE
    )
    date: str | tuple[str, ...] | None = setting(
        None, "Date column, or several whose parts make a date", chosen="detected", on=_TABLE
    )
    date_format: str | None = setting(
        None,
        "Format of dates, such as %d.%m.%Y, or the unit of numbers since 1970: s, ms, us or ns",
        chosen="detected",
        on=_TABLE,
    )
    freq: str | None = setting(
        None, "Frequency of the dates, a pandas alias: h, B, ME, 15min", chosen="detected", on=_TABLE
    )
    id: str | tuple[str, ...] | None = setting(
        None, "Column, or columns, that tell several series in one table apart", chosen="detected", on=_TABLE
    )
    series: str | None = setting(
        None,
        "Which of several series to model, by its id (cells of several id columns separated by commas)",
        on=_TABLE,
    )
    header: bool | None = setting(None, "Whether a CSV file or a sheet has a header row", chosen="detected", on=_TABLE)
    sheet: str | None = setting(None, "Sheet of an Excel file", chosen="the only one", on=_TABLE)
    thousands: Literal[",", ".", " ", "'", "_"] | None = setting(
        None, "Thousands separator of a table: a comma, dot, blank, apostrophe or underscore", chosen="none", on=_TABLE
    )
    decimal: Literal[".", ","] | None = setting(
        None, "Decimal mark of a table, a dot or a comma", chosen="a dot, unless a comma can be nothing else", on=_TABLE
    )
    transform: Literal["auto", "standardise", "none", "difference", "log-return"] = setting(
        "auto", "Transform of a series; auto chooses by evidence from the training part", on=_TABLE
    )
    fill: Literal["forward", "linear", "drop"] | None = setting(
        None,
        "Treatment of missing values: repeat the value before, interpolate, or drop the row",
        chosen="refuse them",
        on=_TABLE,
    )
    season: int | None = setting(
        None, "Steps in a season", chosen="detected from the dates or the autocorrelation", on=_TABLE
    )
    rate: int | None = setting(
        None, "Resample sound to so many samples per second", chosen="the files' own rate", on=(On(has="sound"),)
    )
    labels: bool = setting(False, "Read sound files as labelled sequences, to classify", on=(On(has="sound"),))
    group: str | None = setting(
        None,
        "Group of labelled examples that the split keeps together: a pattern of file names such as "
        "'*_{speaker}_*', or folder",
        on=_LABELLED,
    )
    max_unpacked: str | None = setting(
        None,
        "Largest size that a file of a table or of images may unpack to, such as 2GB",
        chosen="64MB for .xlsx, 1GB for .parquet and .feather, 256MB for others; images also 32 times the file's size",
        on=_TABLE + _IMAGES,
    )
    unknown: Literal["skip", "replace"] | None = setting(
        None, "New characters that a model does not know: skip them, or replace them by a blank", on=_TEXT
    )

    def __post_init__(self) -> None:
        for field_name in _NAMES_OF_COLUMNS:
            self._check_names(field_name)
        check_fields(self, but=_NAMES_OF_COLUMNS)
        for field_name in (*_NAMES_OF_COLUMNS, "date", "id"):
            value = getattr(self, field_name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, field_name, tuple(value))
        for field_name in ("season", "rate"):
            value = getattr(self, field_name)
            if value is not None:
                object.__setattr__(self, field_name, whole(f"`{field_name}`", value))
        self._check_together()

    def _check_names(self, field_name: str) -> None:
        value = getattr(self, field_name)
        if isinstance(value, str):
            raise ArgumentError(f"`{field_name}` is {value!r}; expected a tuple of names: ({value!r},).")
        if not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
            raise ArgumentError(f"`{field_name}` is {spelt(value)}; expected a tuple of names, such as ('Close',).")

    def _check_together(self) -> None:
        beside = [*self.known, *self.past, *self.static]
        twice = {name for name in beside if beside.count(name) > 1} | {*beside} & {*self.columns}
        if twice:
            raise ArgumentError(
                f"{listed(sorted(twice))} is named twice among `columns`, `known`, `past` and `static`; name each "
                "column once."
            )
        again = sorted({name for name in self.calendar if self.calendar.count(name) > 1})
        if again:
            raise ArgumentError(f"`calendar` names {listed(again)} twice; name each feature once.")
        for feature in self.calendar:
            choose("`calendar`", feature, (*CALENDAR, AUTO))
        if AUTO in self.calendar and len(self.calendar) > 1:
            raise ArgumentError(f"`calendar` has {AUTO!r} beside other features; give it alone, or leave it out.")
        if self.freq is not None:
            parse_rule(self.freq)
        if self.group is not None:
            check_group(self.group)
        if self.unknown is not None and self.unit == "bytes":
            raise ArgumentError(
                f"{option('unknown', self.unknown)} is for characters; every byte is known. Leave it out."
            )
        if self.thousands is not None and self.thousands == self.decimal:
            raise ArgumentError(f"`thousands` and `decimal` are both {self.decimal!r}; expected two marks.")
        if self.rate is not None and self.rate > HIGHEST_RATE:
            raise ArgumentError(f"`rate` is {self.rate}; expected at most {HIGHEST_RATE:,} samples per second.")
        if self.max_unpacked is not None:
            bytes_of(self.max_unpacked, "`max_unpacked`")
        check_encoding(self.encoding)

    @property
    def date_columns(self) -> tuple[str, ...]:
        """The columns named as the date, none if it is to be found."""
        return _names(self.date)

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns named as the id of series, none if they are to be found."""
        return _names(self.id)

    @property
    def most_unpacked(self) -> int | None:
        """The bytes that a file may unpack to, None for the bound of its format."""
        return None if self.max_unpacked is None else bytes_of(self.max_unpacked)

    def refuse_foreign(self, kind: str, name: str) -> None:
        """Refuse settings that say nothing about this kind of data, rather than ignore them.

        Raises:
            ArgumentError: names the setting, and what it applies to.
        """
        for each in settings_of(Reading).values():
            value = getattr(self, each.name)
            if value != each.default and not each.applies(has=(kind,)):
                kinds = " and ".join(words for other, words in _PLURAL.items() if each.applies(has=(other,)))
                read_as = "a table" if kind == "table" else kind
                raise ArgumentError(
                    f"{option(each.name, value)} applies to {kinds}, but {name} is read as {read_as}. Leave it out, or "
                    "name another `kind`."
                )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values.

        >>> Reading(columns=("Price",)).to_dict()["columns"]
        ['Price']
        """
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _NAMES_OF_COLUMNS}}


def _names(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value
