"""sktime's frames, one series or many by a MultiIndex, as long frames whose steps are numbered."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["long_frame", "names_of", "places_of"]

_BEFORE = 10**6  # steps: the place of rows before the cutoff, which are known already
_ONE = "y"  # the name of a series without one


def names_of(index: Any) -> list[str]:
    """The series of each row: the outer levels of the index as text."""
    if index.nlevels == 1:
        return [_ONE] * len(index)
    return [repr(row[:-1]) for row in index]


def places_of(frame: "pd.DataFrame", *, after: Any = None, cutoff: Any = None) -> NDArray[np.int64]:
    """The number of each row's step, from 1 in each series; those of a frame that goes on from ``after`` go on."""
    pandas = require("pandas")
    times = frame.index.get_level_values(-1)
    if after is None:
        names = pandas.Series(names_of(frame.index))
        counted = names.groupby(names).cumcount().to_numpy() + 1
        return np.asarray(counted, dtype=np.int64)
    later = times.unique().sort_values()
    later = later[later > cutoff[-1]]
    ends = pandas.Series(names_of(after.index)).value_counts()
    number = {time: k for k, time in enumerate(later, 1)}
    names = names_of(frame.index)
    return np.array([ends.get(name, 0) + number.get(t, -_BEFORE) for name, t in zip(names, times, strict=True)])


def long_frame(y: "pd.DataFrame | None", X: "pd.DataFrame | None", places: NDArray[np.int64]) -> "pd.DataFrame":
    """``unique_id, ds, y`` and ``x0, x1`` ... for the columns of X; y is blank where there is none."""
    of = y if y is not None else X
    assert of is not None
    columns: dict[str, Any] = {"unique_id": names_of(of.index), "ds": places}
    columns["y"] = np.nan if y is None else y.iloc[:, 0].to_numpy(dtype=float)
    if X is not None:
        rows = X if y is None else X.reindex(y.index)
        columns |= {f"x{j}": rows.iloc[:, j].to_numpy() for j in range(rows.shape[1])}
    frame: pd.DataFrame = require("pandas").DataFrame(columns)
    return frame
