"""Runs on a device other than the CPU, which is pretended: nothing is left behind, and the folder is of no device."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data import Labelled, Series, Symbols
from chainrule.runs.folder.device import RanOn
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import LAST, load_tensors
from tests.elsewhere import elsewhere
from tests.runs.cases import ar1, arranged, series, symbols
from tests.runs.fitting.test_resuming import labelled

pytestmark = pytest.mark.usefixtures("without_figures")

DATA: dict[str, Any] = {
    "symbols": symbols(600),
    "series": series(ar1(200, columns=2)),
    "images": labelled("images"),
    "sound": labelled("sound"),
}
CASES = [(kind, model) for kind in KINDS for model in KINDS[kind].models if model != "ngram"]
OPTIONS: list[dict[str, Any]] = [
    {"learned_start": True, "layers": 2},
    {"tied": True, "mix": "none"},
    {"average": 0.9, "accumulate": 2},
    {"tbptt": (4, 8)},
    {"tbptt": "auto", "state_dropout": 0.5},
    {"bptt": "full", "memory": "200kB", "dropout": 0.0},
]


@pytest.fixture
def there() -> Iterator[str]:
    with elsewhere() as device:
        yield device.type


def fit(kind: str, model: str, out: Path, device: str, steps: int = 3, **options: Any) -> chainrule.Run:
    solved = KINDS[kind].solves(model, options.get("head", "gaussian"))
    given: dict[str, Any] = {} if solved else {"steps": steps, "batch": 4}
    if model != "ar":
        given["hidden"] = 8
    if "stream" in KINDS[kind].has:
        given["window"] = 8
    given |= options
    return chainrule.fit(DATA[kind], model, out=out, device=device, quiet=True, **arranged(given))


def close(one: float, other: float) -> None:
    assert one == pytest.approx(other, rel=1e-3)


@pytest.mark.parametrize(("kind", "model"), CASES)
def test_a_fit_there_is_that_of_the_cpu_and_can_be_used_on_it(
    kind: str, model: str, there: str, tmp_path: Path
) -> None:
    here = fit(kind, model, tmp_path / "here", "cpu")
    run = fit(kind, model, tmp_path / "there", there)
    assert run.device.type == there
    assert here.result is not None
    assert run.result is not None
    close(run.result.nats, here.result.nats)
    loaded = chainrule.load(tmp_path / "there", device="cpu")
    assert loaded.device.type == "cpu"
    ran_on = RanOn.load(tmp_path / "there")
    assert ran_on is not None
    assert ran_on.device == there
    data = DATA[kind]
    close(loaded.score(data).nats, run.score(data).nats)
    close(loaded.to(there).score(data).nats, run.score(data).nats)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_options_of_training_go_there_too(options: dict[str, Any], there: str, tmp_path: Path) -> None:
    here = fit("symbols", "gru", tmp_path / "here", "cpu", **options)
    run = fit("symbols", "gru", tmp_path / "there", there, **options)
    assert here.result is not None
    assert run.result is not None
    close(run.result.nats, here.result.nats)
