"""The loop that people write: an LSTM or GRU over rows of the text, its state carried from window to window."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.learning.budgets import Clock

__all__ = ["Network", "train"]


class Network(nn.Module):
    """Embedding, one recurrent layer of torch.nn or chainrule.nn, and logits of the next character."""

    def __init__(self, layers: Any, cell: str, alphabet: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(alphabet, 64)
        self.rnn = getattr(layers, cell)(64, 256, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(256, alphabet)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.rnn(self.dropout(self.embedding(x)), state)
        return self.out(self.dropout(h)), state


def train(network: Network, text: Tensor, clock: Clock) -> None:
    """AdamW, 32 rows, truncated backpropagation through 64 steps, warm-up and cosine over the time there is."""
    rows = text[: len(text) // 32 * 32].view(32, -1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    state: Any = None
    at = 0
    for step, spent in enumerate(clock):
        if at + 1 >= rows.shape[1]:
            state = None
            at = 0
        y = rows[:, at + 1 : at + 65]
        x = rows[:, at : at + y.shape[1]]
        at += 64
        optimiser.param_groups[0]["lr"] = 5e-3 * min(1, (step + 1) / 50) * _cosine(spent)
        logits, state = network(x, state)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def _cosine(spent: float) -> float:
    return 0.05 + 0.95 * (1 + math.cos(math.pi * spent)) / 2
