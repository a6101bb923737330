"""Runs on a GPU: fitted there they are scored, used and gone on with on the CPU, and back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data import Symbols
from chainrule.runs.folder.device import RanOn
from chainrule.training import LAST, load_tensors
from tests.gpu import CUDA, on_gpu
from tests.runs.cases import ar1, arranged, series, symbols
from tests.runs.fitting.test_resuming import labelled

pytestmark = [*on_gpu, pytest.mark.usefixtures("without_figures")]


def documents() -> Symbols:
    """Several, so that streams have resets inside their chunks."""
    whole = symbols(1200)
    return Symbols(np.array_split(whole.documents[0], 9), whole.alphabet, "sentences", end=(0,))


DATA: dict[str, Any] = {
    "text": symbols(1200),
    "documents": documents(),
    "series": series(ar1(200, columns=2)),
    "images": labelled("images"),
    "sound": labelled("sound"),
}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("text", "lstm", {}),
    ("text", "gru", {"learned_start": True, "layers": 2, "dropout": 0.2}),
    ("text", "conv", {"mix": "none"}),
    ("text", "slstm", {"average": 0.9, "optimiser": "adamw"}),
    ("documents", "lstm", {"precision": "bfloat16"}),
    ("documents", "gru", {"tbptt": (4, 8), "state_dropout": 0.3, "random_windows": False}),
    ("documents", "ar", {}),
    ("text", "gru", {"bptt": "full", "memory": "400kB"}),
    ("text", "rnn", {"tbptt": "auto"}),
    ("series", "gru", {"head": "student"}),
    ("series", "ar", {}),
    ("series", "mlp", {}),
    ("images", "conv", {}),
    ("sound", "gru", {}),
]


def fit(data: str, model: str, out: Path, device: str, steps: int = 4, **options: Any) -> chainrule.Run:
    given: dict[str, Any] = {} if (data, model) == ("series", "ar") else {"steps": steps, "batch": 4}
    if model != "ar":
        given["hidden"] = 16
    if data not in ("images", "sound"):
        given["window"] = 8
    return chainrule.fit(DATA[data], model, out=out, device=device, quiet=True, **arranged({**given, **options}))


def close(one: float, other: float, relative: float = 2e-3) -> None:
    assert one == pytest.approx(other, rel=relative)


@pytest.mark.parametrize(("data", "model", "options"), CASES)
def test_a_fit_on_the_gpu_is_used_on_either(data: str, model: str, options: dict[str, Any], tmp_path: Path) -> None:
    run = fit(data, model, tmp_path, "cuda", **options)
    assert run.device == CUDA
    assert run.result is not None
    assert np.isfinite(run.result.nats)
    ran_on = RanOn.load(tmp_path)
    assert ran_on is not None
    assert (ran_on.device, ran_on.card) == ("cuda:0", torch.cuda.get_device_name(0))
    loaded = chainrule.load(tmp_path, device="cpu")
    assert loaded.device.type == "cpu"
    relative = 2e-2 if "precision" in options else 2e-3
    close(loaded.score(DATA[data]).nats, run.score(DATA[data]).nats, relative)
    assert chainrule.load(tmp_path).device == CUDA, "auto goes back to where it was fitted"


@pytest.mark.parametrize(
    ("data", "model", "options"), [("text", "lstm", {"dropout": 0.0, "ngram_dropout": 0.0}), ("series", "gru", {})]
)
def test_a_fit_on_the_gpu_is_that_of_the_cpu(data: str, model: str, options: dict[str, Any], tmp_path: Path) -> None:
    results = [fit(data, model, tmp_path / device, device, **options).result for device in ("cpu", "cuda")]
    assert results[0] is not None
    assert results[1] is not None
    close(results[0].nats, results[1].nats, 5e-3)


@pytest.mark.parametrize("first", ["cpu", "cuda"])
@pytest.mark.parametrize("second", ["cpu", "cuda"])
def test_it_goes_on_on_either(first: str, second: str, tmp_path: Path) -> None:
    options = {"dropout": 0.2, "refit": False}
    fit("documents", "lstm", tmp_path / "run", first, steps=4, **options)
    more = fit("documents", "lstm", tmp_path / "run", second, steps=8, resume=True, **options)
    assert more.device.type == second
    assert more.result is not None
    assert all(tensor.device.type == "cpu" for tensor in load_tensors(tmp_path / "run" / LAST)[0].values())


def test_uses_on_the_gpu(tmp_path: Path) -> None:
    text = fit("documents", "lstm", tmp_path / "text", "cuda")
    assert text.sample(20, prompt="the cat", seed=1) == text.sample(20, prompt="the cat", seed=1)
    adapted = [
        each.score(symbols(100, seed=1), adapt="both").to_dict()["adapted_nats"]["both"]
        for each in (text, chainrule.load(tmp_path / "text", device="cpu"))
    ]
    close(adapted[0], adapted[1], 5e-3)
    assert text.look(DATA["text"], steps=8).parts()
    real = fit("series", "gru", tmp_path / "series", "cuda", head="student")
    assert real.forecast(5, paths=50, seed=1).paths.shape == (50, 5, 2)
    assert np.isfinite(real.backtest(horizon=4, paths=20).rows["model"].crps)
    assert np.isfinite(real.sample(4)).all()
    images = fit("images", "conv", tmp_path / "images", "cuda")
    assert len(images.classify(DATA["images"].inputs[:2])) == 2


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_window_models_stream_on_the_gpu(model: str, tmp_path: Path) -> None:
    run = fit("series", model, tmp_path, "cuda")
    assert np.isfinite(run.forecast(5, paths=50, seed=1).paths).all()


def test_auto_tries_both_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = chainrule.fit(DATA["text"], "lstm", minutes=0.02, out=tmp_path, quiet=False)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(("On the CPU: a step takes ", "On cuda:0 ("))
    assert run.device.type == ("cpu" if first.startswith("On the CPU") else "cuda")
