"""Every peer that is installed forecasts every series, at every level, and within its minutes; others are missing."""

from typing import Any

import numpy as np
import pytest
from benchmarks.forecasting.entering import LEVELS
from benchmarks.forecasting.entrants import PEERS, Entrant, chainrule_entrant

import chainrule
from chainrule.data import Panel
from tests.benchmarks.forecasting.cases import SMALL, a_panel, asked_of, last_value


@pytest.mark.filterwarnings("ignore")  # of the peers and of Lightning
@pytest.mark.parametrize("name", PEERS)
def test_peers_forecast_all_series_at_all_levels(name: str) -> None:
    missing = PEERS[name].missing()
    if missing is not None:
        pytest.skip(missing)
    outcome = PEERS[name].enter(asked_of(a_panel(), minutes=0.05))
    assert outcome.quantiles.shape == (3, SMALL.horizon, len(LEVELS))
    assert np.isfinite(outcome.quantiles).all()
    assert (np.diff(outcome.quantiles, axis=-1) >= 0).all()
    assert outcome.steps > 0
    assert outcome.processor > 0


def test_what_is_not_installed_is_named_with_the_extra() -> None:
    missing = Entrant("one", last_value, package="no_such_package").missing()
    assert missing is not None
    assert missing.startswith("no_such_package is not installed")
    assert "forecast-peers" in missing
    assert Entrant("one", last_value).missing() is None


def test_settings_of_a_variant_reach_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(panel: Panel, model: str, **given: Any) -> None:
        assert model == "mlp"
        assert given["hidden"] == 8
        assert given["head"] == "student"
        assert given["training"] == {"average": 0.9}
        raise NotImplementedError

    monkeypatch.setattr(chainrule, "fit", fit)
    with pytest.raises(NotImplementedError):
        chainrule_entrant("mlp+hidden=8+head=student+average=0.9").enter(asked_of(a_panel()))
