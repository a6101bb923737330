"""The trie that counts n-grams: of compiled code, or in Python where the kernels are absent."""

from typing import TYPE_CHECKING

from chainrule.ops.compiled import WHY_ABSENT

if TYPE_CHECKING or WHY_ABSENT is None:
    from chainrule.models.ngram._counts import MOST_ORDER, Trie
else:
    from chainrule.models.ngram.trie import MOST_ORDER, Trie

__all__ = ["MOST_ORDER", "Trie"]
