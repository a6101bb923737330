"""Runs on a device other than the CPU, which is pretended: nothing is left behind, and the folder is of no device."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.runs.folder.device import RanOn
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import LAST, load_tensors
from tests.elsewhere import ELSEWHERE, elsewhere
from tests.runs.cases import ar1, arranged, series, symbols
from tests.runs.fitting.test_resuming import labelled

pytestmark = pytest.mark.usefixtures("without_figures")

DATA: dict[str, Any] = {
    "symbols": symbols(200),
    "series": series(ar1(110, columns=2)),
    "images": labelled("images"),
    "sound": labelled("sound"),
}
CASES = [
    *(("symbols", model) for model in ("conv", "lstm")),
    *(("series", model) for model in ("ar", "gru")),
    *(("images", "conv"), ("sound", "conv"), ("sound", "slstm")),
]
OPTIONS: list[dict[str, Any]] = [
    {"tied": True, "mix": "none", "tbptt": "auto", "state_dropout": 0.5},
    {"learned_start": True, "layers": 2, "average": 0.9, "accumulate": 2},
    {"bptt": "full", "memory": "200kB", "dropout": 0.0, "steps": 1},
]


@pytest.fixture
def there() -> Iterator[str]:
    with elsewhere() as device:
        yield device.type


def fit(kind: str, model: str, out: Path, device: str, steps: int = 2, **options: Any) -> chainrule.Run:
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


@pytest.mark.sampled(0)
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


@pytest.mark.sampled(0)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_options_of_training_go_there_too(options: dict[str, Any], there: str, tmp_path: Path) -> None:
    here = fit("symbols", "gru", tmp_path / "here", "cpu", **options)
    run = fit("symbols", "gru", tmp_path / "there", there, **options)
    assert here.result is not None
    assert run.result is not None
    close(run.result.nats, here.result.nats)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("model", ["conv", "lstm"])
def test_symbols_are_sampled_and_learned_from_there(model: str, there: str, tmp_path: Path) -> None:
    run = fit("symbols", model, tmp_path, there)
    drawn = run.sample(20, prompt="the cat", seed=1)
    assert drawn == run.sample(20, prompt="the cat", seed=1)
    assert drawn == chainrule.load(tmp_path, device="cpu").sample(20, prompt="the cat", seed=1)
    data = symbols(100, seed=1)
    # not of weights, whose sparse gradients cannot be pretended to be anywhere
    adapted = [
        each.score(data, adapt="counts").to_dict()["adapted_nats"]
        for each in (run, chainrule.load(tmp_path, device="cpu"))
    ]
    close(adapted[0]["counts"], adapted[1]["counts"])


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("model", "head"), [("ar", "gaussian"), ("gru", "student"), ("conv", "gaussian")])
def test_series_are_forecast_there(model: str, head: str, there: str, tmp_path: Path) -> None:
    run = fit("series", model, tmp_path, there, head=head)
    here = chainrule.load(tmp_path, device="cpu")
    paths = [each.forecast(5, paths=20, seed=1).paths for each in (run, here)]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-4)
    errors = [each.backtest(horizon=4, paths=20).rows["model"].crps for each in (run, here)]
    close(errors[0], errors[1])
    np.testing.assert_allclose(run.sample(4, seed=2), here.sample(4, seed=2), rtol=1e-4)


def test_files_are_classified_there(there: str, tmp_path: Path) -> None:
    run = fit("images", "conv", tmp_path, there)
    images = DATA["images"].inputs[:2]
    (one, _), (other, _) = (each.classify(images) for each in (run, chainrule.load(tmp_path, device="cpu")))
    assert one.label == other.label


@pytest.mark.sampled(0)
@pytest.mark.parametrize("first", ["cpu", "lazy"])
@pytest.mark.parametrize(("kind", "model"), [("images", "conv"), ("symbols", "lstm")])
def test_a_fit_goes_on_on_either(first: str, kind: str, model: str, there: str, tmp_path: Path) -> None:
    second = there if first == "cpu" else "cpu"
    fit(kind, model, tmp_path / "run", first, steps=2)
    more = fit(kind, model, tmp_path / "run", second, steps=4, resume=True)
    assert more.device.type == second
    assert more.result is not None
    assert all(tensor.device.type == "cpu" for tensor in load_tensors(tmp_path / "run" / LAST)[0].values())


@pytest.mark.slow
def test_auto_measures_width_and_precision_where_it_goes(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chainrule.runs.fitting.device.own_gpu", lambda: ELSEWHERE)
    monkeypatch.setattr("chainrule.runs.fitting.device._FASTER", 0.0)
    run = chainrule.fit(symbols(300), "gru", minutes=1e-3, window=8, training={"batch": 4}, out=tmp_path)
    assert run.device == ELSEWHERE
    said = capsys.readouterr().err
    assert said.startswith("On lazy (None): a step takes ")
    assert "hidden size 32 (for 0.001 min at " in said
    assert "products in " in said
