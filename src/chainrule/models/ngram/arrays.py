"""N-grams as tensors: what is saved of a trie, and how it comes back."""

from collections.abc import Mapping

import torch
from torch import Tensor

from chainrule.errors import RunFormatError
from chainrule.models.ngram.counts import Trie

__all__ = ["GROWS", "MOST_NGRAMS", "arrays_of", "trie_of"]

GROWS = ("parents", "ngrams", "counts", "discounts")
"""The tensors of an n-gram model's state, all as long as the data makes them."""

MOST_NGRAMS = (1 << 24) - 2
"""N-grams that are kept at most: with the two nodes that are none, 0.87 GB of 36 bytes each and 16 to find them by."""


def arrays_of(trie: Trie) -> dict[str, Tensor]:
    """The n-grams, each an int32 of three tensors: the number of the one without its last symbol, that, and its count.

    Shorter ones come first, and then they are in the order of these numbers, so that equal counts are equal tensors.
    The empty n-gram is number 0 and the start symbol number 1, which are not among them; the first that is is 2.
    """
    arrays = {name: torch.empty(len(trie), dtype=torch.int32, device="cpu") for name in ("parents", "ngrams", "counts")}
    trie.write(*arrays.values())
    return arrays


def trie_of(symbols: int, state: Mapping[str, Tensor]) -> Trie:
    """The trie of ``symbols`` distinct symbols, of an order as there are discounts, that the tensors tell of.

    Raises:
        RunFormatError: they tell of none.
    """
    try:
        discounts = state["discounts"]
        columns = [state[name] for name in ("parents", "ngrams", "counts")]
        if discounts.dim() != 2 or discounts.shape[1] != 4 or discounts.dtype != torch.float64:
            raise ValueError("its discounts are not rows of four")
        most = torch.tensor([1.0, 2.0, 3.0, torch.inf], dtype=torch.float64)
        if not bool(((discounts >= 0) & (discounts <= most) & discounts.isfinite()).all()):
            raise ValueError("a discount takes more than was counted, or less than nothing")
        if bool((discounts[:, :3].amin(1) + discounts[:, 3] <= 0).any()):
            raise ValueError("where nothing is discounted, what was never seen has no probability")
        if len({len(column) for column in columns}) != 1 or len(columns[0]) > MOST_NGRAMS:
            raise ValueError("its n-grams are not all told, or too many")
        trie = Trie(len(discounts), symbols, MOST_NGRAMS)
        trie.read(*(column.contiguous() for column in columns))
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(
            f"these are no counts of n-grams: {error}. The run's files were mixed up or changed; restore them from a "
            "copy, or fit again."
        ) from error
    return trie
