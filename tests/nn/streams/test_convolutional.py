"""A causal convolution fed in pieces gives what it gives whole; its state is the layer's."""

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import CausalConv1d, ConvolutionStream
from chainrule.ops.convolution.backends.cpu import LEVELS, native
from tests.tolerances import close, close_sums

LAYERS: list[dict[str, Any]] = [
    {"kernel_size": 1},
    {"kernel_size": 3, "dilation": 4},
    {"kernel_size": 2, "dilation": 9, "groups": 2, "bias": False},
    {"kernel_size": 5, "groups": 4},
]
T = 23


def layer(**options: Any) -> CausalConv1d:
    torch.manual_seed(0)
    return CausalConv1d(4, 8, dtype=torch.float64, **options)


@pytest.mark.parametrize("options", LAYERS)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cuts", [range(T + 1), [0, 1, 5, 6, 17, T], [0, T]], ids=["steps", "mixed", "whole"])
def test_chunked_is_whole(options: dict[str, Any], batch: int, cuts: list[int]) -> None:
    one = layer(**options)
    x = torch.randn(batch, 4, T, dtype=torch.float64)
    expected, last = one(x)
    stream = one.stream(batch)
    pieces = [
        stream(x[..., begin])[..., None] if end == begin + 1 else stream(x[..., begin:end])
        for begin, end in pairwise(cuts)
    ]
    close(torch.cat(pieces, dim=-1), expected)
    close(stream.state, last)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(deadline=None, max_examples=30)
@given(
    batch=st.integers(1, 15),
    groups=st.sampled_from([1, 2, 3, 20, 70]),
    channels=st.sampled_from([(1, 1), (1, 3), (5, 1), (7, 20), (2, 67)]),
    kernel=st.integers(1, 4),
    dilation=st.integers(1, 5),
    bias=st.booleans(),
    threads=st.integers(1, 2),
)
def test_every_level_and_every_size(
    level: int,
    dtype: torch.dtype,
    batch: int,
    groups: int,
    channels: tuple[int, int],
    kernel: int,
    dilation: int,
    bias: bool,
    threads: int,
) -> None:
    torch.manual_seed(0)
    C, O = (each * groups for each in channels)
    one = CausalConv1d(C, O, kernel, dilation, groups, bias, dtype=torch.float64)
    x = torch.randn(T, batch, C, dtype=torch.float64)
    expected = one(x.permute(1, 2, 0))[0].permute(2, 0, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_level", level)
        patch.setattr(native, "threads", lambda y, weight: threads)
        stream = one.to(dtype).stream(batch)
    assert stream.backend == "cpu"
    y = torch.stack([stream(x_t) for x_t in x.to(dtype)])
    close(y, expected) if dtype == torch.float64 else close_sums(y, expected, channels[0] * kernel)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_other_dtypes_by_the_op(dtype: torch.dtype) -> None:
    one = CausalConv1d(4, 8, 3, 2, dtype=dtype)
    x = torch.randn(2, 4, T, dtype=dtype)
    stream = one.stream(2)
    assert (stream.backend, str(dtype) in stream.why) == ("layer", True)
    y = torch.stack([stream(x[..., t]) for t in range(T)], dim=-1)
    torch.testing.assert_close(y, one(x)[0])


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda x: x.T.contiguous().T,
    "strided": lambda x: torch.stack([x, x], dim=-1)[..., 0],
    "expanded": lambda x: x[:1].expand(2, -1),
    "with gradient": lambda x: x.clone().requires_grad_(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors_of_any_layout(layout: str) -> None:
    one = layer(kernel_size=1)
    x = LAYOUTS[layout](torch.randn(2, 4, dtype=torch.float64))
    y = one.stream(2)(x)
    assert not y.requires_grad
    assert torch.equal(y, one.stream(2)(x.detach().clone(memory_format=torch.contiguous_format)))
    close(y, one(x[..., None])[0][..., 0])


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 5)])
def test_out_is_written_and_returned(shape: tuple[int, ...]) -> None:
    one = layer(kernel_size=3)
    x = torch.randn(shape, dtype=torch.float64)
    expected = one.stream(2)(x)
    out = torch.full_like(expected, torch.nan)
    array = np.full(out.shape, np.nan)
    assert one.stream(2)(x, out) is out
    assert one.stream(2)(x.numpy(), out=array) is array
    assert torch.equal(out, expected)
    assert np.array_equal(array, expected.numpy())


def test_x_may_be_written_over() -> None:
    one = CausalConv1d(4, 4, 3, dtype=torch.float64)
    x = torch.randn(2, 4, dtype=torch.float64)
    expected = one.stream(2)(x)
    assert torch.equal(one.stream(2)(x, out=x), expected)


