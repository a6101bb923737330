"""The baselines of panels by their names."""

from collections.abc import Callable
from types import MappingProxyType

from chainrule._choices import choose, whole
from chainrule._room import check_room
from chainrule.runs.scoring.panels.baselines.fitted import ar, ets, theta
from chainrule.runs.scoring.panels.baselines.made import Advance, BaselineForecasts, silent
from chainrule.runs.scoring.panels.baselines.simple import drift, naive, seasonal_naive
from chainrule.runs.scoring.panels.origins import Origins, check_levels

__all__ = ["PANEL_BASELINES", "panel_baseline"]

_COPIES = 4  # of the quantiles, while they are computed

PANEL_BASELINES: MappingProxyType[str, Callable[..., BaselineForecasts]] = MappingProxyType(
    {"naive": naive, "seasonal naive": seasonal_naive, "drift": drift, "ets": ets, "theta": theta, "ar": ar}
)


def panel_baseline(
    name: str, origins: Origins, levels: object, season: int | None = None, advance: Advance = silent
) -> BaselineForecasts:
    """The forecasts of a baseline from all origins.

    Args:
        name: naive, seasonal naive or drift, which take no time, or ets, theta or ar, which are fitted to each series.
        origins: where the forecasts begin.
        levels: (Q,) of the quantiles, 0.5 among them.
        season: the steps in a season; the panel's by default.
        advance: is called with the share that is done.

    >>> import numpy as np
    >>> from chainrule.data.panels.panel import Panel
    >>> panel = Panel(np.array([1.0, 2.0, 3.0]), np.array([0, 3]), ("a",))
    >>> origins = Origins(panel, np.array([0]), np.array([3]), horizon=2)
    >>> panel_baseline("drift", origins, [0.5]).quantiles.ravel().tolist()
    [4.0, 5.0]
    """
    choose("baseline", name, tuple(PANEL_BASELINES))
    level = check_levels(levels)
    each = len(origins) * len(level) * 8 * _COPIES
    check_room(f"the forecasts of {name}", lambda horizon: horizon * each, horizon=origins.horizon)
    steps = origins.panel.season if season is None else whole("`season`", season)
    return PANEL_BASELINES[name](origins, level, season=steps, advance=advance)
