"""Which cases of a test `make test` runs, where it has many.

Of a test marked ``sampled(1)`` those are not slow that hold a word of the ids which no case before them does, so that
every model, cell or backend occurs; of ``sampled(2)`` those with a new pair of words; of ``sampled(0)`` the first.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import pytest

__all__ = ["mark_the_rest", "sampled", "unless"]


def unless(quick: bool) -> list[pytest.MarkDecorator]:
    """The marks of a case that is slow, unless it is quick."""
    return [] if quick else [pytest.mark.slow]


def sampled(ids: Iterable[str], strength: int) -> list[str]:
    """The ids with a combination of so many words, or fewer, that is in no id before them."""
    kept = []
    seen: set[tuple[str, ...]] = set()
    for each in ids:
        words = sorted(set(re.findall(r"[^\W\d]+|\d+", each)))
        found = {chosen for size in range(strength + 1) for chosen in combinations(words, size)}
        if not found <= seen:
            kept.append(each)
            seen |= found
    return kept


def mark_the_rest(items: Sequence[pytest.Item]) -> None:
    """Mark as slow what the sampled tests leave out; cases that are slow already are no part of the sample."""
    cases = defaultdict(list)
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is not None and item.get_closest_marker("slow") is None:
            cases[item.nodeid.partition("[")[0], *marker.args].append(item)
    for (_, strength), each in cases.items():
        kept = set(sampled([item.name for item in each], strength))
        for item in each:
            if item.name not in kept:
                item.add_marker("slow")
