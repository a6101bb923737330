"""Panel fits as an estimator in scikit-learn's manner."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chainrule._choices import finite
from chainrule._devices import Device
from chainrule._optional import require
from chainrule.adapters.kept_folder import KeptFolder
from chainrule.errors import ArgumentError
from chainrule.runs import fit, load
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.run import Intervals
from chainrule.runs.scoring.panels import PanelBacktest

if TYPE_CHECKING:
    import pandas as pd

require("sklearn")
from sklearn.base import BaseEstimator  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

__all__ = ["PanelForecaster"]

_MODEL = ("horizon", "hidden", "layers", "window", "dropout", "head")
_READING = ("season", "freq", "known", "past", "static", "calendar")


class PanelForecaster(BaseEstimator):  # type: ignore[misc]
    """One model of many series, with ``fit`` and ``predict``.

    It is an estimator in scikit-learn's manner: ``get_params``, ``set_params`` and ``clone`` work, and parameters are
    kept as given and checked by ``fit``. It is no regressor: it takes long frames of series, pandas' or polars', where
    scikit-learn's own take arrays of independent rows, so it does not go into its pipelines and cross-validation;
    ``backtest`` is what validates forecasts. Frames that come out are pandas', and ids in them are text.

    The run is in a temporary folder, without figures, removed once nothing refers to the estimator any more; with
    ``out``, it is there, with them, and stays. Copies and pickles of the estimator hold the folder's files and read
    them again as ``chainrule.load``.

    Args:
        model: the name of a model, one of those that fit panels.
        horizon: the steps ahead that are learned; None takes a season, within 8 to 48.
        minutes, steps: the budget, as of ``chainrule.fit``: one of both; 3 minutes where neither is given.
        season: steps in a season; None finds it.
        freq: the frequency of the dates; None finds it.
        known, past, static, calendar: the covariates, as in ``chainrule.data.Reading``.
        hidden, layers, window, dropout, head: of the model; None takes what suits the data.
        training: further settings of training, by name.
        seed: of initialisation, order and dropout.
        device: where to compute.
        out: the run's folder.

    Attributes:
        run_: the run, with all that it can be asked.
        n_features_in_: how many covariates there are.
        feature_names_in_: their names.

    >>> import pandas as pd
    >>> y = np.sin(np.arange(60.0))
    >>> frame = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=60), "y": y})
    >>> forecaster = PanelForecaster("gru", horizon=4, hidden=4, steps=3).fit(frame)
    >>> forecaster.predict(horizon=2, levels=(80,)).columns.tolist()
    ['unique_id', 'ds', 'gru', 'gru-lo-80', 'gru-hi-80']
    """

    def __init__(
        self,
        model: str = "gru",
        *,
        horizon: int | None = None,
        minutes: float | None = None,
        steps: int | None = None,
        season: int | None = None,
        freq: str | None = None,
        known: Sequence[str] = (),
        past: Sequence[str] = (),
        static: Sequence[str] = (),
        calendar: Sequence[str] = (),
        hidden: int | None = None,
        layers: int | None = None,
        window: int | None = None,
        dropout: float | None = None,
        head: str | None = None,
        training: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: Device = "auto",
        out: str | Path | None = None,
    ) -> None:
        self.model = model
        self.horizon = horizon
        self.minutes = minutes
        self.steps = steps
        self.season = season
        self.freq = freq
        self.known = known
        self.past = past
        self.static = static
        self.calendar = calendar
        self.hidden = hidden
        self.layers = layers
        self.window = window
        self.dropout = dropout
        self.head = head
        self.training = training
        self.seed = seed
        self.device = device
        self.out = out

    def fit(self, frame: Any, y: None = None) -> Self:
        """Fit to a long frame: ``unique_id, ds, y`` and the covariates. An earlier run in ``out`` is replaced.

        Raises:
            ArgumentError: a parameter cannot work, or ``y`` is given: the target is a column of the frame.
            DataError: the frame cannot be used as it is.
        """
        if y is not None:
            raise ArgumentError("`y` is given apart; expected it as the column y of the frame.")
        folder = KeptFolder(self.out)
        given = {name: getattr(self, name) for name in _MODEL if getattr(self, name) is not None}
        reading = {name: getattr(self, name) for name in _READING}
        run = fit(
            frame,
            self.model,
            minutes=self.minutes,
            steps=self.steps,
            out=folder.path,
            seed=self.seed,
            overwrite=self.out is not None,
            quiet=True,
            figures=self.out is not None,
            device=self.device,
            training=dict(self.training or {}),
            reading={"layout": "long", **reading},
            **given,
        )
        assert isinstance(run, PanelRun)
        self.run_ = run
        self._folder = folder
        names = [name.partition(":")[0] for name in (*self.known, *self.past, *self.static)]
        self.feature_names_in_ = np.asarray(names, dtype=object)
        self.n_features_in_ = len(names)
        return self

    def predict(
        self,
        X: Any = None,
        horizon: int | None = None,
        levels: Sequence[float] = (80, 95),
        *,
        intervals: Intervals = "model",
    ) -> "pd.DataFrame":
        """A row for each series and step: ``unique_id, ds``, the median by the model's name, and intervals.

        Args:
            X: a long frame that goes on from the fitted one, such as rows that hold what is known ahead, ``y`` blank.
            horizon: the steps; None takes all that were learned.
            levels: of the intervals, in percent.
            intervals: "model", or "conformal", calibrated along the test part.
        """
        check_is_fitted(self)
        halves = [finite("a level", level, 0, 100, open_low=True) / 200 for level in levels]
        quantiles = sorted({0.5, *(round(0.5 + sign * half, 10) for half in halves for sign in (-1, 1))})
        return self.run_.forecast(horizon, quantiles=quantiles, data=X, intervals=intervals).to_frame()

    def update(self, frame: Any) -> Self:
        """Read on over what came since the fit; the weights stay as they are. Returns the estimator."""
        check_is_fitted(self)
        self.run_.update(frame)
        return self

    def backtest(self, frame: Any = None, **options: Any) -> PanelBacktest:
        """Forecasts along the held-out part, or along ``frame``, beside baselines; see ``PanelRun.backtest``."""
        check_is_fitted(self)
        return self.run_.backtest(frame, **options)

    def score(self, frame: Any = None, y: None = None) -> float:
        """Minus the weighted quantile loss of ``backtest``, so that more is better; NaN where it is not defined."""
        if y is not None:
            raise ArgumentError("`y` is given apart; expected it as the column y of the frame.")
        result = self.backtest(frame, baselines=())
        loss = result.rows[result.model].wql
        return float("nan") if loss is None else -loss

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_")

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("run_", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_folder" in state:
            run = load(self._folder.path)
            assert isinstance(run, PanelRun)
            self.run_ = run
