"""Layers that take the place of torch.nn's: the same arguments, parameter names, shapes and initialisation."""

from chainrule.nn.convolution import CausalConv1d, Conv1d, Conv2d, Conv3d
from chainrule.nn.recurrence import GRU, LSTM, RNN
from chainrule.nn.streaming import Stream
from chainrule.nn.swap import SwapReport, swap, unswap

__all__ = ["GRU", "LSTM", "RNN", "CausalConv1d", "Conv1d", "Conv2d", "Conv3d", "Stream", "SwapReport", "swap", "unswap"]
