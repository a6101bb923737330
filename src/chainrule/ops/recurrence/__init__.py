"""RNN, GRU and LSTM over a whole sequence, and backpropagation through time."""

from chainrule.ops.recurrence.op import gru, lstm, rnn
from chainrule.ops.recurrence.trace import Trace

__all__ = ["Trace", "gru", "lstm", "rnn"]
