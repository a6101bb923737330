"""Panel fits as a forecaster of sktime."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chainrule._optional import require
from chainrule.adapters.panel_forecaster import PanelForecaster
from chainrule.adapters.sktime_frames import long_frame, names_of, places_of
from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

require("sktime", "sktime")
from sktime.forecasting.base import BaseForecaster  # noqa: E402

__all__ = ["SktimeForecaster"]


class SktimeForecaster(BaseForecaster):  # type: ignore[misc]
    """One model of all series of a panel or a hierarchy, or of one series, as a forecaster of sktime.

    The greatest step of ``fh`` in ``fit`` is the horizon; sktime lets ``predict`` ask for the same ``fh`` alone. ``X``
    is what is known ahead: ``predict`` needs it for every step up to the greatest that is asked for. ``update`` moves
    the state on over new values, and the weights stay as they are. A fit needs 3 horizons and a step at least.

    Steps are numbered, by their places in time: the dates of ``y`` come back as they were, but the season is found
    from the values, or given as ``season``. All series end at the same time.

    Args:
        model, minutes, steps, season, hidden, layers, window, dropout, head, training, seed, device: as of
            `PanelForecaster`.

    >>> import pandas as pd
    >>> y = pd.Series(np.sin(np.arange(60.0)), index=pd.period_range("2020-01", periods=60, freq="M"))
    >>> forecaster = SktimeForecaster("gru", hidden=4, steps=3).fit(y, fh=[1, 2, 3])
    >>> forecaster.predict().index.astype(str).tolist()
    ['2025-01', '2025-02', '2025-03']
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": ["chainrule"],
        "maintainers": ["chainrule"],
        "python_dependencies": ["chainrule"],
        "capability:multivariate": False,
        "capability:exogenous": True,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:update": True,
        "capability:random_state": False,
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": True,
    }

    _config: ClassVar[dict[str, Any]] = {"remember_data": False}  # which sktime may stop to do: kept here instead

    def __init__(
        self,
        model: str = "gru",
        *,
        minutes: float | None = None,
        steps: int | None = None,
        season: int | None = None,
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
        horizon = int(max(fh.to_relative(self.cutoff).to_numpy()))
        self.y_ = y
        self.X_ = X
        self.columns_ = list(y.columns)
        self.known_ = [] if X is None else [f"x{j}" for j in range(X.shape[1])]
        settings = self.get_params(deep=False)
        self.forecaster_ = PanelForecaster(horizon=horizon, known=self.known_, **settings)
        self.forecaster_.fit(long_frame(y, X, places_of(y)))
        return self

    def _predict(self, fh: Any, X: "pd.DataFrame | None") -> "pd.DataFrame":
        found = self._quantiles(fh, X, [0.5])
        found.columns = self.columns_
        return found

    def _predict_quantiles(self, fh: Any, X: "pd.DataFrame | None", alpha: Sequence[float]) -> "pd.DataFrame":
        found = self._quantiles(fh, X, alpha)
        name = self._get_varnames()[0]
        found.columns = require("pandas").MultiIndex.from_product([[name], alpha])
        return found

    def _update(self, y: "pd.DataFrame", X: "pd.DataFrame | None" = None, update_params: bool = True) -> Any:
        """Keep what came since; forecasts read on over it."""
        self.y_ = _later(self.y_, y)
        if self.X_ is not None and X is not None:
            self.X_ = _later(self.X_, X)
        return self

    def _quantiles(self, fh: Any, X: "pd.DataFrame | None", alpha: Sequence[float]) -> "pd.DataFrame":
        """A row for each series and step of ``fh``, a column for each level."""
        pandas = require("pandas")
        steps = fh.to_relative(self.cutoff).to_numpy().astype(int)
        most = int(max(steps))
        y = self.y_
        ahead = fh.get_expected_pred_idx(y=y, cutoff=self.cutoff)
        places = places_of(y)
        history = long_frame(y, self.X_, places)
        frame = history
        if self.known_:
            assert X is not None
            ends = {name: rows["ds"].max() for name, rows in history.groupby("unique_id")}
            known = long_frame(None, X, places_of(X, after=y, cutoff=self.cutoff))
            known = known[known["ds"] > known["unique_id"].map(ends)]
            frame = pandas.concat([history, known[known["ds"] <= known["unique_id"].map(ends) + most]])
        levels = sorted({0.5, *alpha})
        forecast = self.forecaster_.run_.forecast(most, quantiles=levels, data=frame)
        by_name = {name: forecast.quantiles[i] for i, name in enumerate(forecast.ids)}
        columns = [levels.index(level) for level in alpha]
        names = list(dict.fromkeys(names_of(ahead)))
        missing = [name for name in names if name not in by_name]
        if missing:
            raise DataError(f"there is no forecast of {missing[0]}, which is not among the series of `y`.")
        rows = np.concatenate([by_name[name][steps - 1][:, columns] for name in names])
        return pandas.DataFrame(rows, index=ahead)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings of fits that take a moment."""
        return [{"steps": 3, "hidden": 4}, {"model": "ar", "steps": 3, "window": 2, "season": 1}]


def _later(known: "pd.DataFrame", new: "pd.DataFrame") -> "pd.DataFrame":
    """Both, and of rows that both have those that are new, in the order of time."""
    both = require("pandas").concat([known, new])
    found: pd.DataFrame = both[~both.index.duplicated(keep="last")].sort_index()
    return found