@pytest.mark.parametrize(
    "out",
    [
        torch.zeros(2, 4, dtype=torch.float64),
        torch.zeros(2, 8),
        torch.zeros(8, 2, dtype=torch.float64).T,
        np.zeros((2, 8)),
        [0.0],
    ],
    ids=str,
)
def test_wrong_outputs_are_refused(out: Any) -> None:
    stream = layer(kernel_size=2).stream(2)
    x = torch.zeros(2, 4, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"out must be \(2, 8\) of torch.float64 on cpu, dense and writable, got "):
        stream(x, out)


def test_made_in_inference_mode_used_outside() -> None:
    one = layer(kernel_size=3)
    x = torch.randn(1, 4, dtype=torch.float64)
    with torch.inference_mode():
        stream = one.stream()
        stream(x)
    stream(x)
    stream.reset()
    close(stream.state, torch.zeros(1, 4, 2, dtype=torch.float64))


def test_arrays_and_single_rows() -> None:
    one = layer(kernel_size=3, dilation=2)
    x = torch.randn(4, T, dtype=torch.float64)
    expected, _ = one(x)
    stream = one.stream()
    y = np.stack([stream(x[:, t].numpy()) for t in range(T)], axis=-1)
    assert isinstance(y, np.ndarray)
    close(torch.from_numpy(y), expected)


def test_rows_start_afresh_when_reset() -> None:
    one = layer(kernel_size=3, dilation=2)
    x = torch.randn(2, 4, T, dtype=torch.float64)
    stream = one.stream(2)
    stream(x[..., :9])
    stream.reset([1])
    y = stream(x[..., 9:])
    close(y[0], one(x)[0][0, :, 9:])
    close(y[1], one(x[..., 9:])[0][1])
    with pytest.raises(ArgumentError, match=r"rows must be integers from 0 to 1 or a bool mask \(2,\), got 2"):
        stream.reset(2)


def test_a_saved_state_goes_on_in_another_stream() -> None:
    one = layer(kernel_size=3, dilation=2)
    x = torch.randn(1, 4, T, dtype=torch.float64)
    first = one.stream()
    second = one.stream()
    first(x[..., :9])
    first(x[..., 9])
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x[..., 10]), second(x[..., 10]))
    with pytest.raises(ArgumentError, match=r"keys \['x'\], got \['h'\]"):
        second.load_state_dict({"h": first.state})
    with pytest.raises(ShapeError, match=r"the state must be \(1, 4, 4\) of torch.float64, got \(1, 4, 3\)"):
        second.state = first.state[..., 1:]


def test_refresh_takes_over_new_weights() -> None:
    one = layer(kernel_size=2)
    stream = one.stream()
    x = torch.randn(1, 4, dtype=torch.float64)
    before = stream(x)
    with torch.no_grad():
        one.weight.zero_()
    stream.reset()
    assert torch.equal(stream(x), before)
    stream.refresh()
    assert one.bias is not None
    close(stream(x)[0], one.bias.detach())


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 4, dtype=torch.float64), torch.zeros(1, 4), np.zeros((1, 3)), [0.0], None]
)
def test_what_does_not_fit_is_refused(x: Any) -> None:
    with pytest.raises(
        ShapeError, match=r"x must be one step \(1, 4\) or \(4,\) or a chunk \(1, 4, time\) of .*, got "
    ):
        layer(kernel_size=2).stream()(x)


@pytest.mark.parametrize("batch", [0, -1, 1.5, "two"])
def test_a_batch_is_a_positive_integer(batch: Any) -> None:
    with pytest.raises(ArgumentError, match="batch must be an integer of at least 1, got"):
        ConvolutionStream(layer(kernel_size=2), batch)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda stream: pickle.loads(pickle.dumps(stream)),  # noqa: S301
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["cpu", "layer"])
def test_a_copy_goes_on_alone(dtype: torch.dtype, how: str) -> None:
    """From the same state with the weights that the stream was made with, and neither moves the other's state."""
    layer = nn.CausalConv1d(2, 3, 3, dilation=2, dtype=dtype)
    x = torch.randn(2, 2, 12).to(dtype)
    with torch.no_grad():
        expected, _ = layer(x)
        stream = layer.stream(2)
        layer.weight.add_(1)  # which the stream has not taken over
    for t in range(5):
        stream(x[..., t])
    again = COPIES[how](stream)
    assert torch.equal(again.state, stream.state)
    for t in range(5, 12):
        assert torch.equal(again(x[..., t]), stream(x[..., t]))
    torch.testing.assert_close(again.state, x[..., -4:])
    again.reset()
    assert stream.state.any()
    assert not again.state.any()
    assert expected.shape == (2, 3, 12)


def test_a_default_device_changes_nothing() -> None:
    layer = nn.CausalConv1d(2, 3, 3)
    x = torch.randn(1, 2, 6)
    with torch.device("meta"), torch.no_grad():
        stream = layer.stream()
        y = torch.stack([stream(step) for step in x.unbind(-1)], -1)
        expected, _ = layer(x, lengths=[6], resets=torch.zeros(1, 6, dtype=torch.bool, device="cpu"))
    torch.testing.assert_close(y, expected)
