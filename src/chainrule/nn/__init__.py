"""Layers that take the place of torch.nn's: the same arguments, parameter names, shapes and initialisation."""

from chainrule.nn.convolution import CausalConv1d, Conv1d, Conv2d, Conv3d
from chainrule.nn.explanation import ExplainedCall, Explanation, explain
from chainrule.nn.recurrence import GRU, LSTM, RNN
from chainrule.nn.recurrence_cells import SLSTM, CellLayer, MinGRU
from chainrule.nn.streams.convolutional import ConvolutionStream
from chainrule.nn.streams.recurrent import Stream
from chainrule.nn.swapping.swap import SwapReport, swap, unswap
from chainrule.ops.recurrence.cells import register_cell
from chainrule.ops.recurrence.cells.spec import CellSpec

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SLSTM",
    "CausalConv1d",
    "CellLayer",
    "CellSpec",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvolutionStream",
    "ExplainedCall",
    "Explanation",
    "MinGRU",
    "Stream",
    "SwapReport",
    "explain",
    "register_cell",
    "swap",
    "unswap",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
