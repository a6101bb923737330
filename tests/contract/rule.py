"""The rule: the numbers of torch.nn, or an error in words where torch.nn has one or where the docs say so."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._pytree import tree_leaves

from chainrule.errors import ChainruleError
from tests.contract.subjects import Inputs, Subject

__all__ = ["Way", "hold", "tensors"]

# the docs say so, whatever the way
REFUSED = (("named", r"backend '\w+' cannot run"),)
BOUNDS = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def always(subject: Subject) -> bool:
    return True


@dataclass(frozen=True)
class Way:
    """A way of calling a module: what comes of it, as a tree with tensors."""

    name: str
    call: Callable[..., Any]  # of a module and its inputs
    expected: Callable[..., Any] | None = None  # of torch's namesake; the same call where it is None
    on: Callable[[Subject], bool] = always
    alone: bool = False  # it may end the process: it gets one of its own
    slow: bool = False
    refused: Sequence[tuple[str, str]] = ()  # (tag or name of subjects, what the error says): the docs say so
    more: Sequence[str] = ()  # tags of subjects that work where torch.nn does not: the docs say so
    must_refuse: type[Exception] | None = None  # with this, as no numbers can be right
    rows: int | None = None
    steps: int | None = None
    resized: bool = False  # it takes inputs of more rows and steps as well
    dtype: torch.dtype | None = None
    bound: float | None = None


def hold(way: Way, subject: Subject) -> None:
    """Assert the rule."""
    if way.dtype is not None:
        subject = replace(subject, dtype=way.dtype)
    ours, theirs = subject.models()
    try:
        actual = way.call(ours, *_inputs(way, subject))
    except Exception as error:
        _hold_error(way, subject, error, theirs)
        return
    assert way.must_refuse is None, "numbers, where none can be right"
    try:
        expected = (way.expected or way.call)(theirs, *_inputs(way, subject))
    except Exception as error:
        if subject.tags.isdisjoint(way.more):
            raise AssertionError(f"numbers, where torch.nn has {type(error).__name__}: {error}") from error
        return
    _hold_values(tensors(actual), tensors(expected), way.bound)


def _inputs(way: Way, subject: Subject) -> list[Inputs]:
    rows, steps = subject.size
    more = [subject.inputs(rows + 1, steps + 3)] if way.resized else []
    return [subject.inputs(way.rows, way.steps), *more]


def _hold_error(way: Way, subject: Subject, error: Exception, theirs: Module) -> None:
    got = f"{type(error).__name__}: {error}"
    if way.must_refuse is not None:
        assert isinstance(error, way.must_refuse), got
        return
    for kind, words in (*REFUSED, *way.refused):
        named = kind in {subject.name, *subject.tags}
        if named and isinstance(error, ChainruleError) and re.search(words, str(error)):
            return
    try:
        way.call(theirs, *_inputs(way, subject))
    except Exception as other:
        if isinstance(error, ChainruleError) or (type(error) is type(other) and "defined" not in subject.tags):
            return
        raise AssertionError(f"{got}, where torch.nn has {other!r}") from error
    raise AssertionError(f"{got}, where torch.nn has none") from error


def _hold_values(actual: list[Tensor], expected: list[Tensor], bound: float | None) -> None:
    assert len(actual) == len(expected), f"{len(actual)} tensors, where torch.nn has {len(expected)}"
    for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
        for what in ("shape", "dtype", "device"):
            got = getattr(one, what)
            wanted = getattr(other, what)
            assert got == wanted, f"tensor {k} has the {what} {got}, torch.nn's {wanted}"
        if other.is_meta or other.numel() == 0:
            continue
        if not other.is_floating_point():
            assert torch.equal(one, other), f"tensor {k} is {one}, torch.nn's {other}"
            continue
        assert torch.equal(one.isnan(), other.isnan()), f"tensor {k} has NaN elsewhere than torch.nn's"
        scale = max(1.0, other.abs().nan_to_num().max().item())
        off = (one - other).abs().nan_to_num().max().item() / scale
        assert off <= (bound or BOUNDS[other.dtype]), f"tensor {k} has other numbers: off by {off} of the largest"


def tensors(tree: Any) -> list[Tensor]:
    """All tensors in it, without their gradients."""
    return [leaf.detach() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
