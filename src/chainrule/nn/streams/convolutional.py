"""Streaming of a causal convolution: one step at a time, at a cost that depends on the kernel size alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.errors import ShapeError
from chainrule.nn.streams.arrays import (
    Array,
    arrays_like,
    check_runs,
    check_states,
    checked_batch,
    clear_rows,
    described,
    tensors_like,
    zeros,
)
from chainrule.ops.arguments import FOREIGN, explain_failure
from chainrule.ops.convolution import causal_convolution
from chainrule.ops.convolution.backends import cpu
from chainrule.ops.convolution.backends.cpu import ConvolutionSteps
from chainrule.ops.pointers import check_held

__all__ = ["ConvolutionStream"]


class ConvolutionStream:
    """A `chainrule.nn.CausalConv1d` fed as its input arrives, ``y = stream(x)``; made by ``layer.stream(batch)``.

    x is a tensor or a NumPy array of the layer's dtype, and y is of the same kind:

    - one step, (batch, C_in) -> (batch, C_out), or (C_in,) -> (C_out,) where batch is 1
    - a chunk of steps, (batch, C_in, time) -> (batch, C_out, time)

    The outputs are those of the layer for the whole sequence to rounding, however it is cut into calls. A step reads as
    many inputs as the kernel has taps, however large the dilation. With ``out``, a dense array of y's shape, y is
    written there, and a step allocates nothing. Streaming is inference: no gradient flows through it.

    The weights are copied when the stream is made. Later changes of them, of their dtype or device are not seen
    until ``refresh()``. Streams of one layer are independent, and so are copies of a stream, pickled ones too, that
    go on from its state with its weights; each is to be used by one thread at a time.

    Attributes:
        batch: the number of sequences that are streamed in parallel.
        backend: "cpu"; or "layer" where the kernels cannot run: a step then costs as much as a chunk of one step.
        why: the reason, as a sentence.

    Raises:
        ArgumentError: batch is not a positive integer, or the rows to reset are not rows of the stream.
        ShapeError: x, out or a state has the wrong shape, dtype or device.

    >>> from chainrule.nn import CausalConv1d
    >>> layer, x = CausalConv1d(2, 3, kernel_size=4, dilation=5), torch.randn(1, 2, 30)
    >>> stream = layer.stream()
    >>> y = torch.stack([stream(x[..., t]) for t in range(30)], dim=-1)
    >>> torch.allclose(y, layer(x)[0], atol=1e-6)
    True
    """

    def __init__(self, layer: nn.Conv1d, batch: int = 1) -> None:
        check_runs()
        self.batch = checked_batch(batch)
        self._layer = layer
        self._reach = layer.dilation[0] * (layer.kernel_size[0] - 1)
        self._steps: ConvolutionSteps | None = None
        self._ring = zeros(self._reach + 1, self.batch, layer.in_channels)  # the last inputs
        self._at = self._reach  # where the next one goes; the oldest follows it
        self.refresh()

    def refresh(self) -> None:
        """Take over the layer's weights, dtype and device as they are now; the state stays."""
        check_runs()
        layer = self._layer
        check_held(layer.weight, layer.bias)
        # tensors made in inference mode could not be written to outside of it
        with torch.inference_mode(False), torch.no_grad():
            self._weight = layer.weight.detach().clone()
            self._bias = None if layer.bias is None else layer.bias.detach().clone()
            self._ring = self._ring.to(self._weight)
        self._prepare()

    def _prepare(self) -> None:
        """Make what is called, of the weights and of a state that is the stream's own."""
        weight = self._weight
        layer = self._layer
        with torch.inference_mode(False), torch.no_grad():
            self._ring = self._ring.clone()
            obstacle = cpu.obstacle_to_streaming(weight)
            self.backend = "layer" if obstacle else "cpu"
            self.why = obstacle or f"{weight.dtype} on the CPU, instructions {cpu.LEVELS[0]}"
            options = (layer.dilation[0], layer.groups)
            self._steps = None if obstacle else ConvolutionSteps(weight, self._bias, self._ring, *options)
        self._tensors = tensors_like(weight)
        self._arrays = arrays_like(weight)

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the weights and the state; what holds their addresses is made anew."""
        return {name: value for name, value in vars(self).items() if name not in ("_steps", "_tensors", "_arrays")}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self._prepare()

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """The outputs for a step or a chunk of steps x, and the state moves on."""
        try:
            check_runs()
            kind = self._tensors if isinstance(x, Tensor) else self._arrays
            if not kind.takes(x):
                raise self._refusal(x)
            shape = self._result(x)
            if out is not None and not (kind.takes(out) and out.shape == shape and kind.writable(out)):
                raise ShapeError(f"out must be {shape} of {kind.name}, dense and writable, got {described(out)}.")
            if self._steps is None or len(shape) == 3:
                result = self._run_op(x).reshape(shape)
                y: Array = result if isinstance(x, Tensor) else result.numpy(force=True)
                if out is None:
                    return y
                out[...] = y
                return out
            y = kind.empty(*shape) if out is None else out
            x = kind.dense(x)
            self._steps.run(self._at, kind.address(x), kind.address(y))
            self._at = self._at + 1 if self._at < self._reach else 0
            return y
        except FOREIGN as error:
            explain_failure(error, {"x": x, "out": out})
            raise

    def _result(self, x: Array) -> tuple[int, ...]:
        """The shape of y."""
        shape = x.shape
        O = self._layer.out_channels
        B = self.batch
        C = self._layer.in_channels
        if shape == (B, C):
            return B, O
        if B == 1 and shape == (C,):
            return (O,)
        if len(shape) == 3 and shape[:2] == (B, C):
            return B, O, shape[2]
        raise self._refusal(x)

    def _refusal(self, x: object) -> ShapeError:
        B = self.batch
        C = self._layer.in_channels
        kind = self._tensors if isinstance(x, Tensor) else self._arrays
        step = f"({B}, {C}) or ({C},)" if B == 1 else f"({B}, {C})"
        expected = f"one step {step} or a chunk ({B}, {C}, time) of {kind.name}"
        return ShapeError(f"x must be {expected}, got {described(x)}.")

    @torch.no_grad()
    def _run_op(self, x: Array) -> Tensor:
        """The outputs for a chunk, or a step taken as one, by the op."""
        steps = x if isinstance(x, Tensor) else torch.from_numpy(x.copy()).to(self._ring)
        if x.ndim < 3:
            steps = steps.reshape(self.batch, -1, 1)
        d = self._layer.dilation[0]
        G = self._layer.groups
        y, self.state = causal_convolution(steps, self._weight, self._bias, state=self.state, dilation=d, groups=G)
        return y

    @property
    def state(self) -> Tensor:
        """A copy of the last inputs, oldest first: (batch, C_in, dilation * (K - 1)). It can be assigned."""
        last: Tensor = self._ring.roll(-1 - self._at, 0)[: self._reach].permute(1, 2, 0).contiguous()
        return last

    @state.setter
    def state(self, state: Tensor) -> None:
        expected = (*self._ring.shape[1:], self._reach)
        if not isinstance(state, Tensor) or (tuple(state.shape), state.dtype) != (expected, self._ring.dtype):
            raise ShapeError(f"the state must be {expected} of {self._ring.dtype}, got {described(state)}.")
        self._ring[: self._reach] = state.detach().permute(2, 0, 1)
        self._at = self._reach

    def reset(self, rows: int | Sequence[int] | Tensor | None = None) -> None:
        """Start afresh: ``rows``, indices or a bool mask (batch,), have seen nothing yet; all by default."""
        clear_rows([self._ring], self.batch, rows)

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of the state by name, {"x": ...}, as safetensors saves it."""
        return {"x": self.state}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Go on from what ``state_dict`` gave, in this stream or another of the same sizes and dtype."""
        check_states(state_dict, ["x"])
        self.state = state_dict["x"]

    def __repr__(self) -> str:
        return f"ConvolutionStream({self._layer}, batch={self.batch}, {self.backend}: {self.why})"
