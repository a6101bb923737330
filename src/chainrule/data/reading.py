"""How a source is read. A run keeps it in its config, so that new data is read the same way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from chainrule._choices import choose, spelt, whole
from chainrule._schema import check_fields
from chainrule._wording import takes_options
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.labelled.groups import check_group
from chainrule.data.messages import setting
from chainrule.data.sounds.waveforms import HIGHEST_RATE
from chainrule.data.text.decoding import check_encoding
from chainrule.data.text.unknown import UNKNOWN
from chainrule.errors import ArgumentError

__all__ = ["FILLS", "KINDS", "TRANSFORMS", "Reading"]

KINDS = ("text", "table", "sound", "images")
TRANSFORMS = ("standardise", "none", "difference", "log-return")
FILLS = ("forward", "linear", "drop")
_THOUSANDS = (",", ".", " ", "'", "_")
_DECIMALS = (".", ",")

_CHOICES = {
    "unit": ("characters", "bytes"),
    "documents": ("one", "blank-line", "line"),
    "transform": ("auto", *TRANSFORMS),
}
_KINDS_OF = {
    "encoding": ("text", "table"),
    "unit": ("text",),
    "documents": ("text",),
    "unknown": ("text",),
    "columns": ("table",),
    "date": ("table",),
    "date_format": ("table",),
    "id": ("table",),
    "series": ("table",),
    "header": ("table",),
    "sheet": ("table",),
    "thousands": ("table",),
    "decimal": ("table",),
    "freq": ("table",),
    "transform": ("table",),
    "fill": ("table",),
    "season": ("table",),
    "rate": ("sound",),
    "labels": ("sound",),
    "group": ("sound", "images"),
}
_SINGULARS = {"table": "a table"}
_PLURALS = {"table": "tables"}


@takes_options
@dataclass(frozen=True)
class Reading:
    """How a source is read; every field is JSON-able, every default is what most files need.

    Args:
        kind: "text", "table", "sound" or "images"; None finds it from the source.
        encoding: of text and CSV files.
        unit: the symbols of a text, "characters" or "bytes".
        documents: what one document is: "one" (the whole file), "blank-line" or "line". Of a folder,
            each file is split on its own.
        columns: the columns of a table to model; empty takes the only numeric one.
        date: the table's date column, or the columns whose parts make a date; None finds them.
        date_format: the format of the dates, as of strptime ("%d.%m.%Y"), or the unit of numbers that count from 1970
            ("s", "ms", "us", "ns"); None finds it, and refuses dates that read in several ways.
        freq: the frequency of the dates, a pandas alias such as "B", "ME" or "15min"; None finds it. Dates that
            contradict it are refused. Or "M-15" for the 15th of months (29 to 31: the last day of shorter ones),
            "C-SunMonTueWedThu" for days of such weeks, "5min B" for every five minutes of business days, at the
            times of day that the data has. With a ``fill`` of "forward" or "linear", missing dates are filled in.
        id: of a table of several series one below the other: the column, or columns, that tell them apart; None
            finds them where dates repeat.
        series: the id of the series to take; of several columns, their cells with commas between them.
        header: whether a CSV file or a sheet has a header; None finds it. Columns without are "column 1" and so on.
        sheet: of an Excel file with several.
        thousands: the mark between thousands: "," or "." or " " or "'" or "_".
        decimal: the mark before decimals, "." or ","; None takes commas where they can be nothing else.
        transform: "standardise", "none", "difference" or "log-return"; see `chainrule.data.Transform`. "auto" chooses
            among them by evidence from the training part.
        fill: what to do with blanks: None refuses them, "forward" repeats the value before, "linear"
            interpolates between its neighbours, "drop" leaves the row out. "linear" so looks ahead: the
            value after a gap enters those filled in; "forward" does not. Neither fills a missing date, unless
            ``freq`` says which are missing.
        season: steps in a season; None finds it from the dates' frequency or the autocorrelation.
        rate: samples per second to resample sound to; None keeps the files' own.
        labels: read sound files as labelled sequences, to classify.
        group: what is to be wholly on one side of the split of labelled examples, such as a speaker: a pattern that
            the names of files match, as "*_{speaker}_*"; "folder", the one that a file lies in; or an array of an npz.
        unknown: characters of new text that a model does not know: None refuses them, "skip" leaves them out, "replace"
            reads them as a blank that is not scored.

    Raises:
        ArgumentError: a value that is not one of the choices.

    >>> Reading(documents="lines")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: documents is 'lines'; expected one of one, blank-line, line. \
