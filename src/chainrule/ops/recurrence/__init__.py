"""RNN, GRU and LSTM over a whole sequence, and backpropagation through time."""

from chainrule.ops.recurrence.op import gru, lstm, rnn

__all__ = ["gru", "lstm", "rnn"]
