"""What truncated and full backpropagation ask of a model alike, be it chainrule's or anyone's.

A model is called as ``output, state = model(x, state)``, x (B, T, ...) and output (B, T, ...), with ``state`` None at
the start, and as ``model(x, state, resets=resets)`` where documents start inside. What it has seen is in its state
alone: :mod:`chainrule.training.bptt.cut_check` tries that. Of losses, :mod:`chainrule.training.bptt.losses` tells.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.arguments import check_dense
from chainrule.training.bptt.losses import check_callable

__all__ = ["Model", "advance", "check_steps", "run"]

Model = Callable[..., Any]


def run(model: Model, x: Tensor, state: Any, resets: Tensor | None) -> tuple[Any, Any]:
    """The outputs of steps x, and the state after them."""
    check_callable("the model", model)
    try:
        found = model(x, state) if resets is None else model(x, state, resets=resets)
    except TypeError as error:
        if resets is None or "resets" not in str(error):
            raise
        raise ArgumentError(
            "documents start inside this chunk, and the model takes no resets. Give it such an argument, for the state "
            "to start afresh where it is True (chainrule.nn's layers have one), or call without resets."
        ) from error
    if isinstance(found, tuple) and len(found) == 2:
        check_output(x, found[0])
        return found
    raise ArgumentError(
        f"the model gave {type(found).__name__}{f' of {len(found)}' if isinstance(found, tuple) else ''}; expected "
        "the pair (output, state), the state for the steps after these."
    )


def advance(model: Model, x: Tensor, state: Any, resets: Tensor | None) -> Any:
    """The state after steps x, whose outputs nobody wants; by the model's own ``advance`` if it has one."""
    if hasattr(model, "advance"):
        return model.advance(x, state, resets=resets)
    return run(model, x, state, resets)[1]


def check_steps(x: Tensor, y: Tensor, resets: Tensor | None, mask: Tensor | None) -> None:
    """Refuse what does not have the batch and the steps of x."""
    if not isinstance(x, Tensor):
        raise ShapeError(f"x must be a tensor (batch, time, ...), got {type(x).__name__}.")
    for name, tensor in (("x", x), ("y", y), ("resets", resets), ("mask", mask)):
        if tensor is None and name in ("resets", "mask"):
            continue
        if isinstance(tensor, Tensor):
            check_dense(name, tensor)
        if not isinstance(tensor, Tensor) or tensor.dim() < 2 or tensor.shape[:2] != x.shape[:2] or x.shape[1] == 0:
            got = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            raise ShapeError(
                f"{name} must be (batch, time, ...), as x {tuple(x.shape)} is, time at least 1, got {got}."
            )
        if name in ("resets", "mask") and tensor.dtype != torch.bool:
            raise ShapeError(f"{name} must be bool, got {tensor.dtype}.")


def check_output(x: Tensor, output: object) -> None:
    """Refuse outputs that are not of the steps of x."""
    if not isinstance(output, Tensor) or output.shape[:2] != x.shape[:2]:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ShapeError(
            f"the model's output must be a tensor (batch, time, ...), as x {tuple(x.shape)} is, got {got}. A model of "
            "another layout is to transpose its input and its output."
        )
