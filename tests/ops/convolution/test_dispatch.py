"""The list of backends: each says what it cannot run, and runs everything else."""

import pytest
import torch
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError
from chainrule.ops.convolution import dispatch
from chainrule.ops.convolution.backends import cpu
from chainrule.ops.convolution.backends.torch import prepared
from chainrule.ops.convolution.call import Causal, ConvolutionCall, Geometry
from chainrule.ops.convolution.dispatch import BACKENDS, choose, run

EACH = pytest.mark.parametrize("name", BACKENDS)


def _call(causal: bool = False, masks: bool = False, dtype: torch.dtype = torch.float64) -> ConvolutionCall:
    x = torch.randn(2, 4, 9).to(dtype)
    weight = torch.randn(6, 2, 3).to(dtype)
    bias = torch.randn(6).to(dtype)
    if not causal:
        return ConvolutionCall(x, weight, bias, Geometry((1,), (1,), (0,), (1,), 2))
    lengths = torch.tensor([9, 4]) if masks else None
    state = torch.randn(2, 4, 2).to(dtype)
    return ConvolutionCall(x, weight, bias, Geometry((1,), (2,), (0,), (1,), 2), Causal(state, None, lengths))


@EACH
@pytest.mark.parametrize(("causal", "masks"), [(False, False), (True, False), (True, True)])
def test_a_backend_runs_what_it_has_no_obstacle_to(name: str, causal: bool, masks: bool) -> None:
    call = _call(causal, masks)
    if obstacle := BACKENDS[name].obstacle(call):
        assert masks or name == "triton"  # which is for causal ones
        with pytest.raises(BackendError, match=f"'{name}' cannot run this convolution: {obstacle}"):
            run(call, name)
        return
    y, last = run(call, name)
    expected, expected_last = BACKENDS["reference"].run(call)
    torch.testing.assert_close(y, expected)
    assert (last is None) == (expected_last is None) == (not causal)
    if last is not None:
        torch.testing.assert_close(last, expected_last)


@EACH
def test_a_backend_describes_itself(name: str) -> None:
    instructions, threads = BACKENDS[name].describe(_call())
    assert (instructions is not None) == (name == "cpu")
    assert 1 <= threads <= torch.get_num_threads()


def test_auto_gives_the_reason_of_the_backend_that_it_takes() -> None:
    name, reason = choose(_call(), "auto")
    assert reason == BACKENDS[name].merit(_call())


def test_a_fall_back_gives_the_obstacle_of_the_faster_backend() -> None:
    call = _call(causal=True, masks=True, dtype=torch.float16)
    assert choose(call, "auto") == ("formula", BACKENDS["cpu"].obstacle(call))


@pytest.mark.parametrize("backend", ["kernels", "", None, 3])
def test_unknown_backends_are_refused_with_the_known_ones(backend: str) -> None:
    with pytest.raises(ArgumentError, match=r"unknown backend .* the known ones are 'auto', 'fft', 'triton', 'torch'"):
        choose(_call(), backend)


def test_a_remembered_choice_is_that_of_the_same_call() -> None:
    """The memory layout is part of what is remembered, beside the shapes."""
    x = torch.randn(1, 3, 40, 70)
    weight = torch.randn(16, 3, 3, 3)

    def chosen(x: Tensor) -> str:
        return choose(ConvolutionCall(x, weight, None, Geometry((1, 1), (0, 0), (0, 0), (1, 1), 1)), "auto")[0]

    assert [chosen(x), chosen(x.to(memory_format=torch.channels_last)), chosen(x)] == ["cpu", "torch", "cpu"]


@pytest.mark.parametrize(("channels", "groups"), [(16, 2), (4, 4)])
def test_where_torch_s_gradient_is_garbage_with_channels_last_another_computes(
    channels: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of grouped, dilated kernels in bfloat16 (torch 2.13)."""
    x = torch.ones(2, channels, 16, 33, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    weight = torch.ones(4, channels // groups, 3, 3, dtype=torch.bfloat16, requires_grad=True)

    def chosen(weight: Tensor, dilation: int) -> str:
        geometry = Geometry((1, 1), (0, 0), (0, 0), (dilation, dilation), groups)
        return choose(ConvolutionCall(x, weight, None, geometry), "auto")[0]

    assert [chosen(weight, 1), chosen(weight, 2), chosen(weight.detach(), 2)] == ["torch", "cpu", "torch"]
    monkeypatch.setattr(cpu, "obstacle", lambda call: "an install without kernels")
    monkeypatch.setattr(dispatch, "_chosen", {})
    assert [chosen(weight, 1), chosen(weight, 2), chosen(weight.detach(), 2)] == ["torch", "formula", "torch"]


def test_uneven_padding_is_torch_s_but_for_what_is_uneven() -> None:
    """So that nothing more is copied, and what torch computes is what it computes for its own layer."""
    op, pads, rest = prepared(Geometry((1, 1), (9, 0), (9, 1), (3, 3), 1))
    assert op is torch.nn.functional.conv2d
    assert pads == [0, 1, 0, 0]
    assert rest[1] == (9, 0)
