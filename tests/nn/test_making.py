"""Constructors: what torch.nn takes is taken; what it refuses, or should, is refused in words of our own."""

from typing import Any

import numpy as np
import pytest
import torch

from chainrule import nn
from chainrule.errors import ArgumentError, ArgumentTypeError, ShapeError

CONVOLUTION: dict[str, Any] = {"in_channels": 2, "out_channels": 4, "kernel_size": 3}
RECURRENT: dict[str, Any] = {"input_size": 2, "hidden_size": 3}
LAYERS: list[tuple[type, dict[str, Any]]] = [
    *((cls, CONVOLUTION) for cls in (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.CausalConv1d)),
    *((cls, RECURRENT) for cls in (nn.RNN, nn.GRU, nn.LSTM)),
]
WRONG: tuple[Any, ...] = (0, -1, 1.5, "3", None, [], (), 2**31, 2**40, 2**63, 10**30, torch.ones(2, 3), np.ones(3))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(("cls", "good"), LAYERS, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("wrong", WRONG, ids=lambda x: type(x).__name__)
def test_sizes_that_are_none(cls: type, good: dict[str, Any], wrong: Any) -> None:
    for name in good:
        try:
            layer = cls(**good | {name: wrong})
        except ArgumentError as error:
            assert str(error)  # noqa: PT017 (torch takes some: a layer without outputs)
        else:
            assert isinstance(layer, torch.nn.Module)


@pytest.mark.parametrize(("cls", "good"), LAYERS, ids=lambda x: getattr(x, "__name__", ""))
def test_missing_and_unknown_arguments_are_pythons_own(cls: type, good: dict[str, Any]) -> None:
    for arguments in (dict.fromkeys(list(good)[:1], 2), good | {"colour": 1}):
        with pytest.raises(TypeError) as caught:
            cls(**arguments)
        assert not isinstance(caught.value, ArgumentError)


def test_torch_s_words_and_kinds_of_error_stay() -> None:
    with pytest.raises(ArgumentTypeError, match=r"GRU.*hidden_size should be of type int") as caught:
        nn.GRU(2, 1.5)
    assert isinstance(caught.value, TypeError)
    with pytest.raises(ArgumentError, match=r"Conv1d.*groups=0.*groups must be a positive integer"):
        nn.Conv1d(2, 4, 3, groups=0)
    with pytest.raises(ArgumentError, match="num_layers is larger than 100,000"):
        nn.LSTM(2, 3, num_layers=10**9)


def test_padding_that_x_is_too_short_for() -> None:
    with pytest.raises(ShapeError, match=r"x of shape \(1, 2, 3\) cannot be padded by \(5,\) in the mode 'reflect'"):
        nn.Conv1d(2, 4, 3, padding=5, padding_mode="reflect")(torch.zeros(1, 2, 3))


@pytest.mark.parametrize("layer", ["RNN", "GRU", "LSTM"])
def test_unknown_and_missing_arguments_name_the_layer(layer: str) -> None:
    kind = getattr(nn, layer)
    with pytest.raises(TypeError, match=rf"^{layer}\.__init__\(\) got an unexpected keyword argument 'sizes'"):
        kind(3, 4, sizes=5)
    with pytest.raises(TypeError, match=rf"^{layer}\.__init__\(\) missing"):
        kind()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ArgumentError, match=r"GRU\(3, 4, device='cuda'\) cannot be constructed"):
        nn.GRU(3, 4, device="cuda")
