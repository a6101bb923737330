"""The public op functions: convolution and recurrence, without parameters of their own."""

from chainrule.ops.convolution import causal_convolution, convolution
from chainrule.ops.recurrence import Trace, gru, lstm, recurrence, rnn

__all__ = ["Trace", "causal_convolution", "convolution", "gru", "lstm", "recurrence", "rnn"]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
