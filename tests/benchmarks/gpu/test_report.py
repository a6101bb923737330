"""The comparisons for a GPU, made and checked on the CPU here, where nothing of them is fast."""

import json
import time
from pathlib import Path

import pytest
import torch
from benchmarks.__main__ import app
from benchmarks.gpu.cases import Case, Subject
from benchmarks.peers.convolutions import ConvolutionShape
from benchmarks.peers.points import Shape
from torch import nn
from typer.testing import CliRunner

import chainrule
from benchmarks.gpu import convolution, recurrent, report, timing

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(call: timing.Call, times: int) -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    monkeypatch.setattr(timing, "seconds", seconds)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(timing, "_WARM", 0)
    monkeypatch.setattr(report, "QUICK", timing.Effort(most=1, least=1, turn=1e-9, budget=0.0))


def test_recurrent_layers(tmp_path: Path) -> None:
    told: list[str] = []
    cases = recurrent.cases(recurrent.TASKS, ("gru", "lstm"), (Shape(6, 3, 2, 16),), quick=True, device=CPU)
    rows = report.report(cases, told.append, quick=True, out=tmp_path / "rows.json")
    assert [row.what for row in rows if row.problem is not None] == []
    assert {row.table for row in rows} == set(recurrent.TASKS)
    assert {row.precision for row in rows} == {"float32", "bfloat16"}
    for what in ("lstm 6x3x2x16 layer norm", "gru 6x3x2x16 resets 10.0%", "gru 6x3x2x16 x2 both ways"):
        assert any(line.startswith(what) and line.count("x") > 3 for line in told)
    written = json.loads((tmp_path / "rows.json").read_text())
    assert written["card"] == "a card"
    assert len(written["rows"]) == len(rows)
    assert written["rows"][0]["torch"]["median"] > 0


def test_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = (ConvolutionShape(2, 4, 4, (20,), 3, groups=4), ConvolutionShape(2, 1, 2, (5, 6), 3))
    monkeypatch.setattr(convolution, "_SHAPES", shapes)
    monkeypatch.setattr(convolution, "_CAUSAL", shapes[:1])
    monkeypatch.setattr(convolution, "_NETS", ())
    rows = report.report(convolution.cases(convolution.TASKS, quick=False, device=CPU), print, quick=True, out=None)
    assert [row.problem for row in rows if row.problem is not None] == []
    assert {row.table for row in rows} == set(convolution.TASKS) - {"swap"}
    assert {row.what.partition("k3 ")[2] for row in rows} == {"", "alone", "after a state", "resets 1%"}


def test_nothing_that_is_off_has_a_speed() -> None:
    theirs = nn.GRU(2, 3)
    ours = chainrule.nn.GRU(2, 3)
    x = torch.randn(4, 2, 2)
    torchs, chainrules = (Subject(layer, x, 1, {}, learns=True) for layer in (theirs, ours))
    told: list[str] = []
    (row,) = report.report([Case("training", "gru", "float32", torchs, chainrules)], told.append, quick=True, out=None)
    assert row.problem is not None
    assert row.problem.startswith("beside torch, the output is off by")
    assert "1 of 1 have no speed." in told[-2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is about machines without a GPU")
@pytest.mark.parametrize("command", ["recurrent", "convolution"])
def test_there_is_no_gpu(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--device", "cuda"])
    assert result.exit_code == 2
    assert "no CUDA device" in result.output
    assert "cpu or cuda" in CliRunner().invoke(app, [command, "--device", "tpu"]).output
