"""The Triton kernels at the sizes that a GPU is for: many programs, which wait for each other; the CPU has float64.

tests/ops/recurrence/backends/test_triton.py has every option at small sizes, on a GPU where there is one.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import chainrule
from chainrule import nn
from tests.gpu import on_gpu
from tests.ops.recurrence.problems import Problem
from tests.tolerances import close_rounded, close_scan

pytestmark = on_gpu

# units: in one program, in a few, in many; more than stay in a processor's memory
SIZES = [(40, 33, 64), (40, 40, 128), (30, 70, 256), (12, 20, 1024)]
CELLS = (
    *("rnn_tanh", "gru", "lstm", "gru+norm+mask", "gru_reset_before+norm+rate"),
    *("lstm+norm+peep+rate", "lstm_projected+norm+peep+rate"),
)


@pytest.fixture
def exact_products() -> Iterator[None]:
    precision: Any = torch.backends.cudnn.rnn
    before = precision.fp32_precision
    precision.fp32_precision = "ieee"
    yield
    precision.fp32_precision = before


def _outcome(problem: Problem, backend: str, device: str) -> list[Tensor]:
    """Outputs, last states and all gradients of a call with resets, on the CPU."""
    there = [t.detach().to(device).requires_grad_() for t in (problem.inputs(), *problem.state())]
    weights = [None if w is None else w.detach().to(device).requires_grad_() for w in problem.weights()]
    zoneout = problem.zoneout()
    if isinstance(zoneout, Tensor):
        zoneout = zoneout.to(device)
    resets = (problem.draw(problem.B, problem.T, offset=20) > 1.5).to(device)
    options = {"backend": backend, "resets": resets, "zoneout": zoneout}
    outputs = problem.run(there[0], tuple(there[1:]), weights, **options)
    sum(o.double().square().sum() for o in outputs).backward()
    gradients = [t.grad for t in (*there, *weights) if t is not None and t.grad is not None]
    return [t.detach().cpu() for t in (*outputs, *gradients)]


@pytest.mark.usefixtures("exact_products")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_float32_equals_float64(cell: str, sizes: tuple[int, int, int]) -> None:
    T, B, H = sizes
    problem = Problem(cell, B=B, T=T, I=24, H=H, dtype=torch.float32)
    expected = _outcome(problem.of(torch.float64), "formula", "cpu")
    for actual, other in zip(_outcome(problem, "triton", "cuda"), expected, strict=True):
        close_scan(actual, other, T, H, normalised="+norm" in cell)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["tf32", "bfloat16"])
def test_products_of_fewer_bits(cell: str, dtype: torch.dtype) -> None:
    problem = Problem(cell, B=40, T=25, I=24, H=200)
    expected = _outcome(problem, "formula", "cpu")
    for actual, other in zip(_outcome(problem.of(dtype), "triton", "cuda"), expected, strict=True):
        close_rounded(actual, other, problem.T, normalised="+norm" in cell)


@pytest.mark.parametrize("cell", ["gru", "lstm+norm+peep+rate"])
def test_the_same_bits_every_time(cell: str) -> None:
    problem = Problem(cell, B=64, T=50, I=16, H=256, dtype=torch.float32)
    first = _outcome(problem, "triton", "cuda")
    for _ in range(5):
        assert all(map(torch.equal, first, _outcome(problem, "triton", "cuda")))


def test_more_rows_than_run_at_the_same_time() -> None:
    problem = Problem("gru", B=3000, T=4, I=8, H=256, dtype=torch.float32)
    expected = _outcome(problem.of(torch.float64), "formula", "cpu")
    for actual, other in zip(_outcome(problem, "triton", "cuda"), expected, strict=True):
        close_rounded(actual, other, problem.T)


def test_what_runs_by_itself() -> None:
    layer = nn.GRU(8, 16, device="cuda")
    x = torch.randn(5, 3, 8, device="cuda")
    resets = torch.zeros(5, 3, dtype=torch.bool, device="cuda")
    (with_resets,) = chainrule.explain(layer, x, resets=resets).calls
    assert with_resets.backend == "triton"
    assert "torch.float32 on cuda:0" in with_resets.reason
    with torch.autocast("cuda", dtype=torch.bfloat16):
        (cast,) = chainrule.explain(layer, x, resets=resets).calls
    assert "products of bfloat16" in cast.reason
    double = nn.GRU(8, 16, device="cuda", dtype=torch.float64)
    (other,) = chainrule.explain(double, x.double(), resets=resets).calls
    assert other.backend == "formula"
    assert "float32 and bfloat16" in other.reason
