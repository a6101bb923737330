"""One reader for every source: identifies it, refuses what does not apply to it, and reads it as its kind is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule.data.containers import Labelled, Series, Symbols
from chainrule.data.labelled.labelled_options import LabelledOptions
from chainrule.data.panels.joining import joined
from chainrule.data.panels.layouts.from_table import table_panel, table_rows
from chainrule.data.panels.layouts.layout import layout_of
from chainrule.data.panels.panel import Covariates, Panel
from chainrule.data.panels.rows import PanelRows
from chainrule.data.reading import Reading
from chainrule.data.sounds.sequences import read_labelled_sound, read_sound
from chainrule.data.sources.applicability import check_applies, check_model_takes, without_inapplicable
from chainrule.data.sources.identifying import Identified, identify
from chainrule.data.sources.records import refuse_records
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.in_memory import series_in_memory, table_in_memory
from chainrule.data.table.loaded import MOST_ACROSS, MOST_COLUMNS, LoadedTable
from chainrule.data.table.to_series import table_series
from chainrule.data.text.alphabet import Alphabet
from chainrule.data.text.reader import text_symbols
from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["read", "read_rows", "with_future"]

_AS_FOUND = Reading()


def read(
    source: str | Path | NDArray[Any] | pd.Series[Any] | pd.DataFrame | pl.Series | pl.DataFrame,
    reading: Reading = _AS_FOUND,
    *,
    alphabet: Alphabet | None = None,
    classes: tuple[str, ...] | None = None,
    covariates: Covariates | None = None,
    inherited: bool = False,
) -> Symbols | Series | Labelled | Panel:
    """Read a file, a folder, a built-in data set, or values in memory.

    A path that exists wins over the name of a built-in set, with a warning; "builtin:NAME" is always the set.

    Args:
        source: text (.txt and the like, or a folder of them), a table (.csv and .tsv, also packed as .csv.gz and the
            like, .parquet, .feather, .xlsx), sound (.wav, .flac, or a folder of them), images (.npz, idx, or a folder
            for each class), the name of a built-in set, or values as a NumPy array, or a Series or DataFrame of pandas
            or polars. A folder's hidden files, and links that lead out of it, are left out.
        reading: how to read it.
        alphabet: of a model, to read new text or sound with.
        classes: of a model, to read new labelled data with.
        covariates: of a model, to read new data of many series with: their categories keep their places.
        inherited: whether the reading was made for other data, as a run's is for new data: settings that do not apply
            to this source's format are then left out, instead of refused, dots are what they were there, and a series
            may be of one step.

    Returns:
        `Symbols` for text and sound, `Series` for tables, or `Panel` by their layout, `Labelled` for images and for
        sound with labels.

    Raises:
        ArgumentError: no such source, or a setting that does not apply to it.
        DataError: what was read cannot be used as it is.

    >>> series = read("sunspots")
    >>> series.values.shape, series.columns, series.season
    ((309, 1), ('SUNACTIVITY',), 11)
    """
    found = identify(source, reading.kind)
    if inherited:
        reading = without_inapplicable(reading, found)
    elif reading.kind is None:
        refuse_records(found)
    check_applies(reading, found, for_a_model=alphabet is not None)
    check_model_takes(reading, found, alphabet=alphabet, classes=classes, covariates=covariates)
    if found.builtin is not None:
        data = found.builtin.read(reading, alphabet)
        if isinstance(data, Labelled) and classes is not None:
            _check_classes(data, classes)
        return data
    if found.kind == "table" and layout_of(reading) != "one":
        table, reading = _table(source, found, reading, inherited)
        return table_panel(table, reading, covariates)
    if found.kind == "table" or not isinstance(source, str | Path):
        return _series(source, found, reading, inherited)
    return _read_files(Path(source), found, reading, alphabet=alphabet, classes=classes)


def read_rows(
    source: str | Path | NDArray[Any] | pd.DataFrame | pl.DataFrame,
    reading: Reading,
    panel: Panel,
    *,
    inherited: bool = False,
) -> PanelRows:
    """Read new rows for a panel, by its frequency and the levels of its categories: see `joined`.

    They may lack the target, and hold only what is known ahead of time.

    Args:
        source: a table, as `read` takes it.
        reading: how the panel was read.
        panel: what the rows are new to.
        inherited: see `read`.

    Raises:
        ArgumentError: no such source, or a setting that does not apply to it.
        DataError: what was read cannot be used as it is.
    """
    found = identify(source, reading.kind)
    if inherited:
        reading = without_inapplicable(reading, found)
    if found.builtin is not None or found.kind != "table" or layout_of(reading) == "one":
        raise DataError(f"the model takes tables of many series, and {found.name} is none. Give it such a table.")
    check_applies(reading, found, for_a_model=True)
    table, reading = _table(source, found, reading, inherited)
    return table_rows(table, reading, panel)


def with_future(
    panel: Panel,
    source: str | Path | NDArray[Any] | pd.DataFrame | pl.DataFrame,
    reading: Reading,
    *,
    inherited: bool = False,
    allow_new: bool = False,
    dropped: NDArray[np.int64] | None = None,
) -> Panel:
    """The panel with the rows of a source after it, or in place of its own: see `read_rows` and `joined`.

    >>> import pandas
    >>> days = pandas.date_range("2024-01-01", periods=3)
    >>> frame = pandas.DataFrame({"unique_id": "a", "ds": days, "y": [1.0, 2.0, 3.0], "price": 5.0})
    >>> reading = Reading(known=("price",))
    >>> panel = read(frame, reading)
    >>> ahead = pandas.DataFrame({"unique_id": ["a"], "ds": ["2024-01-04"], "price": [6.0]})
    >>> longer = with_future(panel, ahead, reading)
    >>> longer.values.tolist(), longer.known[:, 0].tolist()
    ([1.0, 2.0, 3.0, nan], [5.0, 5.0, 5.0, 6.0])
    """
    rows = read_rows(source, reading, panel, inherited=inherited)
    return joined(panel, rows, allow_new=allow_new, dropped=dropped)


def _series(source: Any, found: Identified, reading: Reading, inherited: bool) -> Series:
    """One series, from a file or from memory, which goes on from another where the reading is ``inherited``."""
    least = 1 if inherited else 2
    if isinstance(source, str | Path):
        assert found.format is not None
        return table_series(found.format.load(Path(source), _table_options(reading, inherited)), reading, least)
    return series_in_memory(source, reading, least)


def _table(source: Any, found: Identified, reading: Reading, inherited: bool) -> tuple[LoadedTable, Reading]:
    """A table of many series, from a file or from memory; an array with a series in each row is turned over."""
    if isinstance(source, str | Path):
        assert found.format is not None
        return found.format.load(Path(source), _table_options(reading, inherited)), reading
    if isinstance(source, np.ndarray):
        if layout_of(reading) == "rows" and source.ndim == 2:
            source = source.T
        return table_in_memory(source, replace(reading, layout="columns"))
    return table_in_memory(source, reading)


def _read_files(
    path: Path, found: Identified, reading: Reading, *, alphabet: Alphabet | None, classes: tuple[str, ...] | None
) -> Symbols | Labelled:
    assert found.format is not None
    files = list(found.files)
    if found.kind == "text":
        return text_symbols({str(file): file for file in files}, reading, found.name, alphabet)
    if found.kind == "images":
        options = LabelledOptions(classes, reading.group, reading.most_unpacked)
        images: Labelled = found.format.load(path, files, options)
        return images
    if reading.labels:
        return read_labelled_sound(path, files, reading.rate, classes=classes, group=reading.group)
    return read_sound(files, found.name, reading.rate, alphabet)


def _table_options(reading: Reading, inherited: bool) -> TableOptions:
    return TableOptions(
        encoding=reading.encoding,
        header=reading.header,
        sheet=reading.sheet,
        text=reading.date_columns if reading.date_format else (),
        most_columns=MOST_ACROSS if layout_of(reading) in ("rows", "columns") else MOST_COLUMNS,
        most_unpacked=reading.most_unpacked,
        marked=reading.thousands is not None or reading.decimal is not None,
        points=inherited,
    )


def _check_classes(data: Labelled, classes: tuple[str, ...]) -> None:
    if data.classes != classes:
        raise DataError(f"{data.name} has the classes {listed(data.classes)}; the model has {listed(classes)}.")
