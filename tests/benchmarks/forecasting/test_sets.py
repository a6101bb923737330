"""The ends that are kept back, and a whole run of the command on a small set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.__main__ import app
from typer.testing import CliRunner

from benchmarks.forecasting import sets
from tests.models.panels.cases import dated_panel


def test_the_end_of_every_series_is_kept_back() -> None:
    panel = dated_panel()
    known = sets.without_end(panel, 5)
    for i, observed in enumerate(panel.observed):
        np.testing.assert_array_equal(known.values[known.starts[i] : known.starts[i + 1]], observed[:-5])
    assert known.covariates == panel.covariates


def test_a_set_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(sets.SETS["m4-weekly"], horizon=4)
    monkeypatch.setitem(sets.SETS, "m4-weekly", small)
    rows = [",".join(f"V{k}" for k in range(1, 35))] + [
        f"W{k}," + ",".join(str(k + t % 5) for t in range(30 + k)) for k in range(4)
    ]
    path = tmp_path / "weekly.csv"
    path.write_text("\n".join(rows))
    options = ["--models", "ar,mlp", "--minutes", "0.02", "--threads", "1"]
    told = CliRunner().invoke(app, ["forecasting", f"m4-weekly={path}", *options])
    assert told.exit_code == 0, told.output
    for row in ("ar", "mlp", "ensemble", "theta"):
        assert f"\n{row} " in told.output
    refused = CliRunner().invoke(app, ["forecasting", "m5=x.csv"])
    assert refused.exit_code != 0
