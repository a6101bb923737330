"""What truncated and full backpropagation ask of a model alike, be it chainrule's or anyone's.

A model is called as ``output, state = model(x, state)``, x (B, T, ...) and output (B, T, ...), with ``state`` None at
the start, and as ``model(x, state, resets=resets)`` where documents start inside. A loss is called as
``loss(output, y)`` with the steps that count laid end to end, (N, ...) each, and gives their mean or their sum: so do
torch.nn.functional.cross_entropy and mse_loss, with either ``reduction``. Where losses of several parts are put
together, :func:`is_sum` finds out which of the two it is.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.arguments import check_dense

__all__ = ["Loss", "Model", "advance", "check_callable", "check_steps", "is_sum", "loss_of", "run"]

Model = Callable[..., Any]
Loss = Callable[[Tensor, Tensor], Tensor]


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


def loss_of(loss: Loss, output: Tensor, y: Tensor, mask: Tensor | None) -> Tensor:
    """The loss of the steps that the mask has."""
    check_callable("the loss", loss)
    value = loss(*_end_to_end(output, y, mask))
    if not isinstance(value, Tensor) or value.dim() != 0:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError(f"the loss gave {got}; expected a tensor with one number, the mean or sum over its steps.")
    return value


def is_sum(loss: Loss, output: Tensor, y: Tensor, mask: Tensor | None = None) -> bool | None:
    """Whether the loss is the sum over its steps (True) or their mean (False); None where no gradient tells.

    A third of the steps is given to it by itself: of a sum their gradient is then the same as among all steps, of a
    mean larger by the share that they are. (One step stands beside itself.)

    Raises:
        ArgumentError: it is neither, as with classes of different weights.

    >>> x = torch.arange(6.0).view(2, 3)
    >>> is_sum(torch.nn.functional.mse_loss, x, x + 1), is_sum(lambda x, y: (x - y).abs().sum(), x, x + 1)
    (False, True)
    """
    steps, targets = _end_to_end(output.detach(), y, mask)
    if len(steps) == 1:
        steps, targets = torch.cat([steps, steps]), torch.cat([targets, targets])
    few = (len(steps) + 2) // 3
    among = _gradient(loss, steps, targets)[:few]
    alone = _gradient(loss, steps[:few], targets[:few])
    if not alone.any():
        return None
    tolerance = torch.finfo(alone.dtype).eps ** 0.5 * alone.norm()
    if torch.dist(alone * (few / len(steps)), among) <= tolerance:
        return False
    if torch.dist(alone, among) <= tolerance:
        return True
    raise ArgumentError(
        "the loss is neither the mean nor the sum over its steps, so that the losses of parts cannot be put together. "
        "Leave out class weights, and give a mask of the steps that count instead of an ignore_index."
    )


@torch.enable_grad()
def _gradient(loss: Loss, steps: Tensor, targets: Tensor) -> Tensor:
    steps = steps.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(steps, targets), steps, materialize_grads=True)
    return found


def _end_to_end(output: Tensor, y: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The steps that the mask has, (N, ...)."""
    if mask is None or bool(mask.all()):
        return output.flatten(0, 1), y.flatten(0, 1)
    return output[mask], y[mask]


def check_callable(what: str, given: object) -> None:
    if not callable(given):
        raise ArgumentError(f"{what} is a {type(given).__name__}; expected a function or a module that can be called.")


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
