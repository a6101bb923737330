"""sktime's frames, one series or many by the outer levels of the index, as long frames."""

from typing import TYPE_CHECKING, Any

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["known_columns", "long_frame", "series_of"]

_ONE = "y"  # the name of a series without one


def series_of(index: Any) -> list[str]:
    """The series of each row, by the outer levels of the index, spelt so that no two are the same.

    >>> import pandas as pd
    >>> series_of(pd.MultiIndex.from_product([["north", "south"], [1, 2]]))
    ["'north'", "'north'", "'south'", "'south'"]
    """
    if index.nlevels == 1:
        return [_ONE] * len(index)
    codes, keys = index.droplevel(-1).factorize()
    names = [", ".join(map(repr, key)) if isinstance(key, tuple) else repr(key) for key in keys]
    return [names[code] for code in codes]


def known_columns(X: "pd.DataFrame | None") -> list[str]:
    """The names that the columns of X have in a long frame."""
    return [] if X is None else [f"X[{name!r}]" for name in X.columns]


def long_frame(y: "pd.DataFrame", X: "pd.DataFrame | None", cutoff: Any) -> "pd.DataFrame":
    """``unique_id, ds, y`` and the columns of X: the rows of y, and those of X that are later, without a y.

    Dates stay dates, periods are the dates that they begin at, and numbers of steps count from the first. Rows before
    the first value of a series are left out, as they say nothing of it.

    Args:
        y: one column, by time, or by series and time.
        X: what is known ahead, likewise.
        cutoff: an index of the time at which all series end.

    Raises:
        DataError: a series ends earlier.

    >>> import pandas as pd
    >>> y = pd.DataFrame({"sales": [1.0, 2.0]}, index=pd.period_range("2024-01", periods=2, freq="M"))
    >>> X = pd.DataFrame({"price": [5, 6, 7]}, index=pd.period_range("2024-01", periods=3, freq="M"))
    >>> long_frame(y, X, y.index[-1:])
      unique_id         ds    y  X['price']
    0         y 2024-01-01  1.0           5
    1         y 2024-02-01  2.0           6
    2         y 2024-03-01  NaN           7
    """
    _check_ends(y, cutoff)
    index = y.index
    if X is not None:
        index = index.append(X.index[X.index.get_level_values(-1) > cutoff[0]])
    times = _times(index.get_level_values(-1), y.index.get_level_values(-1).min())
    values = y.iloc[:, 0].reindex(index).to_numpy()
    frame: pd.DataFrame = require("pandas").DataFrame({"unique_id": series_of(index), "ds": times, "y": values})
    if X is not None:
        for name, (_, column) in zip(known_columns(X), X.reindex(index).items(), strict=True):
            frame[name] = column.array
    begun = frame["y"].notna().groupby(frame["unique_id"]).cummax()
    return frame[begun]


def _check_ends(y: "pd.DataFrame", cutoff: Any) -> None:
    """Refuse series that have no value at the cutoff."""
    is_last = y.index.get_level_values(-1) == cutoff[0]
    on_time = set(series_of(y.index[is_last & y.iloc[:, 0].notna()]))
    early = [name for name in dict.fromkeys(series_of(y.index)) if name not in on_time]
    if early:
        raise DataError(
            f"{counted(len(early), 'series', 'series')} of `y` ({listed(early, shown=5)}) without a value at "
            f"{cutoff[0]}, from which all are forecast. Give each a value there, or leave these series out."
        )


def _times(times: Any, first: Any) -> Any:
    """What dates the steps, or numbers them: from the first, as numbers of six digits would be read as dates."""
    pandas = require("pandas")
    if isinstance(times, pandas.PeriodIndex):
        return times.to_timestamp()
    return times if isinstance(times, pandas.DatetimeIndex) else times - first
