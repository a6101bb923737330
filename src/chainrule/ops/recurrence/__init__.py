"""RNN, GRU, LSTM and other cells over a whole sequence, and backpropagation through time."""

from chainrule.ops.recurrence.op import gru, lstm, recurrence, rnn
from chainrule.ops.recurrence.trace import Trace

__all__ = ["Trace", "gru", "lstm", "recurrence", "rnn"]
