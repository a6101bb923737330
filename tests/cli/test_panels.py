"""The commands on a panel: its options reach the fit, its questions are answered or refused in terms of flags."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from chainrule.cli.app import app

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three stores, and a run fitted to it."""
    made = tmp_path_factory.mktemp("stores")
    random = np.random.default_rng(0)
    day = pd.date_range("2024-01-01", periods=60)
    frames = [
        pd.DataFrame({"store": f"s{k}", "day": day, "units": random.poisson(9, 60), "price": random.random(60)})
        for k in range(3)
    ]
    pd.concat(frames).to_csv(made / "sales.csv", index=False)
    pd.concat(frames).drop(columns="price").to_csv(made / "plain.csv", index=False)
    told = CliRunner().invoke(app, _fit(made, "sales.csv", "run", "--known", "price"))
    assert told.exit_code == 0, told.stderr
    assert "3 series of units, 60 steps each, 2024-01-01 to 2024-02-29, a season of 7 steps" in told.stderr
    assert "known ahead: price" in told.stderr
    assert "seasonal naive" in told.stdout
    return made


def _fit(folder: Path, table: str, out: str, *more: str) -> list[str]:
    of = ["--id", "store", "--date", "day", "--target", "units", "--horizon", "5", "--steps", "2", "--hidden", "4"]
    return ["fit", str(folder / table), *of, *more, "--out", str(folder / out)]


def test_errors_of_backtests_are_shown_and_written(folder: Path) -> None:
    run = str(folder / "run")
    out = folder / "errors.csv"
    told = CliRunner().invoke(app, ["backtest", run, "--by", "series", "--out", str(out), "--baselines", "naive"])
    assert told.exit_code == 0, told.stderr
    assert "s2" in told.stdout
    frame = pd.read_csv(out)
    assert {"unique_id", "ds", "cutoff", "y", "gru", "naive"} <= {*frame.columns}
    assert max(map(len, told.stdout.split("\n\n")[0].splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["forecast", "run"], "price of sales.csv must be known ahead for 5 steps"),
        (["forecast", "run", "--horizon", "6"], "fit again with --horizon 6"),
        (["forecast", "run", "--paths", "5"], "--paths draw futures of one series"),
        (["backtest", "run", "--baselines", "naiv"], "Did you mean 'naive'"),
        (["backtest", "run", "--by", "store"], "--by is 'store'; expected one of horizon, series"),
        (["backtest", "run", "--intervals", "exact"], "expected one of model, conformal"),
        (["sample", "run"], "cannot sample"),
    ],
)
def test_what_cannot_be_asked(folder: Path, asked: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 2
    assert message in " ".join(told.stderr.split())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--known", "cost"], "has no column 'cost'"),
        (["--horizon", "20"], "a horizon of 20 needs at least 61"),
        (["--transform", "difference"], "--transform difference"),
        (["--stable"], "--stable applies to series, not to panels"),
        (["--series", "s9"], "there is no series 's9'"),
    ],
)
def test_what_cannot_be_fitted(folder: Path, more: list[str], message: str) -> None:
    told = CliRunner().invoke(app, _fit(folder, "sales.csv", "other", *more))
    assert told.exit_code == 2
    assert message in " ".join(told.stderr.split())
    assert not (folder / "other").exists()
