"""What reading returns: sequences of symbols, series of real values, or labelled examples."""

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
        documents: an array (T,) of indices into the alphabet for each document.
        alphabet: the symbols that the indices stand for.
        name: the name of the source, for messages and titles.
        rate: samples per second, of sound; else None.
        end: the one or two symbols that every document ends with; empty where nothing marks the end.
        unknown: the characters of the source that the alphabet does not have, which were left out or replaced; None if
            there were none.
        unscored: the places of replaced characters, int64, counted over all documents: they are not scored.

    Documents are kept in the smallest type that holds the alphabet, most often uint8.

    Raises:
        ShapeError: a document that is not a one-dimensional array of whole numbers.
        ArgumentError: indices that the alphabet does not have.

    >>> Symbols([np.array([0, 3])], Alphabet.of(["abc"]), "abc")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: abc has indices from 0 to 3; expected 0 to 2, those of its alphabet.
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
            converted = [document.astype(self.alphabet.dtype, copy=False) for document in self.documents]
            object.__setattr__(self, "documents", converted)

    @property
    def length(self) -> int:
        """The number of symbols in all documents together."""
        if isinstance(self.documents, Documents):
            return self.documents.length
        return sum(len(document) for document in self.documents)


@dataclass(frozen=True, eq=False)
class Series:
    """Real values in time order, in the data's own units, none missing, all finite.

    Attributes:
        values: (T, C), or (T,) for one column; kept as float64 (T, C).
        columns: the names of the columns; "value", or "value1" and so on, if not given.
        dates: the dates of the steps, strictly increasing, kept in nanoseconds; None if there are none.
        name: the name of the source.
        season: steps in a season, 1 where none is known.
        freq: the frequency of the dates, an alias as in `Reading.freq`; None finds it, see ``frequency``.
        timezone: the zone whose clock shows the dates, which are then in UTC; None for dates without a zone.
        filled: how many values were filled in for blanks of the source.
        left_out: how many rows of the source were left out for their blanks.

    Raises:
        ShapeError: values of other dimensions, or another number of names or dates than columns or steps.
        ArgumentError: values or dates of another dtype, names that repeat, a season below 1, an unknown frequency
            or time zone, or one of these without dates.
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
            names = f"{counted(len(columns), 'name')}: {listed(columns)}"
            raise ShapeError(f"{self.name} has {counted(values.shape[1], 'column')} but {names}.")
        if len(set(columns)) < len(columns):
            raise ArgumentError(f"the columns of {self.name} are {listed(columns)}; expected distinct names.")
        for option, least in (("season", 1), ("filled", 0), ("left_out", 0)):
            object.__setattr__(self, option, whole(option, getattr(self, option), least))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "columns", columns)
        if self.dates is not None:
            object.__setattr__(self, "dates", checked_dates(self.dates, len(values), self.name))
        elif self.freq is not None or self.timezone is not None:
            raise ArgumentError(f"{self.name} has no dates, so it cannot have a frequency or a time zone.")
        if self.freq is not None:
            parse_rule(self.freq)
        if self.timezone is not None:
            check_zone(self.timezone)

    @cached_property
    def frequency(self) -> Frequency | None:
        """The frequency of the dates, where they break it, and which come next; None if there are no dates."""
        if self.dates is None:
            return None
        return find_frequency(self.dates, self.timezone, self.freq)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples, each with a label.

    Attributes:
        inputs: of sound N float32 waveforms (T,) of their own lengths; of images an array (N, channels, height, width),
            uint8 from 0 to 255, or float32 from 0 to 1.
        labels: int64 (N,), indices into ``classes``.
        classes: the names of the classes.
        kind: "sound" or "images".
        name: the name of the source.
        rate: samples per second, of sound; else None.
        test: bool (N,), True for the examples that the source itself keeps for testing; None if it keeps none.
        groups: the group of each example, such as its speaker, N names: a split keeps groups together. Empty if there
            are none.
        grouped_by: what the groups are, such as "speaker".

    Raises:
        ArgumentError: another kind, or labels that are not indices into the classes.
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
        for what, array in (("labels", self.labels), ("test", self.test)):
            if array is not None and array.shape != (len(self.inputs),):
                raise ShapeError(
                    f"{self.name} has {counted(len(self.inputs), 'input')} but {what} of shape {array.shape}."
                )
        if self.groups and len(self.groups) != len(self.inputs):
            raise ShapeError(f"{self.name} has {counted(len(self.inputs), 'input')} but {len(self.groups)} groups.")
        if self.labels.dtype != np.int64:
            raise ArgumentError(f"{self.name} has labels of type {self.labels.dtype}; expected int64 indices.")
        check_indices(self.name, [self.labels], len(self.classes), "classes")
