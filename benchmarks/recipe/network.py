"""A recurrent network on text of the library's parts; what the library has no setting for is built here."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.recipe.variants import Variant
from chainrule.models.encoders import SymbolEmbedding
from chainrule.nn import GRU, LSTM, RNN

__all__ = ["Network", "Networks"]

_CELLS = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


class Network(nn.Module):
    """Embedding, one recurrent layer, and logits of the next character: ``logits, state = network(x, state)``.

    Parameters and modules have the names by which the library's optimisers tell what is between features.
    """

    def __init__(self, alphabet: int, variant: Variant) -> None:
        super().__init__()
        self.embedding = SymbolEmbedding(alphabet, variant.embedding, variant.longest, variant.ngram_dropout)
        _limit(self.embedding, variant.buckets)
        cell = _CELLS[variant.cell]
        self.cell = cell(
            variant.embedding,
            variant.hidden,
            variant.layers,
            batch_first=True,
            layer_norm=variant.layer_norm == "yes",
        )
        self.head = nn.Linear(variant.hidden, alphabet)
        self.after_next = nn.Linear(variant.hidden, alphabet) if variant.after_next else None
        self.weight_after_next = variant.after_next
        self.output = _logits_of_ngrams(alphabet, variant) if variant.output_longest else None
        self.input_dropout = nn.Dropout(variant.input_dropout)
        dropout = nn.Dropout if variant.dropout_of == "step" else nn.Dropout1d
        self.dropout = dropout(variant.dropout)

    @property
    def recurrent_weights(self) -> int:
        """How many weights and biases the recurrent layer has."""
        return sum(p.numel() for p in self.cell.parameters())

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits (B, T, alphabet) of what follows symbols x (B, T) int64, and the state to go on from."""
        y, added, state = self._read(x, state)
        return self.head(y) + added, state

    def loss(self, x: Tensor, follows: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Nats of what ``follows`` (B, T) symbols x, and of what follows that where a part of the loss is for it."""
        y, added, state = self._read(x, state)
        loss = _nats(self.head(y) + added, follows)
        if self.after_next is not None and x.shape[1] > 1:
            loss = loss + self.weight_after_next * _nats(self.after_next(y[:, :-1]), follows[:, 1:])
        return loss, state

    def _read(self, x: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """The layer's output after dropout, logits to add to those of it, and the state."""
        at_input, at_output, h = state or (None, None, None)
        embedded, at_input = self.embedding(x, at_input)
        y, h = self.cell(self.input_dropout(embedded), h)
        y = self.dropout(y.transpose(1, 2)).transpose(1, 2)
        added = y.new_zeros(())
        if self.output is not None:
            added, at_output = self.output(x, at_output)
        return y, added, (at_input, at_output, h)


class Networks(nn.Module):
    """Networks that learn each by its own loss, and whose probabilities are averaged where they are judged."""

    def __init__(self, alphabet: int, variant: Variant) -> None:
        super().__init__()
        self.members = nn.ModuleList(Network(alphabet, variant) for _ in range(variant.members))

    @property
    def recurrent_weights(self) -> int:
        """How many weights and biases the recurrent layers have."""
        return sum(each.recurrent_weights for each in self._each())

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logarithms (B, T, alphabet) of the averaged probabilities, and the state to go on from."""
        read = [each(x, before) for each, before in self._with(state)]
        logs = torch.stack([F.log_softmax(logits, dim=-1) for logits, _ in read])
        return logs.logsumexp(dim=0) - math.log(len(read)), tuple(after for _, after in read)

    def loss(self, x: Tensor, follows: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The mean of the networks' losses, and the state to go on from."""
        read = [each.loss(x, follows, before) for each, before in self._with(state)]
        return torch.stack([loss for loss, _ in read]).mean(), tuple(after for _, after in read)

    def _each(self) -> list[Network]:
        return [each for each in self.members if isinstance(each, Network)]

    def _with(self, state: Any) -> list[tuple[Network, Any]]:
        each = self._each()
        return list(zip(each, state or [None] * len(each), strict=True))


def _nats(logits: Tensor, follows: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), follows.flatten())


def _logits_of_ngrams(alphabet: int, variant: Variant) -> SymbolEmbedding:
    """Tables of logits by the last symbols (Mikolov et al. 2011), which begin with nothing to say."""
    tables = SymbolEmbedding(alphabet, alphabet, variant.output_longest)
    _limit(tables, variant.buckets)
    for p in tables.parameters():
        nn.init.zeros_(p)
    return tables


def _limit(embedding: SymbolEmbedding, buckets: int) -> None:
    """Give the tables of n-grams other numbers of rows than the library's, drawn as it draws them."""
    rows = [min((embedding.symbols + 1) ** n, buckets) for n in range(2, 2 + len(embedding.rows))]
    if rows == embedding.rows:
        return
    for n, (before, count) in enumerate(zip(list(embedding.ngrams), rows, strict=True)):
        assert isinstance(before, nn.Embedding)
        table = nn.Embedding(count, before.embedding_dim)
        nn.init.normal_(table.weight, std=float(torch.std(before.weight.detach())))
        embedding.ngrams[n] = table
    embedding.rows = rows
