"""Convolutions drawn by hypothesis, and the same calls in torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule.ops.convolution import convolution

Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]

TORCH: dict[int, Callable[..., Tensor]] = {1: conv1d, 2: conv2d, 3: conv3d}


def random(*shape: int, dtype: torch.dtype = torch.float64, contiguous: bool = True) -> Tensor:
    if contiguous:
        return torch.randn(shape, dtype=dtype).requires_grad_()
    backwards = torch.randn(shape[::-1], dtype=dtype)
    return backwards.permute(*reversed(range(len(shape)))).requires_grad_()


@dataclass
class Case:
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    pairs: Sequence[tuple[int, int]]  # what the padding in the options amounts to
    options: dict[str, Any]

    @property
    def leaves(self) -> list[Tensor]:
        return [each for each in (self.x, self.weight, self.bias) if each is not None]

    def chainrule(self, backend: str) -> Tensor:
        return convolution(self.x, self.weight, self.bias, **self.options, backend=backend)

    def torch(self) -> Tensor:
        """Torch's padding knows no pairs and its kernel no flip, so both are done beforehand."""
        dims = self.weight.ndim - 2
        x = pad(self.x, [amount for pair in reversed(self.pairs) for amount in pair])
        weight = self.weight.flip(*range(2, dims + 2)) if self.options["flip"] else self.weight
        stride, dilation, groups = (self.options[name] for name in ("stride", "dilation", "groups"))
        return TORCH[dims](x, weight, self.bias, stride, 0, dilation, groups)


def in_numbers(padding: Padding, reach: Sequence[int]) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        return [{"valid": (0, 0), "same": (r // 2, r - r // 2), "causal": (r, 0)}[padding] for r in reach]
    each = [padding for _ in reach] if isinstance(padding, int) else padding
    return [(p, p) if isinstance(p, int) else p for p in each]


@st.composite
def cases(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> Case:
    dims = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return draw(st.tuples(*[st.integers(low, high)] * dims))

    pair = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(
        st.integers(0, 2)
        | st.tuples(*[st.integers(0, 2)] * dims)
        | st.tuples(*[pair] * dims)
        | st.sampled_from(["valid", "same", "causal"] if dims == 1 else ["valid", "same"])
    )
    kernel = each(1, 3)
    dilation = each(1, 2)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    pairs = in_numbers(padding, reach)
    smallest = [max(1, r + 1 - sum(p)) for r, p in zip(reach, pairs, strict=True)]
    size = [low + more for low, more in zip(smallest, each(0, {1: 8, 2: 4, 3: 2}[dims]), strict=True)]
    groups, c_in, c_out = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    return Case(
        x=random(*batch, groups * c_in, *size, dtype=dtype, contiguous=draw(st.booleans())),
        weight=random(groups * c_out, c_in, *kernel, dtype=dtype, contiguous=draw(st.booleans())),
        bias=random(groups * c_out, dtype=dtype) if draw(st.booleans()) else None,
        pairs=pairs,
        options={
            "stride": (1,) * dims if padding == "same" else each(1, 3),
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "flip": draw(st.booleans()),
        },
    )
