"""The hidden size by budget: wider with more steps and longer texts, the same in every process, kept when resumed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import chainrule
from chainrule.data import Symbols
from chainrule.errors import RunExistsError, TooShortError
from chainrule.models import ModelConfig, SymbolModel
from chainrule.runs.fitting.width import width_by_budget
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import ALONE, Group, Optimisation, TrainingConfig
from tests.elsewhere import elsewhere
from tests.runs.cases import symbols

pytestmark = pytest.mark.usefixtures("without_figures")


def width(steps: int, length: int, model: str = "lstm", group: Group = ALONE) -> int:
    kind = KINDS["symbols"]
    about = kind.describe(symbols(600), "none", ModelConfig())
    return width_by_budget(about, length, ModelConfig(model), TrainingConfig(steps=steps), group).hidden


def test_it_grows_with_the_steps() -> None:
    widths = [width(steps, length=10**8) for steps in (1, 100, 1_000, 10_000, 100_000)]
    assert widths == sorted(widths)
    assert widths[0] < widths[2] < widths[-1]


def test_it_grows_with_the_text() -> None:
    widths = [width(10**6, length) for length in (600, 50_000, 10**6, 10**8)]
    assert widths == sorted(widths)
    assert len(set(widths)) == 4


def test_a_cell_with_fewer_gates_is_wider() -> None:
    assert width(2_000, length=10**8, model="rnn") > width(2_000, length=10**8, model="lstm")


def test_several_processes_read_more() -> None:
    class Two(Group):
        """A group of two that is only asked for its size."""

    assert width(1_000, 10**8, group=Two(size=2)) == width(2_000, 10**8)


def test_a_resumed_run_keeps_it_whatever_the_machine_is_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data: Symbols = symbols(600)
    first = chainrule.fit(data, "gru", minutes=1e-3, window=8, out=tmp_path, quiet=True)
    monkeypatch.setattr("chainrule.runs.fitting.width._WIDTHS", (7,))
    more = chainrule.fit(data, "gru", minutes=2e-3, window=8, out=tmp_path, quiet=True, resume=True)
    assert more.config.model.hidden == first.config.model.hidden != 7


def test_a_budget_of_minutes_measures_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chainrule.fit(symbols(600), "gru", minutes=1e-3, window=8, out=tmp_path)
    assert "for 0.001 min at " in capsys.readouterr().err


def test_the_speed_is_that_of_the_network_which_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    class Spied(Optimisation):
        """Notes what it is given to train."""

        def __init__(self, model: nn.Module, *arguments: Any, **options: Any) -> None:
            measured.append(model)
            super().__init__(model, *arguments, **options)

    monkeypatch.setattr("chainrule.runs.fitting.width.Optimisation", Spied)
    about = KINDS["symbols"].describe(symbols(600), "none", ModelConfig())
    width_by_budget(about, 600, ModelConfig("gru", window=4, mix="ngram"), TrainingConfig(minutes=1e-4), ALONE)
    assert [type(model) for model in measured] == [SymbolModel]


def test_what_does_not_fit_a_gpu_is_too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(Optimisation):
        """Of a GPU that holds networks of 64 units."""

        def step(self, progress: Any) -> Any:
            if self.model.get_parameter("encoder.cell.weight_hh_l0").shape[1] > 64:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().step(progress)

    monkeypatch.setattr("chainrule.runs.fitting.width.Optimisation", Small)
    about = KINDS["symbols"].describe(symbols(600), "none", ModelConfig())
    asked = ModelConfig("gru", window=4), TrainingConfig(minutes=5)
    monkeypatch.setattr("chainrule.runs.fitting.width._SHARE_OF_EACH", 1e-5)
    with elsewhere() as device:
        found = width_by_budget(about, 10**8, *asked, ALONE, device)
    assert found.hidden == 64


def test_what_is_refused_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*arguments: Any) -> float:
        raise AssertionError("measured")

    monkeypatch.setattr("chainrule.runs.fitting.width._measure", measured)
    with pytest.raises(TooShortError):
        chainrule.fit(symbols(20), "gru", minutes=1, out=tmp_path / "run")
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RunExistsError):
        chainrule.fit(symbols(600), "gru", minutes=1, out=tmp_path)
