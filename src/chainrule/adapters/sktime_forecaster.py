"""Panel fits as a forecaster of sktime."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chainrule._optional import require
from chainrule.adapters.panel_forecaster import PanelForecaster
from chainrule.adapters.sktime_frames import known_columns, long_frame, series_of

if TYPE_CHECKING:
    import pandas as pd

require("sktime", "sktime")
from sktime.datatypes import update_data  # noqa: E402
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon  # noqa: E402

__all__ = ["SktimeForecaster"]

_FRAMES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class SktimeForecaster(BaseForecaster):  # type: ignore[misc]
    """One model of all series of a panel or a hierarchy, or of one series, as a forecaster of sktime.

    The greatest step of ``fh`` in ``fit`` is the horizon that is learned; forecasts are of the same ``fh``. ``X`` is
    what is known ahead: forecasts need it for every step up to the greatest. ``update`` moves the state on over new
    values, and the weights stay as they are. A fit needs three horizons and a step at least. All series end at the
    same time; levels of a hierarchy are series like any others, and are not reconciled.

    Args:
        model, minutes, steps, season, calendar, hidden, layers, window, dropout, head, training, seed, device: as of
            `PanelForecaster`.

    Attributes:
        forecaster_: the fitted `PanelForecaster`, with its run.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from chainrule.adapters.sktime_forecaster import SktimeForecaster
    >>> y = pd.Series(np.sin(np.arange(60.0)), index=pd.period_range("2020-01", periods=60, freq="M"))
    >>> forecaster = SktimeForecaster("gru", hidden=4, steps=3).fit(y, fh=[1, 2, 3])
    >>> forecaster.predict().index.astype(str).tolist()
    ['2025-01', '2025-02', '2025-03']
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": ["chainrule"],
        "maintainers": ["chainrule"],
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:non_contiguous_X": False,
        "capability:unequal_length": False,  # beginnings may differ, ends may not
        "capability:update": True,
        "y_inner_mtype": _FRAMES,
        "X_inner_mtype": _FRAMES,
    }
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}  # which sktime ceases to do: it is done here
    _y = None  # before a fit, also of those whose config is set to remember it all the same

    def __init__(
        self,
        model: str = "gru",
        *,
        minutes: float | None = None,
        steps: int | None = None,
        season: int | None = None,
        calendar: Sequence[str] = (),
        hidden: int | None = None,
        layers: int | None = None,
        window: int | None = None,
        dropout: float | None = None,
        head: str | None = None,
        training: dict[str, Any] | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.minutes = minutes
        self.steps = steps
        self.season = season
        self.calendar = calendar
        self.hidden = hidden
        self.layers = layers
        self.window = window
        self.dropout = dropout
        self.head = head
        self.training = training
        self.seed = seed
        self.device = device
        super().__init__()

    def _fit(self, y: "pd.DataFrame", X: "pd.DataFrame | None", fh: Any) -> "SktimeForecaster":
        self._cur_y = y
        self._cur_X = X
        horizon = int(fh.to_relative(self.cutoff).to_numpy().max())
        settings = self.get_params(deep=False)
        self.forecaster_ = PanelForecaster(horizon=horizon, known=known_columns(X), **settings)
        self.forecaster_.fit(long_frame(y, X, self.cutoff))
        return self

    def _update(
        self, y: "pd.DataFrame", X: "pd.DataFrame | None" = None, update_params: bool = True
    ) -> "SktimeForecaster":
        """Keep what came since; forecasts read on over it."""
        self._cur_y = update_data(self._cur_y, y)
        self._cur_X = update_data(self._cur_X, X)
        return self

    def _predict(self, fh: Any, X: "pd.DataFrame | None") -> "pd.DataFrame":
        """The medians."""
        found = self._predict_quantiles(fh, X, [0.5])
        found.columns = self._cur_y.columns
        return found

    def _predict_quantiles(self, fh: Any, X: "pd.DataFrame | None", alpha: Sequence[float]) -> "pd.DataFrame":
        pandas = require("pandas")
        frame = long_frame(self._cur_y, update_data(self._cur_X, X), self.cutoff)
        forecast = self.forecaster_.run_.forecast(quantiles=[0.5, *alpha], data=frame)
        steps = fh.to_relative(self.cutoff).to_numpy() - 1
        if isinstance(self.cutoff, pandas.DatetimeIndex) and self.cutoff.freq is None:
            # dates of many series carry no frequency, and sktime counts none without it
            dates = pandas.DatetimeIndex(forecast.to_frame()["ds"].iloc[steps])
            fh = ForecastingHorizon(dates, is_relative=False)
        index = fh.get_expected_pred_idx(y=self._cur_y, cutoff=self.cutoff)
        place = {name: i for i, name in enumerate(forecast.ids)}
        series = np.array([place[name] for name in dict.fromkeys(series_of(index))])
        levels = np.searchsorted(forecast.levels, alpha)
        quantiles = forecast.quantiles[np.ix_(series, steps, levels)].reshape(-1, len(levels))
        columns = pandas.MultiIndex.from_product([self._cur_y.columns, alpha])
        found: pd.DataFrame = pandas.DataFrame(quantiles, index=index, columns=columns)
        return found

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings of fits that take a moment."""
        return [{"steps": 3, "hidden": 4}, {"model": "ar", "steps": 3, "window": 2, "season": 1}]
