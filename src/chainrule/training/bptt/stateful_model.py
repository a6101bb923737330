"""What truncated and full backpropagation expect of a model, be it chainrule's or anyone else's.

A model is called as ``output, state = model(x, state)``, with x and output (B, T, ...). ``state`` is None at the
start; where documents start inside x, the call is ``model(x, state, resets=resets)``. The state holds everything the
model remembers: :mod:`chainrule.training.bptt.chunk_check` tries whether it does. What losses may look like is said in
:mod:`chainrule.training.bptt.losses`.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.arguments import check_dense
from chainrule.training.bptt.losses import check_callable

__all__ = ["Model", "advance", "at_steps", "check_steps", "run"]

Model = Callable[..., Any]


def run(model: Model, x: Tensor, state: Any, resets: Tensor | None) -> tuple[Any, Any]:
    """The outputs of steps x, and the state after them."""
    check_callable("the model", model)
    try:
        result = model(x, state) if resets is None else model(x, state, resets=resets)
    except TypeError as error:
        if not _takes(model, x, state):
            raise ArgumentError(
                f"the model takes no state: {error}. Expected one that is called as output, state = model(x, state), "
                "with the state None at the start."
            ) from error
        if resets is None or "resets" not in str(error):
            raise
        raise ArgumentError(
            "documents start inside this chunk, and the model takes no `resets`. Give it such an argument, which "
            "starts the state afresh where it is True (chainrule.nn's layers have one), or call without `resets`."
        ) from error
    if isinstance(result, tuple) and len(result) == 2:
        _check_output(x, result[0])
        return result
    got = type(result).__name__
    if isinstance(result, tuple):
        got = f"a tuple of {len(result)}"
    raise ArgumentError(
        f"the model returned {got}; expected the pair (output, state), with the state that the next call takes."
    )


def _takes(model: Model, *arguments: Any) -> bool:
    """Whether the model may be called with these, as far as that can be told."""
    called: Callable[..., Any] = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        inspect.signature(called).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # of what is not written in Python
        return True
    return True


def advance(model: Model, x: Tensor, state: Any, resets: Tensor | None) -> Any:
    """The state after steps x, whose outputs are not needed; by the model's own ``advance`` if it has one."""
    if hasattr(model, "advance"):
        return model.advance(x, state, resets=resets)
    return run(model, x, state, resets)[1]


def at_steps(flags: Tensor | None, part: slice) -> Tensor | None:
    """The resets or the mask (B, T) of some steps; None where there are none at all."""
    return None if flags is None else flags[:, part]


def check_steps(x: Tensor, y: Tensor, resets: Tensor | None, mask: Tensor | None) -> None:
    """Refuse tensors that differ from x in batch or time.

    Raises:
        ShapeError: one of them does, has no steps, or is not a tensor; ``resets`` or ``mask`` is not bool.
    """
    if not isinstance(x, Tensor):
        raise ShapeError(f"x must be a tensor (batch, time, ...), got {type(x).__name__}.")
    _check_like(x, "x", x)
    _check_like(x, "y", y)
    for name, flags in (("resets", resets), ("mask", mask)):
        if flags is None:
            continue
        _check_like(x, name, flags)
        if flags.dtype != torch.bool:
            raise ShapeError(f"{name} must be bool, got {flags.dtype}.")


def _check_like(x: Tensor, name: str, tensor: object) -> None:
    if isinstance(tensor, Tensor):
        check_dense(name, tensor)
        got: object = tuple(tensor.shape)
        if tensor.dim() >= 2 and tensor.shape[:2] == x.shape[:2] and x.shape[1] > 0:
            return
    else:
        got = type(tensor).__name__
    raise ShapeError(f"{name} must be (batch, time, ...), as x {tuple(x.shape)} is, time at least 1, got {got}.")


def _check_output(x: Tensor, output: object) -> None:
    if isinstance(output, Tensor) and output.shape[:2] == x.shape[:2]:
        return
    got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    raise ShapeError(
        f"the model's output must be a tensor (batch, time, ...), as x {tuple(x.shape)} is, got {got}. A model with "
        "another layout has to transpose its input and its output."
    )
