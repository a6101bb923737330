"""One call of the convolution, as every backend is given it: checked tensors, and how outputs relate to inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from chainrule.ops.plain import needs_grad
from chainrule.ops.pointers import check_held

__all__ = ["Causal", "ConvolutionCall", "Geometry", "has_channels_last", "output_shape"]


class Geometry(NamedTuple):
    """A number for each spatial dimension, and the groups: output j reads x at stride j + dilation i - before."""

    stride: Sequence[int]
    before: Sequence[int]  # zeros before x
    after: Sequence[int]
    dilation: Sequence[int]
    groups: int

    @property
    def pads(self) -> list[int]:
        """The zeros as torch.nn.functional.pad takes them."""
        pairs = zip(reversed(self.before), reversed(self.after), strict=True)
        return [amount for pair in pairs for amount in pair]


def output_shape(x: Sequence[int], weight: Sequence[int], geometry: Geometry) -> tuple[int, ...]:
    """Of y, for the shapes of x and weight."""
    sizes = zip(x[2:], weight[2:], *geometry[:4], strict=True)
    return (x[0], weight[0], *((h + b + a - d * (k - 1) - 1) // s + 1 for h, k, s, b, a, d in sizes))


def has_channels_last(x: Tensor, weight: Tensor) -> bool:
    """Whether images or kernels lie in memory with their channels last, as torch's own then returns y too."""
    return x.ndim > 3 and (_is_channels_last(x) or _is_channels_last(weight))


def _is_channels_last(t: Tensor) -> bool:
    return t.stride(1) == 1 and not t.is_contiguous()


class Causal(NamedTuple):
    """What a causal convolution is given besides: what lies before x, and where its rows start afresh and end."""

    state: Tensor | None  # (B, G*C, dilation * (K - 1)), the inputs before x; None for zeros
    resets: Tensor | None  # bool (B, T)
    lengths: Tensor | None  # int64 (B,)

    @property
    def has_masks(self) -> bool:
        return self.resets is not None or self.lengths is not None


@dataclass(frozen=True)
class ConvolutionCall:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K), and add the bias (G*O,): y (B, G*O, *J)."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    geometry: Geometry
    """With as many zeros before x as the state has inputs, where the call is causal."""
    causal: Causal | None = None
    """None for an ordinary convolution. A causal one also returns the inputs before the next chunk."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        return output_shape(self.x.shape, self.weight.shape, self.geometry)

    @property
    def has_masks(self) -> bool:
        return self.causal is not None and self.causal.has_masks

    @property
    def learns(self) -> bool:
        """Whether gradients towards x or weight will be asked for."""
        return needs_grad((self.x, self.weight))

    def to(self, dtype: torch.dtype) -> "ConvolutionCall":
        """The same call of numbers in another dtype."""
        causal = self.causal
        if causal is not None and causal.state is not None:
            causal = causal._replace(state=causal.state.to(dtype))
        bias = None if self.bias is None else self.bias.to(dtype)
        return replace(self, x=self.x.to(dtype), weight=self.weight.to(dtype), bias=bias, causal=causal)

    def check_held(self) -> None:
        """Refuse tensors that lost their memory, before torch's own operations read beyond it."""
        check_held(self.x, self.weight, self.bias, *(self.causal or ()))

    def padded(self) -> Tensor:
        """x with the zeros around it."""
        return pad(self.x, self.geometry.pads) if any(self.geometry.pads) else self.x

    def state(self) -> Tensor:
        """Of a causal call: the inputs before x."""
        if self.causal is None or self.causal.state is None:
            return self.x.new_zeros(*self.x.shape[:2], self.geometry.before[0])
        return self.causal.state

    def joined(self) -> "tuple[ConvolutionCall, Tensor]":
        """Of a causal call without masks: the ordinary one over the state and x, and the state after it."""
        past = torch.cat([self.state(), self.x], dim=-1)
        ordinary = ConvolutionCall(past, self.weight, self.bias, self.geometry._replace(before=(0,)))
        return ordinary, past[..., self.x.shape[-1] :].clone()
