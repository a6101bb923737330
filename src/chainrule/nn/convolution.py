"""Convolution layers: torch.nn's parameters, arguments and initialisation, chainrule's computation."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.functional import pad

from chainrule._torch import ConvNd
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.making import make
from chainrule.nn.recording import Recordable, is_root, leaf
from chainrule.nn.streams.convolutional import ConvolutionStream
from chainrule.nn.swapping.replacements import replaces
from chainrule.ops.arguments import FOREIGN, as_int, check_tensors, explain_failure
from chainrule.ops.convolution import causal_convolution, convolution
from chainrule.ops.convolution.dispatch import by_torch, causal_by_torch, is_torchs

__all__ = ["CausalConv1d", "Conv1d", "Conv2d", "Conv3d"]


class _ConvolutionLayer(Recordable, ConvNd):
    """Replaces torch's computation, adds no state: a torch layer may be given one of these as its class."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        make(self, super().__init__, *sizes, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the input (batch, channels, \\*size), or without the batch."""
        if isinstance(input, Proxy):
            return self._node(input)
        return self._conv_forward(input, self.weight, self.bias)

    def _node(self, input: Any) -> Any:
        """What torch.fx records: the layer, or torch's own operations where the layer is all that is traced."""
        return super()._conv_forward(input, self.weight, self.bias) if is_root(self, input) else leaf(self, input)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if is_torchs(x, weight) and (y := self._torchs(x, weight, bias)) is not None:
            return y
        padding: int | str | tuple[int, ...] = self.padding
        if self.padding_mode != "zeros":
            x = self._padded(x)
            padding = 0
        found = by_torch(x, weight, bias, self.stride, padding, self.dilation, self.groups)
        if found is not None:
            return found
        return convolution(
            x,
            weight,
            bias,
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def _torchs(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
        """What torch.nn's layer computes; None of what torch refuses, for which the op has words."""
        try:
            return super()._conv_forward(x, weight, bias)
        except FOREIGN:
            return None

    def _padded(self, x: Tensor) -> Tensor:
        check_tensors({"x": x}, {})
        try:
            return pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        except FOREIGN as error:
            explain_failure(error, {"x": x})
            raise ShapeError(
                f"x of shape {tuple(x.shape)} cannot be padded by {self.padding} in the mode {self.padding_mode!r}: "
                f"{str(error).splitlines()[0]}"
            ) from error


@replaces(nn.Conv1d)
class Conv1d(_ConvolutionLayer, nn.Conv1d):
    """Takes the place of `torch.nn.Conv1d`: x (B, C_in, T) or (C_in, T) gives y (B, C_out, J) or (C_out, J).

    ::

        y[b, o, j] = bias[o] + sum_{c, i} weight[o, c, i] x[b, c, stride * j + dilation * i - padding]

    where c runs over the input channels of o's group. Arguments, parameters and initialisation are torch's.

    >>> layer = Conv1d(2, 4, kernel_size=3, padding="same")
    >>> layer(torch.zeros(8, 2, 10)).shape
    torch.Size([8, 4, 10])
    >>> torch.nn.Conv1d(2, 4, 3).load_state_dict(layer.state_dict())
    <All keys matched successfully>
    """


@replaces(nn.Conv2d)
class Conv2d(_ConvolutionLayer, nn.Conv2d):
    """Takes the place of `torch.nn.Conv2d`: x (B, C_in, H, W) or (C_in, H, W).

    ::

        y[b, o, j, l] = bias[o] + sum_{c, i, k} weight[o, c, i, k]
                        x[b, c, stride[0] * j + dilation[0] * i - padding[0],
                                stride[1] * l + dilation[1] * k - padding[1]]

    where c runs over the input channels of o's group. Arguments, parameters and initialisation are torch's.

    >>> Conv2d(1, 6, kernel_size=5, stride=2)(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 6, 12, 12])
    """


@replaces(nn.Conv3d)
class Conv3d(_ConvolutionLayer, nn.Conv3d):
    """Takes the place of `torch.nn.Conv3d`: x (B, C_in, D, H, W) or (C_in, D, H, W).

    The sum is that of `Conv2d` with a third index. Arguments, parameters and initialisation are torch's.

    >>> layer = Conv3d(1, 2, kernel_size=(1, 3, 3), padding=1, padding_mode="replicate")
    >>> layer(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([2, 6, 8, 8])
    """


class CausalConv1d(Recordable, nn.Conv1d):
    """A convolution over time that sees no future and carries what it saw: ``y, state = layer(x, state)``.

    ::

        y[b, o, t] = bias[o] + sum_{c, i} weight[o, c, i] x[b, c, t - dilation * (K - 1 - i)]

    The state holds the last ``dilation * (K - 1)`` inputs, so that a sequence fed in chunks gives what it
    gives whole, outputs and gradients. Parameters and initialisation are those of `torch.nn.Conv1d`.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: K, the number of inputs that an output sees.
        dilation: steps between the inputs that neighbouring kernel entries read.
        groups: the channels fall into this many groups that do not mix.
        bias: whether to add a learned constant to each output channel.
        device: where the parameters are made.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: a size, the dilation or groups is no positive integer, or groups do not divide the channels.

    >>> layer = CausalConv1d(1, 2, kernel_size=3, dilation=4)
    >>> y, state = layer(torch.zeros(5, 1, 20))
    >>> y.shape, state.shape
    (torch.Size([5, 2, 20]), torch.Size([5, 1, 8]))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        in_channels, out_channels, kernel_size, dilation, groups = _positive(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            dilation=dilation,
            groups=groups,
        )
        make(
            self,
            super().__init__,
            in_channels,
            out_channels,
            kernel_size,
            dilation=dilation,
            groups=groups,
            bias=bias,
            device=device,
            dtype=dtype,
        )

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        state: Tensor | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Compute a chunk's outputs and the state after it.

        Args:
            x: (B, C_in, T), or (C_in, T) without a batch (then the others have no B either).
            state: (B, C_in, dilation * (K - 1)), from the chunk before; zeros when None.
            resets: a bool tensor (B, T); ``resets[b, t]`` starts row b afresh before step t.
            lengths: integers (B,), a tensor or a sequence of ints; row b ends after that many steps.

        Returns:
            y (B, C_out, T), zero after a row's length, and the state for the next chunk.
        """
        if isinstance(x, Proxy):
            node: tuple[Tensor, Tensor] = leaf(self, x, state, resets=resets, lengths=lengths)
            return node
        if resets is None and lengths is None:
            found = causal_by_torch(x, self.weight, self.bias, state, self.dilation[0], self.groups)
            if found is not None:
                return found
        return causal_convolution(
            x,
            self.weight,
            self.bias,
            state=state,
            resets=resets,
            lengths=lengths,
            dilation=self.dilation[0],
            groups=self.groups,
        )

    def why_not_torchs(self) -> str | None:
        """torch's Conv1d has padding on both sides, and no state."""
        return "torch.nn has no causal convolution"

    def stream(self, batch: int = 1) -> ConvolutionStream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.ConvolutionStream`."""
        return ConvolutionStream(self, batch)


def _positive(**sizes: int) -> list[int]:
    """The sizes as ints, in their order: all positive, and the channels divisible by groups."""
    ints = {name: as_int(size) or 0 for name, size in sizes.items()}
    for name, size in ints.items():
        if size < 1:
            raise ArgumentError(f"{name} is {sizes[name]!r}; expected a positive int")
    for name in ("in_channels", "out_channels"):
        if ints[name] % ints["groups"]:
            raise ArgumentError(f"{name} is {ints[name]}; groups, which is {ints['groups']}, must divide it")
    return list(ints.values())
