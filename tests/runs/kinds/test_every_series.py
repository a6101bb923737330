"""Every transform x every family of models x one and many columns: fitted on rows that end unevenly, scored, resumed.

Recurrent models differ by their cell alone, which no transform knows of: they take turns.
"""

from collections.abc import Iterable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule import Reading, Run
from chainrule.data.reading import TRANSFORMS
from chainrule.models.settings import family
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.kinds.series.run import SeriesRun
from tests.house.sampling import unless
from tests.runs.cases import ar1, same_weights

pytestmark = pytest.mark.usefixtures("without_figures")

COLUMNS = cycle([1, 3, 1, 3, 3])  # five and three, so that no model always has the same ones
HEADS = cycle(["gaussian", "student", "gaussian"])
MODELS = KINDS["series"].models
RECURRENT = [name for name in MODELS if family(name) == "recurrent"]


def in_turns(situations: Iterable[str]) -> list[tuple[str, str]]:
    """Each situation with every model, but with one of the recurrent ones."""
    turns = cycle(RECURRENT)
    return [
        (situation, name)
        for situation in situations
        for name in (*(name for name in MODELS if name not in RECURRENT), next(turns))
    ]


CASES = [
    pytest.param(transform, name, head, next(COLUMNS), id=f"{transform}-{name}-{head}", marks=unless(name == "ar"))
    for (transform, name), head in zip(in_turns((*TRANSFORMS, "auto")), HEADS, strict=False)
]


def fitted(out: Path, transform: Any, name: str, head: str, columns: int, steps: int, resume: bool = False) -> Run:
    values = ar1(131, columns=columns)  # 105 steps to train on: rows of 26 and 27, which end in the middle of windows
    training: dict[str, Any] = {} if name == "ar" and head == "gaussian" else {"steps": steps, "training": {"batch": 4}}
    return chainrule.fit(
        values,
        name,
        hidden=None if name == "ar" else 4,
        window=6,
        head=head,
        reading=Reading(transform=transform),
        out=out,
        quiet=True,
        resume=resume,
        **training,
    )


@pytest.mark.parametrize(("transform", "name", "head", "columns"), CASES)
def test_fit_score_forecast_backtest_resume(transform: Any, name: str, head: str, columns: int, tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", transform, name, head, columns, steps=6)
    again = chainrule.load(run.path)
    assert isinstance(again, SeriesRun)
    assert again.score().nats == pytest.approx(run.score().nats)
    assert np.isfinite(again.forecast(5, paths=20).quantiles).all()
    assert again.backtest(horizon=3, paths=10).rows["model"].mae > 0
    assert again.sample(4).shape == (4, columns)
    if not (name == "ar" and head == "gaussian"):
        resumed = fitted(tmp_path / "run", transform, name, head, columns, steps=6, resume=True)
        same_weights(resumed.model.state_dict(), run.model.state_dict())


def growing(steps: int) -> np.ndarray:
    t = np.arange(steps)
    noise = np.random.default_rng(0).normal(size=steps)
    return np.asarray(100 * np.exp(0.01 * t) * (1 + 0.2 * np.sin(np.pi * t / 6)) * (1 + 0.02 * noise))


def intermittent(steps: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.asarray(random.poisson(3.0, steps) * (random.random(steps) < 0.3), dtype=np.float64)


SERIES = {
    "trending": 10 + 0.5 * np.arange(120) + np.random.default_rng(0).normal(size=120),
    "growing": growing(144),
    "seasonal": 20 + 5 * np.sin(np.arange(150) * np.pi / 6) + np.random.default_rng(0).normal(size=150),
    "wandering": 50 + np.random.default_rng(0).normal(size=200).cumsum(),
    "intermittent": intermittent(150),
    "nearly constant": np.where(np.arange(100) % 37 == 5, 8.0, 7.0),
    "tiny": np.array([3.0, 5.0, 4.0, 6.0, 5.0, 7.0, 6.0, 9.0, 7.0, 8.0, 9.0, 10.0, 8.0, 11.0]),
}


@pytest.mark.parametrize(
    ("series", "name"),
    [pytest.param(*each, marks=unless("ar" in each or "tiny" in each)) for each in in_turns(SERIES)],
)
def test_paths_as_long_as_the_series_stay_near_its_range(series: str, name: str, tmp_path: Path) -> None:
    """Within the range of the data, three times as wide to either side; on a logarithmic scale where it grows."""
    values = SERIES[series]
    budget = {} if name == "ar" else {"steps": 20, "hidden": 8, "training": {"refit": False}}
    run = chainrule.fit(values, name, out=tmp_path / "run", quiet=True, **budget)  # type: ignore[arg-type]
    band = run.forecast(len(values), paths=50, quantiles=(0.025, 0.975)).quantiles
    scale = np.log if series == "growing" else np.asarray
    low = scale(values).min()
    high = scale(values).max()
    reach = 3 * (high - low)
    assert low - reach <= scale(band).min()
    assert scale(band).max() <= high + reach
