"""Symbols as vectors: an embedding of each, and of the n-grams that end with it."""

from torch import Tensor, nn

from chainrule.models.encoders.encoder import State
from chainrule.models.encoders.symbol_window import SymbolWindow

__all__ = ["SymbolEmbedding"]

_BUCKETS = 1 << 14  # rows of a table; more n-grams than that share them
_SPREAD = 0.1  # of what n-grams add at the start, beside single symbols' 1
_MIX = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 over the golden ratio (Knuth, volume 3, section 6.4), as an int64
_KEPT_BITS = 33  # of the 64 after mixing, the upper ones, which all bits of the code have changed


class SymbolEmbedding(nn.Module):
    """The sum of the embeddings of x_t and of the n-grams x_{t-n+1}..x_t for n = 2 to ``longest``.

    N-grams are hashed into tables of at most 16,384 rows (Mikolov et al. 2011, "Strategies for training large scale
    neural network language models", section on hash-based maximum entropy models, has them at the output). With them a
    recurrent network need not spend its state on what the last few symbols are. The start symbol, whose index is
    ``symbols``, is a zero vector, and one more symbol to n-grams.

    In training an n-gram's embedding is left out with probability ``dropout``, at every step by itself: a text that is
    read several times would else be learned by heart from its longer n-grams.

    The state is what n-grams reach back to: the last ``longest`` - 1 symbols. Without n-grams there is none.

    >>> import torch
    >>> embedding = SymbolEmbedding(symbols=5, width=8, longest=3)
    >>> embedded, state = embedding(torch.tensor([[5, 3, 1, 4]]))
    >>> embedded.shape, state[0].tolist()
    (torch.Size([1, 4, 8]), [[1, 4]])
    """

    def __init__(self, symbols: int, width: int, longest: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.symbols = symbols
        self.single = nn.Embedding(symbols, width)
        self.rows = [min((symbols + 1) ** n, _BUCKETS) for n in range(2, longest + 1)]
        self.ngrams = nn.ModuleList(nn.Embedding(rows, width) for rows in self.rows)
        for table in self.ngrams:
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=_SPREAD)
        self.dropout = nn.Dropout(dropout)
        self.window = SymbolWindow(longest, blank=symbols)

    @property
    def parts(self) -> int:
        """How many tensors the state has."""
        return 1 if len(self.ngrams) else 0

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        """Vectors (B, T, width) of symbols x (B, T); ``resets`` forgets what was before, as for an encoder."""
        start = x == self.symbols
        embedded: Tensor = self.single(x.masked_fill(start, 0)).masked_fill(start[..., None], 0.0)
        if not self.parts:
            return embedded, ()
        windows, state = self.window(x, state, resets=resets)
        code = x
        for n, (table, rows) in enumerate(zip(self.ngrams, self.rows, strict=True), start=2):
            code = code * (self.symbols + 1) + windows[..., -n]
            has_own_rows = (self.symbols + 1) ** n <= rows
            row = code if has_own_rows else (code * _MIX >> _KEPT_BITS) % rows
            kept = self.dropout(embedded.new_ones(*x.shape, 1))
            embedded = embedded + kept * table(row)
        return embedded, state
