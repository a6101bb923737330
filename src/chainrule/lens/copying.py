"""Float64 copies on the CPU, of models and of their inputs."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.ops.arguments import check_dense

__all__ = ["as_double", "double"]


def double(model: nn.Module) -> nn.Module:
    """A float64 copy on the CPU, in evaluation mode, all of whose parameters require a gradient.

    Raises:
        ArgumentError: it is not a module, or cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError(f"model is {type(model).__name__}; expected a layer or a model of torch.nn or chainrule.")
    try:
        twin = copy.deepcopy(model)
    except RuntimeError as error:  # a tensor with a graph among its attributes, as torch.nn.utils.weight_norm leaves
        raise ArgumentError(
            "the model cannot be copied, since it holds tensors that are computed from others. If it is "
            "torch.nn.utils.weight_norm's, remove_weight_norm makes a plain one."
        ) from error
    return twin.cpu().double().eval().requires_grad_()


def as_double(value: Any) -> Any:
    """Floating tensors and arrays in float64 on the CPU, within tuples too; all else as it is."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        check_dense("a tensor", value)
        dtype = torch.float64 if value.is_floating_point() else value.dtype
        return value.detach().cpu().to(dtype, copy=True)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*map(as_double, value))
    if isinstance(value, tuple | list):
        return tuple(map(as_double, value))
    return value
