"""What reading gives: discrete sequences, series of real values, or labelled examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, counted, listed, whole
from chainrule._schema import check_fields
from chainrule.data.container_checks import check_indices, checked_dates, checked_values, default_columns
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.frequency import Frequency, find_frequency
from chainrule.data.dates.timezones import check_zone
from chainrule.data.text.alphabet import Alphabet
from chainrule.data.text.documents import Documents
from chainrule.data.text.unknown import Unknown
from chainrule.errors import ArgumentError, ShapeError

__all__ = ["Labelled", "Series", "Symbols"]


@dataclass(frozen=True, eq=False)
class Symbols:
    """Sequences of symbols from one alphabet: text, or quantised sound.

    Attributes:
        documents: one array of indices into the alphabet a document.
        alphabet: what the indices stand for.
        name: of the source, for messages and titles.
        rate: samples per second of sound, else None.
        end: what every document ends with, one or two symbols; empty where nothing marks it.
        unknown: characters of the source that the alphabet does not have and that were left out or replaced; None if
            there were none.
        unscored: where replaced ones are, counted over all documents: read, and not to be scored.

    Documents are kept in the smallest type that holds the alphabet, most often uint8.

    Raises:
        ShapeError: a document that is not one row of whole numbers.
        ArgumentError: indices that the alphabet does not have.

    >>> Symbols([np.array([0, 3])], Alphabet.of(["abc"]), "abc")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: abc has indices from 0 to 3; its alphabet has 0 to 2.
    """

    documents: Sequence[NDArray[Any]]
    alphabet: Alphabet
    name: str
    rate: int | None = None
    end: tuple[int, ...] = ()
    unknown: Unknown | None = None
    unscored: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "end", tuple(whole("end", symbol, 0) for symbol in self.end))
        if self.rate is not None:
            whole("rate", self.rate)
        arrays = [self.documents.whole] if isinstance(self.documents, Documents) else self.documents
        for array in arrays:
            if not isinstance(array, np.ndarray):
                raise ShapeError(f"a document of {self.name} is a {type(array).__name__}; expected an array.")
            if array.ndim != 1 or array.dtype.kind not in "iu":
                raise ShapeError(
                    f"a document of {self.name} has shape {array.shape} and type {array.dtype}; "
                    "expected one row of whole numbers, the indices of its symbols."
                )
        check_indices(self.name, [*arrays, np.array(self.end, dtype=np.int64)], len(self.alphabet), "alphabet")
        if any(array.dtype != self.alphabet.dtype for array in arrays):
            object.__setattr__(self, "documents", [x.astype(self.alphabet.dtype, copy=False) for x in self.documents])

    @property
    def length(self) -> int:
        """Symbols in all documents together."""
        if isinstance(self.documents, Documents):
            return self.documents.length
        return sum(len(document) for document in self.documents)


@dataclass(frozen=True, eq=False)
class Series:
    """Real values in time order, in the data's own units, none missing, all finite.

    Attributes:
        values: steps x columns, or steps alone for one column; kept as float64, steps x columns.
        columns: the names; "value", or "value1" and so on, if not given.
        dates: of the steps, strictly increasing, kept in nanoseconds; None if there are none.
        name: of the source.
        season: steps in a season, 1 where none is known.
        freq: the alias of what the dates follow, as `Reading.freq` has it; None finds it, see ``frequency``.
        timezone: that the dates, then in UTC, are shown and counted in; None for dates of no zone.
        filled: how many of the values were put in for blanks of the source.
        left_out: how many rows of the source were left out for their blanks.

    Raises:
        ShapeError: values of other dimensions, or as many columns or dates as there are not.
        ArgumentError: values or dates of another type, names that repeat, a season below 1, an unknown frequency
            or time zone, or one without dates.
        MissingValuesError: NaN among the values.
        DataError: infinite or huge values, or dates that are missing or do not increase.

    >>> series = Series(np.array([1.0, 2.0, 4.0]))
    >>> series.values.shape, series.columns, series.season
    ((3, 1), ('value',), 1)
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...] = ()
    dates: NDArray[np.datetime64] | None = None
    name: str = "series"
    season: int = 1
    freq: str | None = None
    timezone: str | None = None
    filled: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        check_fields(self, but=("values", "dates"))
        values = checked_values(self.values, self.name)
        columns = tuple(self.columns) or default_columns(values.shape[1])
        if len(columns) != values.shape[1]:
            has = f"{counted(values.shape[1], 'column')} but {counted(len(columns), 'name')}"
            raise ShapeError(f"{self.name} has {has}: {listed(columns)}.")
        if len(set(columns)) < len(columns):
            raise ArgumentError(f"the columns of {self.name} are {listed(columns)}; expected distinct names.")
        for option, least in (("season", 1), ("filled", 0), ("left_out", 0)):
            object.__setattr__(self, option, whole(option, getattr(self, option), least))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "columns", columns)
        if self.dates is not None:
            object.__setattr__(self, "dates", checked_dates(self.dates, len(values), self.name))
        elif self.freq is not None or self.timezone is not None:
            raise ArgumentError(f"{self.name} has no dates, so that it can have no frequency and no time zone.")
        if self.freq is not None:
            parse_rule(self.freq)
        if self.timezone is not None:
            check_zone(self.timezone)

    @cached_property
    def frequency(self) -> Frequency | None:
        """What the dates follow, where they break it, and those that come next; None if there are no dates."""
        return None if self.dates is None else find_frequency(self.dates, self.timezone, self.freq)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples with a label each.

    Attributes:
        inputs: waveforms of their own lengths (sound), or one array N x channels x height x width (images):
            uint8 from 0 to 255, or float32 from 0 to 1.
        labels: int64, N, indices into ``classes``.
        classes: the names.
        kind: "sound" or "images".
        name: of the source.
        rate: samples per second of sound, else None.
        test: bool, N, True for the examples that the source itself keeps for testing; None if it keeps none.
        groups: what each example belongs to, such as its speaker, N names, which a split keeps on one side; else empty.
        grouped_by: what the groups are, such as "speaker".

    Raises:
        ArgumentError: another kind, or labels that are no indices into the classes.
        ShapeError: inputs, labels, ``test`` and ``groups`` of different lengths.
    """

    inputs: list[NDArray[np.float32]] | NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    kind: str
    name: str
    rate: int | None = None
    test: NDArray[np.bool_] | None = None
    groups: tuple[str, ...] = ()
    grouped_by: str = "group"

    def __post_init__(self) -> None:
        check_fields(self)
        choose("the kind of labelled data", self.kind, ("sound", "images"))
        shapes = {"labels": self.labels.shape, "test": self.labels.shape if self.test is None else self.test.shape}
        for what, shape in shapes.items():
            if shape != (len(self.inputs),):
                raise ShapeError(f"{self.name} has {counted(len(self.inputs), 'input')} but {what} of shape {shape}.")
        if self.groups and len(self.groups) != len(self.inputs):
            raise ShapeError(f"{self.name} has {counted(len(self.inputs), 'input')} but {len(self.groups)} groups.")
        if self.labels.dtype != np.int64:
            raise ArgumentError(f"{self.name} has labels of type {self.labels.dtype}; expected int64 indices.")
        check_indices(self.name, [self.labels], len(self.classes), "classes")
