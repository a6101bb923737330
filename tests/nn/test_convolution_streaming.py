"""A causal convolution fed in pieces gives what it gives whole; its state is the layer's."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import CausalConv1d, ConvolutionStream
from tests.tolerances import close

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


def test_a_long_stream_moves_its_past() -> None:
    one = layer(kernel_size=2, dilation=300)
    x = torch.randn(1, 4, 1500, dtype=torch.float64)
    stream = one.stream()
    close(torch.stack([stream(x[..., t]) for t in range(1500)], dim=-1), one(x)[0])


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
    first, second = one.stream(), one.stream()
    first(x[..., :10])
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x[..., 10]), second(x[..., 10]))
    with pytest.raises(ArgumentError, match=r"\['x'\] by name, got \['h'\]"):
        second.load_state_dict({"h": first.state})
    with pytest.raises(ShapeError, match=r"the state must be \(1, 4, 4\) of torch.float64, got \(1, 4, 3\)"):
        second.state = first.state[..., 1:]


def test_refresh_takes_over_new_weights() -> None:
    one = layer(kernel_size=2)
    stream, x = one.stream(), torch.randn(1, 4, dtype=torch.float64)
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
