"""Columns in the types that the rest of the pipeline reads: no categories, nothing sparse, none of Arrow's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from chainrule._optional import require
from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["from_arrow", "plain"]

_MOST_TEXT = 256 << 20  # characters


def from_arrow(column: Any) -> pd.Series:
    """An Arrow chunked array as a pandas column: decimals as the nearest floats, extension types as what they store."""
    pa = require("pyarrow")
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], type=column.type.storage_type)
    if pa.types.is_decimal(column.type):
        floats = [np.nan if cell is None else float(cell) for cell in column.to_pylist()]  # Arrow's cast rounds twice
        return cast("pd.Series", require("pandas").Series(floats, dtype=np.float64))
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    series: pd.Series = column.to_pandas()
    if pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type) or _packs_bytes(column.type):
        series = series.map(lambda cell: cell.decode(errors="backslashreplace"), na_action="ignore")
    return cast("pd.Series", plain(series))


def _packs_bytes(kind: Any) -> bool:
    pa = require("pyarrow")
    return bool(pa.types.is_dictionary(kind) and pa.types.is_binary(kind.value_type))


def plain(column: Any) -> Any:
    """The column of a DataFrame with categories, sparse values and Arrow's types as plain values."""
    pd = require("pandas")
    if isinstance(column.dtype, pd.CategoricalDtype):
        kind = column.cat.categories.dtype
        if not pd.api.types.is_string_dtype(kind):
            return column.astype(kind)
        lengths = column.cat.categories.astype("str").str.len().to_numpy()
        if lengths[column.cat.codes].sum(where=column.notna().to_numpy()) > _MOST_TEXT:
            raise DataError("a column of text unpacks to more than 256 MB. Leave it out of the table.")
        return column.astype("object")
    if isinstance(column.dtype, pd.SparseDtype):
        return column.sparse.to_dense()
    if isinstance(column.dtype, pd.ArrowDtype):
        return from_arrow(column.array.__arrow_array__())
    return column