Did you mean 'line'?
    """

    kind: str | None = None
    encoding: str = "utf-8"
    unit: str = "characters"
    documents: str = "one"
    columns: tuple[str, ...] = ()
    date: str | tuple[str, ...] | None = None
    date_format: str | None = None
    freq: str | None = None
    id: str | tuple[str, ...] | None = None
    series: str | None = None
    header: bool | None = None
    sheet: str | None = None
    thousands: str | None = None
    decimal: str | None = None
    transform: str = "auto"
    fill: str | None = None
    season: int | None = None
    rate: int | None = None
    labels: bool = False
    group: str | None = None
    unknown: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, but=("columns",))
        for option, choices in _CHOICES.items():
            choose(option, getattr(self, option), choices)
        if self.kind is not None:
            choose("kind", self.kind, KINDS)
        if self.fill is not None:
            choose("fill", self.fill, FILLS)
        if self.freq is not None:
            parse_rule(self.freq)
        if self.unknown is not None:
            choose("unknown", self.unknown, UNKNOWN)
            if self.unit == "bytes":
                raise ArgumentError(f"unknown is {self.unknown}, but every byte is known. Leave it out.")
        if self.group is not None:
            check_group(self.group)
        if isinstance(self.columns, str):
            raise ArgumentError(f"columns is {self.columns!r}; expected a tuple of names: ({self.columns!r},).")
        if not isinstance(self.columns, Sequence) or not all(isinstance(name, str) for name in self.columns):
            raise ArgumentError(f"columns is {spelt(self.columns)}; expected a tuple of names, such as ('Close',).")
        object.__setattr__(self, "columns", tuple(self.columns))
        for option in ("date", "id"):
            value = getattr(self, option)
            if isinstance(value, list):
                object.__setattr__(self, option, tuple(value))
        self._check_marks()
        for option in ("season", "rate"):
            if (value := getattr(self, option)) is not None:
                object.__setattr__(self, option, whole(option, value))
        if self.rate is not None and self.rate > HIGHEST_RATE:
            raise ArgumentError(f"rate is {self.rate}; expected at most {HIGHEST_RATE:,} samples a second.")
        check_encoding(self.encoding)

    def _check_marks(self) -> None:
        for option, choices in (("thousands", _THOUSANDS), ("decimal", _DECIMALS)):
            if getattr(self, option) is not None:
                choose(option, getattr(self, option), choices)
        if self.thousands is not None and self.thousands == self.decimal:
            raise ArgumentError(f"thousands and decimal are both {self.decimal!r}; expected two marks.")

    @property
    def date_columns(self) -> tuple[str, ...]:
        """The columns named as the date, none if it is to be found."""
        return _names(self.date)

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns named as the id of series, none if they are to be found."""
        return _names(self.id)

    def refuse_foreign(self, kind: str, name: str) -> None:
        """Refuse settings that say nothing about this kind of data, rather than ignore them."""
        for field in fields(self):
            kinds = _KINDS_OF.get(field.name, KINDS)
            value = getattr(self, field.name)
            if kind not in kinds and value != field.default:
                applies = " and ".join(_PLURALS.get(each, each) for each in kinds)
                raise ArgumentError(
                    f"{setting(field.name, value)} applies to {applies}, but {name} is read as "
                    f"{_SINGULARS.get(kind, kind)}. Leave it out, or name another `kind`."
                )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values.

        >>> Reading(columns=("Price",)).to_dict()["columns"]
        ['Price']
        """
        return {**asdict(self), "columns": list(self.columns)}


def _names(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value
