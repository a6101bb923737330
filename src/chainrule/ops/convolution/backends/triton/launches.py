"""What the kernels are given of a call, and how they are started."""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from chainrule.ops.launching import COMPILED

__all__ = ["KernelCall", "Values", "start"]

Values = dict[str, Any]
"""The arguments of the kernels by name; a kernel takes those that it has."""

_SUM = {
    torch.float16: triton.language.float32,
    torch.bfloat16: triton.language.float32,
    torch.float32: triton.language.float32,
    torch.float64: triton.language.float64,
}
"""What sums of products are made in."""


class KernelCall(NamedTuple):
    """One call, of contiguous tensors but for the masks."""

    x: Tensor  # (B, G*C, T)
    state: Tensor | None  # (B, G*C, P)
    weight: Tensor  # (G*O, C, K)
    bias: Tensor | None
    resets: Tensor | None
    lengths: Tensor | None
    dilation: int
    groups: int
    has_last: bool  # whether the inputs before the next chunk are asked for

    @property
    def reach(self) -> int:
        """P, how many inputs before a step it reads."""
        return self.dilation * (self.weight.shape[-1] - 1)

    @property
    def is_depthwise(self) -> bool:
        """Whether there are as many groups as channels, in and out."""
        return tuple(self.weight.shape[:2]) == (self.groups, 1)

    def values(self) -> Values:
        """What all kernels take."""
        return {
            "x": self.x,
            "state": self.state,
            "weight": self.weight,
            "bias": self.bias,
            "since": None if self.resets is None else _since(self.resets, -self.reach),
            "ends": None if self.lengths is None else self.lengths.contiguous(),
            "T": self.x.shape[-1],
            "P": self.reach,
            "dilation": self.dilation,
            "K": self.weight.shape[-1],
            "SUM": _SUM[self.x.dtype],
        }

    def values_backward(self, dy: Tensor, dlast: Tensor | None) -> Values:
        """What the kernels of the gradients take."""
        until = None if self.resets is None else _until(self.resets)
        return {**self.values(), "dy": dy, "dlast": dlast, "until": until}

    def empty_output(self) -> Tensor:
        """For y, (B, G*O, T)."""
        return self.x.new_empty(len(self.x), len(self.weight), self.x.shape[-1])

    def empty_last(self) -> Tensor | None:
        """For the inputs before the next chunk, (B, G*C, P), where they are asked for."""
        return self.x.new_empty(*self.x.shape[:2], self.reach) if self.has_last else None

    def empty_input_gradients(self, of_state: bool) -> tuple[Tensor, Tensor | None, int]:
        """For the gradients towards x and the state, and how many steps before x the latter are."""
        if self.state is None or not of_state:
            return torch.empty_like(self.x), None, 0
        return torch.empty_like(self.x), torch.empty_like(self.state), self.reach

    def empty_parts(self, parts: int, of_bias: bool) -> tuple[Tensor, Tensor | None]:
        """For parts of the sums for the gradients towards weight and bias."""
        dtype = torch.promote_types(self.x.dtype, torch.float32)
        dweight = self.x.new_empty(parts, *self.weight.shape, dtype=dtype)
        return dweight, self.x.new_empty(parts, len(self.weight), dtype=dtype) if of_bias else None


def _since(resets: Tensor, before: int) -> Tensor:
    """Of (B, T) the step of the last reset at or before each step, ``before`` where there is none."""
    steps = torch.arange(resets.shape[1], dtype=torch.int32, device=resets.device)
    return torch.where(resets, steps, before).cummax(1).values.contiguous()


def _until(resets: Tensor) -> Tensor:
    """Of (B, T) the step of the first reset at or after each step, T where there is none."""
    T = resets.shape[1]
    steps = torch.arange(T, dtype=torch.int32, device=resets.device)
    return torch.where(resets, steps, T).flip(1).cummin(1).values.flip(1)


def start(kernel: Any, grid: tuple[int, ...], values: Values, warps: int = 4) -> None:
    """Run so many programs of a kernel."""
    given = {name: values[name] for name in kernel.arg_names}
    device = values["x"].device
    if device.type == "cpu":  # in the interpreter
        kernel[grid](**given)
        return
    with torch.cuda.device(device):
        kernel[grid](**given, num_warps=warps, **COMPILED)
