"""The n-gram model: counts of n-grams as a conditional model of symbols."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._choices import whole
from chainrule._torch import is_exporting
from chainrule.data.blockwise import blocks
from chainrule.errors import ExportError
from chainrule.models.alphabet_model import AlphabetModel
from chainrule.models.conditional import Carry
from chainrule.models.encoders import Encode, State
from chainrule.models.encoders.symbol_window import SymbolWindow
from chainrule.models.ngram.arrays import GROWS, MOST_NGRAMS, arrays_of, trie_of
from chainrule.models.ngram.counts import MOST_ORDER, Trie
from chainrule.models.predictions import Categorical, Prediction

__all__ = ["NGramModel"]

_DISCOUNTS = (0.7, 1.0, 1.3, 0.0)  # usual ones, until others are chosen


class NGramModel(AlphabetModel):
    """p(x_t | the last order - 1 symbols) by counting: interpolated modified Kneser-Ney with a concentration.

        p(w | u) = (c(uw) - D(c(uw))) / (c(u.) + theta) + (sum_v D(c(uv)) + theta) / (c(u.) + theta) p(w | u')

    where u' is u without its oldest symbol, and the shortest context leaves 1/V. D(1), D(2) and D(3 and more), and
    theta, are of the context's length. c is the number of times that uw was counted, in the longest context, and in
    shorter ones the number of different symbols that it was counted after (n-grams from a document's start, which
    nothing comes before, are counted as the longest are). A context that was never seen leaves all to the shorter one.

    Kneser & Ney (1995), "Improved backing-off for m-gram language modeling"; Chen & Goodman (1999), "An empirical study
    of smoothing techniques for language modeling", section 3; theta as in Teh (2006), "A hierarchical Bayesian language
    model based on Pitman-Yor processes". With theta = 0 it is theirs.

    It has no parameters: ``learn`` counts, `fit_ngram` also chooses order and discounts. What was counted first and
    what after is all the same. Probabilities are in float64, whatever the dtype asked of the model. At most
    `MOST_NGRAMS` n-grams are kept; where there is no room a new one is left out, which ``left_out`` counts.

    Parameters:
        symbols: V.
        order: the length of the longest n-grams, 1 to 32.
        end: what every document ends with, as of `SymbolModel`.

    >>> model = NGramModel(symbols=3, order=2)
    >>> carry = model.learn(torch.tensor([[0, 1, 0, 1, 0]]))
    >>> model.distribution(carry).argmax().item()  # after 0 came 1
    1
    >>> model.log_prob(torch.tensor([[0, 1, 2]])).exp().round(decimals=3)
    tensor([[0.6660, 0.6440, 0.0940]], dtype=torch.float64)
    """

    grows = GROWS
    not_exported = (
        "it counts n-grams, in a table that is no tensor operation. Export the network of a mixture, `model.network`, "
        'whose predictions are not those of the mixture; or fit with `mix="none"`.'
    )
    usual_order = 5  # until another is chosen

    def __init__(self, symbols: int, order: int = usual_order, end: tuple[int, ...] = ()) -> None:
        super().__init__(symbols, end)
        self.restart(whole("`order`", order, 1, MOST_ORDER))

    def restart(self, order: int) -> None:
        """Forget what was counted, and count n-grams of this order from now on."""
        self._take(Trie(order, self.symbols, MOST_NGRAMS))
        self.discounts = torch.tensor([_DISCOUNTS] * order, dtype=torch.float64, device="cpu")

    def _take(self, trie: Trie) -> None:
        self.trie = trie
        self.encoder = SymbolWindow(max(1, trie.order - 1), self.symbols, used=trie.order - 1)

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return self.trie.order

    @property
    def ngrams(self) -> int:
        """How many different n-grams were counted, of all lengths."""
        return len(self.trie)

    @property
    def left_out(self) -> int:
        """How many times an n-gram was not counted for lack of room."""
        return self.trie.left_out

    @torch.no_grad()
    def learn(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        """Count the symbols of x (B, T), which go on from ``carry``; the carry for the next chunk."""
        x = self.checked(x)
        windows = self._windows(carry, len(x))
        self.trie.learn(x.contiguous(), windows, resets)
        return self._carry(windows)

    def learn_documents(self, documents: Iterable[tuple[NDArray[Any], int]]) -> None:
        """Count documents (T,), of each but the first so many symbols, which are only read."""
        for document, context in documents:
            carry = None
            before = document[max(0, context - self.order) : context]
            if len(before):
                carry = self.advance(torch.from_numpy(before.astype(np.int64))[None])
            for block in blocks([document[context:]]):
                carry = self.learn(torch.from_numpy(block.astype(np.int64))[None], carry)

    def _predicted(
        self, x: Tensor, carry: Carry | None, resets: Tensor | None, *, counting: bool = False
    ) -> tuple[Tensor, Carry]:
        if is_exporting():
            raise ExportError("an ngram looks up its counts, which is no operation of torch. Export a network.")
        x = self.checked(x).contiguous()
        windows = self._windows(carry, len(x))
        log_prob = torch.empty(x.shape, dtype=torch.float64)
        resets = None if resets is None else resets.expand(x.shape).contiguous()
        self.trie.predict(self.discounts, x, windows, resets, log_prob, counting)
        return log_prob, self._carry(windows)

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        return self._predicted(x, carry, resets)

    @torch.no_grad()
    def score_and_count(
        self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """As ``forward``, but every symbol is counted once it is scored, before the next is, row after row."""
        return self._predicted(x, carry, resets, counting=True)

    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        return self._predicted(x, carry, resets)[1]

    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        windows, state = (encode or self.encoder)(carry.last[:, None], carry.encoder)
        return Categorical(self._distribution(windows[:, 0]).log()), state

    def statistics(self, x: Tensor) -> Tensor:
        """What the probabilities of one document x (1, T) depend on, (T, order, 5), by the length of the context.

        The count of the symbol there, the sum of all counts, and how many successors have one, two, and more.
        """
        found = torch.zeros(*x.shape, self.order, 5, dtype=torch.float64)
        self.trie.statistics(self.checked(x), self._windows(None, len(x)), found)
        return found[0]

    def distribution(self, carry: Carry) -> Tensor:
        """The probabilities (B, V) of the next symbol of every row, in float64."""
        return self._distribution(self._windows(carry, len(carry.last)))

    def after(self, windows: Tensor, depths: int, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of windows (N, W), which ``encoder`` gives: the probabilities (N, V) of what follows, and what is known of
        their contexts (N, depths, 3), by length from one symbol on; float64.

        Known are log(1 + c) of what was counted in a context, log(1 + n) of how many different symbols, and its
        escape, the share that it leaves to the shorter one; zeros where it was never seen. With the symbols x (N) that
        follow, each is counted before the next window is looked at.
        """
        p = torch.empty(len(windows), self.symbols, dtype=torch.float64)
        known = torch.empty(len(windows), depths, 3, dtype=torch.float64)
        self.trie.distributions(self.discounts, windows.contiguous(), p, known, x)
        return p, known

    def _distribution(self, windows: Tensor) -> Tensor:
        p = torch.empty(len(windows), self.symbols, dtype=torch.float64)
        self.trie.distributions(self.discounts, windows.contiguous(), p, None, None)
        return p

    def _windows(self, carry: Carry | None, rows: int) -> Tensor:
        """The last symbols of every row (B, order - 1), but one at least, in memory of their own."""
        carry = carry or self.start(rows)
        windows, _ = self.encoder(carry.last[:, None], carry.encoder)
        return windows[:, 0].clone(memory_format=torch.contiguous_format)

    def _carry(self, windows: Tensor) -> Carry:
        return Carry(windows[:, -1], (windows[:, :-1],))

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Neither moved nor of another dtype: counts are exact, and their probabilities in float64."""
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, tensor in {**arrays_of(self.trie), "discounts": self.discounts}.items():
            destination[prefix + name] = tensor

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *arguments: Any) -> None:
        state = {name: state_dict[prefix + name] for name in GROWS if prefix + name in state_dict}
        self._take(trie_of(self.symbols, state))
        self.discounts = state["discounts"].clone()
