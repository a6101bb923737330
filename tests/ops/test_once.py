"""What is remembered of a call's shapes and options is never what another call would have been told."""

from typing import Any

import pytest
import torch

from chainrule import functional
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.ops.once import once

convolution: Any = functional.convolution
causal_convolution: Any = functional.causal_convolution
X = torch.ones(1, 2, 6)
W = torch.ones(2, 2, 2)


def test_it_is_worked_out_once() -> None:
    calls: list[tuple[Any, ...]] = []

    def shape(*arguments: Any) -> int:
        calls.append(arguments)
        return len(calls)

    assert [once(shape, X.shape, 1, "same"), once(shape, X.shape, 1, "same"), once(shape, W.shape, 1, "same")] == [
        1,
        1,
        2,
    ]
    assert [once(shape, X.shape, True), once(shape, X.shape, 1.0), once(shape, X.shape, (1.0,))] == [3, 4, 5]
    assert once(shape, X.shape, [1]) == 6  # which no table can hold


@pytest.mark.parametrize("value", [True, 1.0, (1.0,), (True,), [1.0], "1"], ids=str)
@pytest.mark.parametrize("option", ["stride", "dilation"])
def test_what_equals_an_option_that_is_known_is_refused_all_the_same(option: str, value: Any) -> None:
    convolution(X, W, **{option: 1})
    convolution(X, W, **{option: (1,)})
    causal_convolution(X, W, dilation=1)
    for _ in range(2):  # an error is not remembered either
        with pytest.raises(ArgumentError, match=option):
            convolution(X, W, **{option: value})
        if option == "dilation":
            with pytest.raises(ArgumentError, match=option):
                causal_convolution(X, W, dilation=value)


def test_the_same_shapes_of_other_dtypes_are_checked() -> None:
    convolution(X, W)
    for x, w in ((X.int(), W), (X, W.double())):
        with pytest.raises(ChainruleError, match=r"torch\.(int32|float64)"):
            convolution(x, w)
