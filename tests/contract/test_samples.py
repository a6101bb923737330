"""torch's own samples for its convolutions (OpInfo), put to the op that takes their place."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.functional import convolution
from tests.contract.rule import BOUNDS

NAMES = ["conv1d", "conv2d", "conv3d"]
ARGUMENTS = ("weight", "bias", "stride", "padding", "dilation", "groups")  # in torch's order

names = pytest.mark.parametrize("name", NAMES)
# torch says so of its own padding by the name 'same'
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


@cache
def infos() -> dict[str, Any]:
    """Imported here, which takes seconds that every process would need to find the tests."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {info.name.split(".")[-1]: info for info in op_db if info.name.startswith("nn.functional.conv")}


def ours(x: Tensor, *args: Any, **options: Any) -> Tensor:
    given = {**dict(zip(ARGUMENTS, args, strict=False)), **options}
    weight = given.pop("weight")
    bias = given.pop("bias", None)
    return convolution(x, weight, bias, **given)


def samples(name: str, dtype: torch.dtype, requires_grad: bool = False) -> Iterator[Any]:
    torch.manual_seed(0)
    yield from infos()[name].sample_inputs("cpu", dtype, requires_grad)


@pytest.mark.sampled(1)
@names
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values(name: str, dtype: torch.dtype) -> None:
    for sample in samples(name, dtype):
        expected = infos()[name].op(sample.input, *sample.args, **sample.kwargs)
        bound = BOUNDS[dtype]
        torch.testing.assert_close(ours(sample.input, *sample.args, **sample.kwargs), expected, rtol=bound, atol=bound)


@names
def test_gradients(name: str) -> None:
    for sample in samples(name, torch.float64, requires_grad=True):
        leaves = [t for t in (sample.input, *sample.args) if isinstance(t, Tensor)]
        found = []
        for op in (ours, infos()[name].op):
            y = op(sample.input, *sample.args, **sample.kwargs)
            found.append(torch.autograd.grad((y * y.detach().cos()).sum(), leaves))
        torch.testing.assert_close(*found)


@pytest.mark.sampled(0)
@names
def test_samples_that_are_wrong(name: str) -> None:
    """Refused in words."""
    for wrong in infos()[name].error_inputs("cpu"):
        sample = wrong.sample_input
        with pytest.raises(wrong.error_type):
            infos()[name].op(sample.input, *sample.args, **sample.kwargs)
        with pytest.raises(ChainruleError):
            ours(sample.input, *sample.args, **sample.kwargs)
