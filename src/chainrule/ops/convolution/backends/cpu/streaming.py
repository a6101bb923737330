"""A causal convolution prepared for streaming: the weights laid out once, one call for a step."""

from torch import Tensor
from torch.nn.functional import pad

from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.backends.cpu import native
from chainrule.ops.pointers import held

if WHY_ABSENT is None:
    import chainrule.ops.convolution.backends.cpu._convolution as _convolution

__all__ = ["ConvolutionSteps"]

_VECTOR = 64  # bytes of the widest one


class ConvolutionSteps:
    """Causal convolution over a batch of ``B`` rows, a step at a time; nothing in here checks an argument.

    Args:
        weight: (G * O, C, K); its values are copied.
        bias: (G * O,), or None.
        ring: (dilation * (K - 1) + 1, B, G * C), dense; the last inputs, as `run` reads and writes them.
        dilation: steps between the inputs that neighbouring kernel entries read.
        groups: G.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, ring: Tensor, dilation: int, groups: int) -> None:
        out, C, K = weight.shape
        B = ring.shape[1]
        lanes = _VECTOR // weight.itemsize
        depthwise = C == 1 and out == groups and groups >= lanes
        parts = 1 if depthwise else groups  # whose outputs lie side by side
        beside = -(out // parts) % lanes
        by_outputs = held(weight.detach()).unflatten(0, (parts, -1)).permute(0, 3, 2, 1)  # (parts, K, C, outputs)
        self._weight = pad(by_outputs, (0, beside)).contiguous()
        self._bias = None if bias is None else pad(held(bias.detach()).view(parts, -1), (0, beside))
        self._ring = ring
        self._stream = _convolution.Stream(
            level=native._level,
            dtype=native.DTYPES[weight.dtype],
            B=B,
            G=groups,
            C=C,
            O=out // groups,
            K=K,
            dilation=dilation,
            padded=self._weight.shape[-1],
            depthwise=depthwise,
            threads=native.threads((B, out), weight.shape),
            w=self._weight.data_ptr(),
            bias=0 if self._bias is None else self._bias.data_ptr(),
            ring=ring.data_ptr(),
        )
        self.run = self._stream.run
        """A step: (at, x, y), the slot of the ring that x goes to, the next one holding the oldest input; addresses of
        x, (B, G * C) and dense, and of y, (B, G * O)."""
