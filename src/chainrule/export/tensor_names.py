"""Names of a model's inputs and outputs: those by which its authors know them."""

from typing import Any

import torch
from torch import Tensor

from chainrule._torch import pytree
from chainrule.export.model_call import ModelCall
from chainrule.nn import CausalConv1d

__all__ = ["input_names_of", "output_names_of"]

_STATES = ("h", "c")


def input_names_of(call: ModelCall) -> list[str]:
    """Of each tensor among the arguments: its parameter, and where it lies in it; h_0 and c_0 of a recurrent layer."""
    names = _paths(call.by_name())
    if isinstance(call.model, torch.nn.RNNBase):
        states = [name for name in names if name.startswith("hx")]
        renamed = dict(zip(states, (f"{part}_0" for part in _STATES), strict=False))
        names = [renamed.get(name, name) for name in names]
    return names


def output_names_of(call: ModelCall, result: Any, inputs: list[str]) -> list[str]:
    """Of each tensor in what the model returns; other than those of its inputs."""
    if isinstance(call.model, torch.nn.RNNBase):
        names = ["output", *(f"{part}_n" for part in _STATES)][: len(_paths(result))]
    elif isinstance(call.model, CausalConv1d):
        names = ["output", "next_state"]
    elif isinstance(result, Tensor):
        names = ["output"]
    else:
        prefix = "output_" if isinstance(result, tuple | list) and not hasattr(result, "_fields") else ""
        names = [prefix + name for name in _paths(result)]
    return [f"{name}_out" if name in inputs else name for name in names]


def _paths(tree: Any) -> list[str]:
    """The path of each tensor in the tree, its parts joined: "state_0" of {"state": (tensor,)}."""
    found, _ = pytree.tree_flatten_with_path(tree)
    paths = [path for path, leaf in found if isinstance(leaf, Tensor)]
    return ["_".join(_part(key) for key in path) for path in paths]


def _part(key: Any) -> str:
    for field in ("key", "idx", "name"):
        if hasattr(key, field):
            return str(getattr(key, field))
    return str(key)
