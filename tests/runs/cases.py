"""Small data and quick fits that the tests of runs share."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._settings import settings_of
from chainrule.data import Alphabet, Panel, Reading, Series, Symbols, Transform
from chainrule.models import ModelConfig
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import DataConfig
from chainrule.training import TrainingConfig, TrainingSettings

WORDS = "the cat sat on the mat and the dog ran after it\n"


@cache
def text(characters: int = 1200, seed: int = 0) -> str:
    """Words of WORDS in random order, so that there is something to learn and no exact repetition."""
    random = np.random.default_rng(seed)
    words = [str(random.choice(WORDS.split())) for _ in range(characters)]
    return " ".join(words)[:characters]


def symbols(characters: int = 1200, seed: int = 0) -> Symbols:
    alphabet = Alphabet.of([text(2000)])
    return Symbols([alphabet.encode(text(characters, seed))], alphabet, "words")


def ar1(steps: int = 300, coefficient: float = 0.9, seed: int = 0, columns: int = 1) -> NDArray[np.float64]:
    """x_t = 50 + c (x_{t-1} - 50) + e_t, so that every value is far above zero."""
    noise = np.random.default_rng(seed).standard_normal((steps, columns))
    x = np.zeros_like(noise)
    for t in range(1, steps):
        x[t] = coefficient * x[t - 1] + noise[t]
    return x + 50


def series(values: NDArray[np.float64] | None = None, season: int = 1) -> Series:
    values = ar1() if values is None else values
    return Series(values, tuple("abc"[: values.shape[1]]), None, "noise", season)


def panel(series: int = 5, steps: int = 80, season: int = 7, seed: int = 0, name: str = "shops") -> Panel:
    """Series of a season and noise, each of its own size and length, without dates."""
    random = np.random.default_rng(seed)
    lengths = steps + random.integers(0, 20, series)
    each = [
        10.0 ** (k % 4) * (5 + np.sin(2 * np.pi * np.arange(length) / season) + 0.3 * random.standard_normal(length))
        for k, length in enumerate(lengths)
    ]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = tuple(f"shop {k}" for k in range(series))
    return Panel(np.concatenate(each), starts, ids, "sales", season=season, name=name)


def daily(steps: int) -> NDArray[np.datetime64]:
    return (np.datetime64("2020-01-01") + np.arange(steps)).astype("datetime64[ns]")


def write_csv(path: Path, values: NDArray[np.float64], dates: NDArray[np.datetime64] | None = None) -> Path:
    """A table of columns a, b, ... with a date column where there are dates."""
    header = (["date"] if dates is not None else []) + list("abc"[: values.shape[1]])
    first = [[] for _ in values] if dates is None else [[str(d)] for d in dates.astype("datetime64[D]")]
    lines = [",".join([*date, *(repr(float(v)) for v in row)]) for date, row in zip(first, values, strict=True)]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return path


def symbol_config(data: Symbols, window: int = 8) -> RunConfig:
    """A config as fit makes it, for tests of a task by itself."""
    about = DataConfig("symbols", data.name, "character", "", alphabet=data.alphabet)
    return RunConfig(None, Reading(), ModelConfig("gru", 8, window=window), TrainingConfig(steps=1, batch=4), about)


def series_config(data: Series, transform: str = "standardise", name: str = "gru", window: int = 8) -> RunConfig:
    about = DataConfig(
        "series", data.name, "step", "", transform=Transform.fit(transform, data.values), columns=data.columns
    )
    return RunConfig(None, Reading(), ModelConfig(name, 8, window=window), TrainingConfig(steps=1, batch=4), about)


def arranged(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as ``fit`` takes them: those of training together."""
    training = {name: value for name, value in options.items() if name in settings_of(TrainingSettings)}
    others = {name: value for name, value in options.items() if name not in training}
    return {**others, "training": training} if training else others


def same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    """Assert equality to the bit."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
