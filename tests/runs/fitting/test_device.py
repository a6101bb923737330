"""The device of a fit: the GPU where a trial is faster on it, the CPU else; said where there was a choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import chainrule
from chainrule._devices import CPU
from chainrule.errors import DeviceError, RunFormatError
from chainrule.runs.fitting.asked import Asked
from chainrule.runs.fitting.device import Placed, device_by_trial
from chainrule.runs.fitting.plan import plan
from chainrule.runs.fitting.trial import Trial
from chainrule.runs.folder.device import RAN_ON, RanOn, device_as_fitted
from chainrule.training import Group
from tests.runs.cases import ar1, series, symbol_config, symbols
from tests.test_devices import two_gpus  # noqa: F401

pytestmark = pytest.mark.usefixtures("without_figures")

GPU = torch.device("cuda:0")


def placed(monkeypatch: pytest.MonkeyPatch, of_gpu: float | Exception, data: Any = None, **given: Any) -> Placed:
    """Where a fit is put of which a step takes 0.1 seconds on the CPU, and so long on the GPU."""

    def tried(task: Any, config: Any, device: torch.device) -> Trial:
        if device.type == "cpu":
            return Trial(0.1, 1.0, torch.ones(1))
        if isinstance(of_gpu, Exception):
            raise of_gpu
        return Trial(of_gpu, 1.0, torch.ones(1))

    monkeypatch.setattr("chainrule.runs.fitting.device.tried", tried)
    model = given.pop("model", "gru")
    training = given.pop("training", {})
    steps = None if model in ("ar", "ngram") else 3
    asked = Asked.of({"hidden": 8, "window": 8} if steps else {}, training)
    found = plan(
        symbols(600) if data is None else data,
        model,
        asked,
        chainrule.Reading(),
        minutes=None,
        steps=steps,
        seed=None,
        device=None,
    )
    return found.placed


def test_the_faster_one_is_taken_and_the_reason_told(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    found = placed(monkeypatch, 0.02)
    assert found == (GPU, "a step takes 20 ms, and 100 ms on the CPU")
    found = placed(monkeypatch, 0.3)
    assert found == (CPU, "a step takes 100 ms, and 300 ms on cuda:0 (A)")
    assert placed(monkeypatch, 0.095).device == CPU, "hardly faster"


def test_what_does_not_fit_there_stays_here(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    found = placed(monkeypatch, torch.OutOfMemoryError("out"))
    assert found == (CPU, "a step does not fit into the memory of cuda:0 (A)")


def test_a_gpu_that_torch_sees_and_cannot_use_is_left_alone(
    two_gpus: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = placed(monkeypatch, torch.AcceleratorError("no kernel image is available\nCompile with ..."))
    assert found == (CPU, "a step fails on cuda:0 (A): no kernel image is available")


def test_processes_without_a_gpu_each_stay_here(two_gpus: None) -> None:  # noqa: F811
    class Three(Group):
        """A group of three, of which two have a GPU."""

        def sum(self, numbers: Sequence[float]) -> list[float]:
            return [2 * number for number in numbers]

    config = symbol_config(symbols(600))
    found = device_by_trial(symbols(600), config, Three(size=3))
    assert found == (CPU, "there are fewer GPUs than the 3 processes")


def test_what_cannot_be_tried_stays_here_and_says_so(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    assert placed(monkeypatch, 0.01, model="ngram") == (CPU, "nothing is trained")
    assert placed(monkeypatch, 0.01, series(ar1(100)), model="ar") == (CPU, "nothing is trained")
    full = placed(monkeypatch, 0.01, training={"bptt": "full"})
    assert full.device == CPU
    assert full.why is not None
    assert "name cuda:0 to use it" in full.why


def test_without_a_gpu_nothing_is_tried_or_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert placed(monkeypatch, AssertionError("tried")) == (CPU, None)
    chainrule.fit(symbols(600), "gru", steps=1, hidden=8, window=8, out=tmp_path / "auto")
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("words: text of")
    chainrule.fit(symbols(600), "gru", steps=1, hidden=8, window=8, out=tmp_path / "cpu", device="cpu")
    assert capsys.readouterr().err.splitlines()[:2] == ["On the CPU: asked for.", first]


def test_the_folder_tells_where_it_was_fitted(tmp_path: Path) -> None:
    run = chainrule.fit(symbols(600), "gru", steps=1, hidden=8, window=8, out=tmp_path, quiet=True, device="cpu")
    assert RanOn.load(tmp_path) == RanOn("cpu", None, torch.__version__)
    assert run.device == CPU


def test_what_was_fitted_on_a_gpu_is_used_on_one(two_gpus: None, tmp_path: Path) -> None:  # noqa: F811
    assert device_as_fitted(tmp_path) == CPU
    RanOn("cpu", None, "2").save(tmp_path)
    assert device_as_fitted(tmp_path) == CPU
    RanOn("cuda:1", "B", "2").save(tmp_path)
    assert device_as_fitted(tmp_path) == GPU
    (tmp_path / RAN_ON).write_text('{"device": 3}')
    with pytest.raises(RunFormatError, match=r"device\.json is not what chainrule wrote"):
        device_as_fitted(tmp_path)


def test_a_gpu_that_is_too_small_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def runs_out(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("tried to allocate 9 GiB\nand more")

    monkeypatch.setattr("chainrule.runs.fitting.fit.train", runs_out)
    with pytest.raises(
        DeviceError, match=r"too small for this fit \(tried to allocate 9 GiB\)\. Give a smaller `batch`"
    ):
        chainrule.fit(symbols(600), "gru", steps=1, hidden=8, window=8, out=tmp_path, quiet=True)
