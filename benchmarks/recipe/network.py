"""A recurrent network on text of the library's parts; what the library has no setting for is built here."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.recipe.variants import Variant
from chainrule.models.encoders import SymbolEmbedding
from chainrule.nn import GRU, LSTM, RNN

__all__ = ["Network"]

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
        self.cell = cell(variant.embedding, variant.hidden, batch_first=True, layer_norm=variant.layer_norm == "yes")
        self.head = nn.Linear(variant.hidden, alphabet)
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
        at_input, at_output, h = state or (None, None, None)
        embedded, at_input = self.embedding(x, at_input)
        y, h = self.cell(self.input_dropout(embedded), h)
        logits = self.head(self.dropout(y.transpose(1, 2)).transpose(1, 2))
        if self.output is not None:
            added, at_output = self.output(x, at_output)
            logits = logits + added
        return logits, (at_input, at_output, h)


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
