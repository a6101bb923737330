"""What is chosen for tensors on a GPU, and that it computes the same; tests/gpu has what only a GPU can tell."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule import nn
from chainrule.errors import BackendError, ShapeError
from chainrule.functional import causal_convolution, convolution
from chainrule.nn import explain
from tests.ops.convolution.cases import random
from tests.ops.convolution.test_causal import Case, agree, cases
from tests.pretence import on_a_gpu
from tests.tolerances import close


@given(cases())
@settings(deadline=None, max_examples=100)
def test_states_resets_and_lengths_by_torch(case: Case) -> None:
    expected = case.run("reference")
    with on_a_gpu():
        assert case.x.shape[-1] == 0 or next(iter(explain(case.run, "auto").calls)).backend == "torch"
        agree(case.run("auto"), expected, case.leaves)


@given(cases(resets=False, ragged=False), st.booleans(), st.booleans(), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_without_masks(case: Case, learns: bool, has_state: bool, times: int) -> None:
    case = replace(case, x=random(*case.x.shape[:2], case.x.shape[-1] * times))
    options: dict[str, Any] = {"dilation": case.dilation, "groups": case.groups}
    options |= {"state": case.state} if has_state else {}

    def run(backend: str) -> tuple[Tensor, Tensor]:
        return causal_convolution(case.x, case.weight, case.bias, **options, backend=backend)

    expected = run("reference")
    with on_a_gpu(), torch.set_grad_enabled(learns):
        actual = run("auto")
    if learns:
        agree(actual, expected, [case.x, case.weight])
    for one, other in zip(actual, expected, strict=True):
        close(one, other)


def test_forward_alone_cuts_off_what_torchs_own_zeros_add(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.CausalConv1d(2, 3, kernel_size=4)
    x = torch.randn(1, 2, 24)
    state = torch.randn(1, 2, 3)
    learned = state.clone().requires_grad_()
    joined: list[int] = []
    cat = torch.cat

    def counted(tensors: list[Tensor], dim: int) -> Tensor:
        joined.append(1)
        return cat(tensors, dim)

    monkeypatch.setattr(torch, "cat", counted)
    with on_a_gpu(), torch.no_grad():
        layer(x)
        layer(x, state)
        assert joined == []
        layer(x[..., :23])
        layer(x[..., :23], state)
        assert joined == [1] * 2
    with on_a_gpu():
        layer(x)
        layer.requires_grad_(False)
        layer(x, learned)
    assert joined == [1] * 4


@pytest.mark.parametrize(
    ("x", "weight", "groups", "backend"),
    [
        ((1, 1, 1_000_000), (1, 1, 4096), 1, "fft"),
        ((2, 16, 500_000), (16, 1, 1024), 16, "fft"),
        ((1, 1, 1_000_000), (1, 1, 1000), 1, "torch"),
        ((1, 1, 200_000), (1, 1, 4096), 1, "torch"),
        ((1, 4, 1_000_000), (4, 4, 4096), 1, "torch"),
        ((1, 1, 4100), (1, 1, 4096), 1, "torch"),
    ],
)
def test_which_kernels_are_transformed(
    x: tuple[int, ...], weight: tuple[int, ...], groups: int, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fft", "torch"):
        monkeypatch.setattr(f"chainrule.ops.convolution.backends.{name}.run", lambda call: (call.x, None))
    with on_a_gpu():
        (call,) = explain(convolution, torch.empty(1).expand(x), torch.empty(1).expand(weight), groups=groups).calls
    assert call.backend == backend


def test_transforms_with_ends_by_torch() -> None:
    x = random(2, 6, 3000)
    weight = random(6, 2, 700)
    expected = convolution(x, weight, groups=3, backend="formula")
    with on_a_gpu():
        actual = convolution(x, weight, groups=3, backend="fft")
        agree([actual], [expected], [x, weight])
        infinite = torch.zeros(1, 1, 2000)
        infinite[..., 900] = torch.inf
        y = convolution(infinite, torch.ones(1, 1, 600), backend="fft")
    assert y.isinf().sum() == 600
    assert y.nan_to_num(0, 0).abs().max() < 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_transforms_refuse(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    call = (torch.zeros(1, 1, 2000), torch.zeros(1, 1, 600))
    with on_a_gpu():
        with pytest.raises(BackendError, match="the transforms are of float32 and float64"):
            convolution(*(each.to(dtype) for each in call), backend="fft")
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        with pytest.raises(BackendError, match="whether its numbers are finite"):
            convolution(*call, backend="fft")


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_layers_are_torchs_and_say_what_is_wrong(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Conv1d(2, 3, 3, padding=1, padding_mode=mode)
    x = torch.randn(4, 2, 9)
    with monkeypatch.context() as context:
        context.setattr("chainrule.nn.convolution.convolution", None)
        context.setattr("chainrule.nn.convolution.by_torch", None)
        with on_a_gpu():
            y = layer(x)
    close(y, layer(x))
    with on_a_gpu():
        (call,) = explain(layer, x).calls
        assert call.backend == "torch"
        with pytest.raises(ShapeError, match="x has 3 channels"):
            layer(torch.randn(4, 3, 9))
