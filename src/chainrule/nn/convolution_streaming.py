"""Streaming of a causal convolution: one step at a time, at a cost that the kernel's size alone decides."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.arrays import Array, arrays_like, checked_batch, clear_rows, described, tensors_like
from chainrule.ops.convolution import causal_convolution

if TYPE_CHECKING:
    from chainrule.nn.convolution import CausalConv1d

__all__ = ["ConvolutionStream"]

_ROOM = 256  # steps between two moves of the past, at least


class ConvolutionStream:
    """A :class:`CausalConv1d` that is fed as its input arrives, ``y = stream(x)``; made by ``layer.stream(batch)``.

    x is a tensor or a NumPy array of the layer's dtype, and y is of the same kind:

    - one step, (batch, C_in) -> (batch, C_out), or (C_in,) -> (C_out,) where batch is 1
    - a chunk of steps, (batch, C_in, time) -> (batch, C_out, time)

    The outputs are those of the layer for the whole sequence to rounding, however it is cut into calls. A step writes
    one input and reads as many as the kernel has taps, however large the dilation; now and then the inputs that are
    still needed are moved to the beginning of their memory, one a step on the average.
    Streaming is inference: no gradient flows through it.

    The weights are copied when the stream is made; later changes of them are not seen until ``refresh()``. Streams of
    one layer are independent; each is to be used by one thread at a time.

    Raises:
        ArgumentError: batch is no integer above 0, or rows to reset are none of the stream's.
        ShapeError: x or a state has the wrong shape, dtype or device.

    >>> from chainrule.nn import CausalConv1d
    >>> layer, x = CausalConv1d(2, 3, kernel_size=4, dilation=5), torch.randn(1, 2, 30)
    >>> stream = layer.stream()
    >>> y = torch.stack([stream(x[..., t]) for t in range(30)], dim=-1)
    >>> torch.allclose(y, layer(x)[0], atol=1e-6)
    True
    """

    def __init__(self, layer: "CausalConv1d", batch: int = 1) -> None:
        self.batch = checked_batch(batch)
        self._layer = layer
        self._reach = layer.dilation[0] * (layer.kernel_size[0] - 1)
        self._past = torch.zeros(self._reach + max(self._reach, _ROOM), self.batch, layer.in_channels)
        self._at = self._reach  # where the next input goes
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the layer's weights, dtype and device as they are now; the state stays."""
        layer, G = self._layer, self._layer.groups
        with torch.inference_mode(False):  # tensors made in inference mode could not be written to outside of it
            self._weight = layer.weight.detach().clone()
            self._bias = None if layer.bias is None else layer.bias.detach().clone()
            # (G, K * C, O): one product for all taps
            self._taps = self._weight.unflatten(0, (G, -1)).permute(0, 3, 2, 1).flatten(1, 2).contiguous()
            self._past = self._past.clone().to(self._weight)
        self._tensors, self._arrays = tensors_like(self._weight), arrays_like(self._weight)

    def __call__(self, x: Array) -> Array:
        """The outputs for a step or a chunk of steps x, and the state moves on."""
        if not isinstance(x, Tensor):
            if not self._arrays.takes(x):
                raise self._refusal(x)
            y: Tensor = self(torch.from_numpy(x.copy()).to(self._past))
            return y.numpy(force=True)
        if torch.is_grad_enabled():
            with torch.no_grad():
                return self(x)
        if not self._tensors.takes(x):
            raise self._refusal(x)
        _, B, C = self._past.shape
        shape = tuple(x.shape)
        if shape == (B, C):
            return self._step(x)
        if B == 1 and shape == (C,):
            return self._step(x[None])[0]
        if len(shape) == 3 and shape[:2] == (B, C):
            d, G = self._layer.dilation[0], self._layer.groups
            y, self.state = causal_convolution(x, self._weight, self._bias, state=self.state, dilation=d, groups=G)
            return y
        raise self._refusal(x)

    def _refusal(self, x: object) -> ShapeError:
        _, B, C = self._past.shape
        kind = self._tensors if isinstance(x, Tensor) else self._arrays
        step = f"({B}, {C}) or ({C},)" if B == 1 else f"({B}, {C})"
        expected = f"one step {step} or a chunk ({B}, {C}, time) of {kind.name}"
        return ShapeError(f"x must be {expected}, got {described(x)}.")

    def _step(self, x: Tensor) -> Tensor:
        """(B, C_in) -> (B, C_out)."""
        P, G = self._reach, self._layer.groups
        if self._at == len(self._past):
            self._past[:P] = self._past[self._at - P :].clone()
            self._at = P
        self._past[self._at].copy_(x)
        read = self._past[self._at - P : self._at + 1 : self._layer.dilation[0]].transpose(0, 1)  # (B, K, C_in)
        self._at += 1
        if G == 1:
            rows, taps = read.reshape(len(x), -1), self._taps[0]
            return rows @ taps if self._bias is None else torch.addmm(self._bias, rows, taps)
        groups = read.unflatten(2, (G, -1)).permute(2, 0, 1, 3).flatten(2)
        y: Tensor = (groups @ self._taps).transpose(0, 1).reshape(len(x), -1)
        return y if self._bias is None else y.add_(self._bias)

    @property
    def state(self) -> Tensor:
        """A copy of the last inputs, oldest first: (batch, C_in, dilation * (K - 1)). It can be assigned."""
        last: Tensor = self._past[self._at - self._reach : self._at].permute(1, 2, 0).contiguous()
        return last

    @state.setter
    def state(self, state: Tensor) -> None:
        expected = (*self._past.shape[1:], self._reach)
        if not isinstance(state, Tensor) or (tuple(state.shape), state.dtype) != (expected, self._past.dtype):
            raise ShapeError(f"the state must be {expected} of {self._past.dtype}, got {described(state)}.")
        self._past[: self._reach] = state.detach().permute(2, 0, 1)
        self._at = self._reach

    def reset(self, rows: int | Sequence[int] | Tensor | None = None) -> None:
        """Start afresh: ``rows``, indices or a bool mask (batch,), have seen nothing yet; all by default."""
        clear_rows([self._past], self.batch, rows)

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of the state by name, {"x": ...}, as safetensors saves it."""
        return {"x": self.state}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Go on from what ``state_dict`` gave, in this stream or another of the same sizes and dtype."""
        if set(state_dict) != {"x"}:
            raise ArgumentError(f"the state of this stream is ['x'] by name, got {list(state_dict)}.")
        self.state = state_dict["x"]

    def __repr__(self) -> str:
        return f"ConvolutionStream({self._layer}, batch={self.batch})"
