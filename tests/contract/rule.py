"""The rule: the numbers of torch.nn, or an error in words where torch.nn has one or where the docs say so."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._pytree import tree_leaves

from chainrule.errors import ChainruleError
from tests.contract.subjects import Inputs, Subject

__all__ = ["Way", "hold", "tensors"]

BOUNDS = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def always(subject: Subject) -> bool:
    return True


@dataclass(frozen=True)
class Way:
    """A way of calling a module: what comes of it, as a tree with tensors."""

    name: str
    call: Callable[[Module, Inputs], Any]
    expected: Callable[[Module, Inputs], Any] | None = None  # of torch's namesake; the same call where it is None
    on: Callable[[Subject], bool] = always
    alone: bool = False  # it may end the process: it gets one of its own
    refused: Sequence[tuple[str, str]] = ()  # (tag or name of subjects, what the error says): the docs say so
    more: Sequence[str] = ()  # tags of subjects that work where torch.nn does not: the docs say so
    must_refuse: bool = False  # no numbers can be right
    rows: int | None = None
    steps: int | None = None
    bound: float | None = None


def hold(way: Way, subject: Subject) -> None:
    """Assert the rule."""
    ours, theirs = subject.models()
    sizes = (way.rows, way.steps)
    try:
        actual = way.call(ours, subject.inputs(*sizes))
    except Exception as error:
        _hold_error(way, subject, error, theirs)
        return
    assert not way.must_refuse, "numbers, where none can be right"
    try:
        expected = (way.expected or way.call)(theirs, subject.inputs(*sizes))
    except Exception as error:
        if subject.tags.isdisjoint(way.more):
            raise AssertionError(f"numbers, where torch.nn has {type(error).__name__}: {error}") from error
        return
    _hold_values(tensors(actual), tensors(expected), way.bound)


def _hold_error(way: Way, subject: Subject, error: Exception, theirs: Module) -> None:
    got = f"{type(error).__name__}: {error}"
    if way.must_refuse:
        assert isinstance(error, ChainruleError), got
        return
    for kind, words in way.refused:
        if kind in {subject.name, *subject.tags} and re.search(words, str(error)):
            return
    try:
        way.call(theirs, subject.inputs(way.rows, way.steps))
    except Exception as other:
        if isinstance(error, ChainruleError) or type(error) is type(other):
            return
        raise AssertionError(f"{got}, where torch.nn has {other!r}") from error
    raise AssertionError(f"{got}, where torch.nn has none") from error


def _hold_values(actual: list[Tensor], expected: list[Tensor], bound: float | None) -> None:
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert one.device == other.device
        if other.is_meta or other.numel() == 0 or not other.is_floating_point():
            continue
        allowed = bound or BOUNDS[other.dtype]
        scale = max(1.0, other.abs().nan_to_num().max().item())
        torch.testing.assert_close(one, other, rtol=allowed, atol=allowed * scale, equal_nan=True)


def tensors(tree: Any) -> list[Tensor]:
    """All tensors in it, without their gradients."""
    return [leaf.detach() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
