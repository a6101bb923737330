"""States of models, whatever they are made of: tensors in tuples, lists, dictionaries, or None."""

from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = ["detached", "differentiable", "leaves_of"]


def leaves_of(state: Any) -> list[Tensor]:
    """The tensors of a state, in an order of their own.

    >>> import torch
    >>> [len(leaf) for leaf in leaves_of((torch.zeros(2), {"c": torch.zeros(3), "none": None}))]
    [2, 3]
    """
    return [leaf for leaf in pytree.tree_leaves(state) if isinstance(leaf, Tensor)]


def detached(state: Any) -> Any:
    """The same state, cut from the graph."""
    return pytree.tree_map_only(Tensor, Tensor.detach, state)


def differentiable(state: Any) -> Any:
    """The same state, cut from the graph, as a new beginning that gradients are collected at."""
    return pytree.tree_map_only(Tensor, lambda s: s.detach().requires_grad_(s.is_floating_point()), state)
