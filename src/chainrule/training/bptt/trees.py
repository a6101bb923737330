"""States of models, whatever they are made of: tensors in tuples, lists, dictionaries, dataclasses, or None.

What torch's pytrees know is walked through as they say, dataclasses by their attributes. Anything else is refused:
a tensor inside it would keep its graph, or lose its gradient, without a word.
"""

import copy
import dataclasses
from collections.abc import Callable
from enum import Enum
from numbers import Number
from typing import Any

import torch
from torch import Tensor

from chainrule._torch import pytree
from chainrule.errors import ArgumentError

__all__ = ["copied", "detached", "differentiable", "kept", "leaves_of", "placed"]

_PLAIN = (type(None), bool, Number, str, bytes, Enum, torch.dtype, torch.device)  # carried on as they are


def leaves_of(state: Any) -> list[Tensor]:
    """The tensors of a state, always in the same order.

    >>> [len(leaf) for leaf in leaves_of((torch.zeros(2), {"c": torch.zeros(3), "none": None}))]
    [2, 3]
    """
    leaves: list[Tensor] = []

    def note(leaf: Tensor) -> Tensor:
        leaves.append(leaf)
        return leaf

    _mapped(note, state, "the state")
    return leaves


def detached(state: Any) -> Any:
    """The same state, cut from the graph."""
    return _mapped(Tensor.detach, state, "the state")


def copied(state: Any) -> Any:
    """The same state in memory of its own, for a model that may write to it; gradients come through."""
    return _mapped(Tensor.clone, state, "the state")


def kept(state: Any) -> Any:
    """The same state, cut from the graph and in memory of its own, so that no larger tensor is kept alive by it."""
    return _mapped(lambda leaf: leaf.detach().clone(), state, "the state")


def placed(state: Any, device: torch.device) -> Any:
    """The same state on the device."""
    return _mapped(lambda leaf: leaf.to(device), state, "the state")


def differentiable(state: Any) -> Any:
    """The same state, cut from the graph, as new leaves at which gradients are collected."""

    def as_leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().requires_grad_(tensor.is_floating_point() or tensor.is_complex())

    return _mapped(as_leaf, state, "the state")


def _mapped(change: Callable[[Tensor], Tensor], state: Any, where: str) -> Any:
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, _PLAIN):
        return state
    paths, spec = pytree.tree_flatten_with_path(state, is_leaf=lambda part: part is not state)
    if not paths or paths[0][0]:
        parts = [_mapped(change, part, where + pytree.keystr(at)) for at, part in paths]
        return pytree.tree_unflatten(parts, spec)
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return _mapped_dataclass(change, state, where)
    kind = type(state)
    raise ArgumentError(
        f"{where} is a {kind.__module__}.{kind.__qualname__}, which may hold tensors whose gradients would be lost "
        "without a word. Expected tensors, None, numbers and strings, in tuples, lists, dictionaries, named tuples or "
        "dataclasses. Return it as one of these, or tell torch what it is made of: "
        "torch.utils._pytree.register_pytree_node(...)."
    )


def _mapped_dataclass(change: Callable[[Tensor], Tensor], state: Any, where: str) -> Any:
    """A dataclass with all attributes mapped, fields or not; its ``__init__`` is not called again."""
    names = [field.name for field in dataclasses.fields(state) if hasattr(state, field.name)]
    names += [name for name in getattr(state, "__dict__", ()) if name not in names]
    twin = copy.copy(state)
    for name in names:
        object.__setattr__(twin, name, _mapped(change, getattr(state, name), f"{where}.{name}"))
    return twin
