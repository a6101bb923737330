"""Answers that depend on shapes and options alone, computed once: checks would take longer than a small call."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar, cast

import torch

__all__ = ["are_exact", "once", "remember"]

_Answer = TypeVar("_Answer")


def once(function: Callable[..., _Answer], *arguments: Any) -> _Answer:
    """``function(*arguments)``, or what it returned for the same arguments before; exceptions are not remembered."""
    if torch.compiler.is_compiling() or not are_exact(arguments):
        return function(*arguments)
    return cast(_Answer, _known(function, *arguments))


def remember(known: dict[Any, _Answer], key: Any, answer: _Answer) -> _Answer:
    """Add an answer to the known ones, all of which are forgotten when there are too many; returns the answer."""
    if len(known) >= _MOST:
        known.clear()
    known[key] = answer
    return answer


_MOST = 4096


@lru_cache(maxsize=_MOST)
def _known(function: Callable[..., object], *arguments: Any) -> object:
    return function(*arguments)


def are_exact(values: Iterable[object]) -> bool:
    """Whether equal values are the same: True and 1.0 equal 1, and a size may be symbolic."""
    for value in values:
        if type(value) in _EXACT:
            continue
        if not isinstance(value, tuple):
            return False
        if not _EXACT.issuperset(map(type, value)) and not are_exact(value):
            return False
    return True


_EXACT = frozenset({int, str, type(None), torch.dtype})
