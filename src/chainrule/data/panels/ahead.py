"""The steps ahead of a panel: rows for a horizon, and what must be known in them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, whole
from chainrule.data.dates.timezones import write_dates
from chainrule.data.panels.panel import Panel
from chainrule.errors import DataError

__all__ = ["check_known_ahead", "extended"]

_SHOWN = 3


def extended(panel: Panel, horizon: int) -> Panel:
    """The panel with exactly ``horizon`` rows after the last value of each series.

    Rows that it has there are kept, with what is known ahead, and those beyond the horizon left out; others are blank
    but for their dates.

    Raises:
        ArgumentError: a horizon below 1, or dates beyond those that there are.

    >>> panel = Panel(np.array([1.0, 2.0, np.nan, 5.0]), np.array([0, 3, 4]), ("a", "b"))
    >>> extended(panel, 2).values.tolist()
    [1.0, 2.0, nan, nan, 5.0, nan, nan]
    """
    horizon = whole("`horizon`", horizon)
    lengths = panel.ends - panel.starts[:-1] + horizon
    starts = np.concatenate([[0], np.cumsum(lengths)])
    series = np.repeat(np.arange(len(lengths)), lengths)
    source = panel.starts[series] + np.arange(starts[-1]) - starts[series]
    last = panel.starts[series + 1] - 1
    has_row = source <= last
    row = np.minimum(source, last)

    def taken(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.array(cells[row])
        found[~has_row] = np.nan
        return found

    dates = None
    if panel.dates is not None:
        dates = panel.dates[row]
        frequency = panel.frequency
        assert frequency is not None
        assert frequency.grid is not None
        places = frequency.grid.places[np.searchsorted(frequency.dates, dates[~has_row])]
        unique, again = np.unique(places + (source - last)[~has_row], return_inverse=True)
        dates[~has_row] = frequency.grid.at(unique).astype("datetime64[ns]")[again]
    return replace(
        panel, values=taken(panel.values), starts=starts, dates=dates, known=taken(panel.known), past=taken(panel.past)
    )


def check_known_ahead(panel: Panel, horizon: int) -> None:
    """Refuse a panel that lacks what must be known in the steps of the horizon.

    Raises:
        DataError: says which columns are blank, for which dates, in how many series.

    >>> from chainrule.data import Covariate, Covariates
    >>> covariates = Covariates(known=(Covariate("price"),))
    >>> known = np.array([[5.0], [5.0], [6.0]])
    >>> check_known_ahead(Panel(np.array([1.0, 2.0, np.nan]), [0, 3], ("a",), covariates=covariates, known=known), 2)
    Traceback (most recent call last):
    ...
    chainrule.errors.DataError: price of panel must be known ahead for 2 steps, and is missing in 1 series: a at step \
4. Give rows that hold it, with the target left blank.
    """
    if not panel.covariates.known:
        return
    ahead = extended(panel, horizon)
    number = np.arange(len(ahead.values)) - ahead.starts[ahead.series]
    is_ahead = np.arange(len(ahead.values)) >= ahead.ends[ahead.series]
    said = []
    lacking: set[int] = set()
    for j, column in enumerate(panel.covariates.known):
        rows = np.flatnonzero(is_ahead & np.isnan(ahead.known[:, j]))
        if len(rows):
            said.append(column.name)
            lacking.update(rows.tolist())
    if not lacking:
        return
    rows = np.array(sorted(lacking))
    series = np.unique(ahead.series[rows])
    examples = []
    for i in series[:_SHOWN]:
        own = rows[ahead.series[rows] == i]
        when = [f"step {step + 1}" for step in number[own]]
        if ahead.dates is not None:
            when = write_dates(ahead.dates[own], ahead.timezone)
        span = when[0] if len(own) == 1 else f"{when[0]} to {when[-1]}"
        examples.append(f"{panel.ids[i]} at {span}")
    more = f" and {len(series) - _SHOWN:,} more" if len(series) > _SHOWN else ""
    it = "it" if len(said) == 1 else "them"
    verb = "is" if len(said) == 1 else "are"
    raise DataError(
        f"{listed(said)} of {panel.name} must be known ahead for {counted(horizon, 'step')}, and {verb} missing in "
        f"{counted(len(series), 'series', 'series')}: {listed(examples)}{more}. Give rows that hold {it}, with the "
        "target left blank."
    )
