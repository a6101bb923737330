"""Whether a model may be run in chunks: tried on a few steps before any gradient is computed.

A sequence that is run in chunks has the gradients of the whole if each output depends on its own step, and on earlier
ones through the state alone. Layers whose time is another axis, that look ahead, normalise over time, keep their state
to themselves or detach it, break this without an error. So the first steps are run whole and in two halves, and outputs
and gradients compared.
"""

import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from chainrule._choices import counted, listed
from chainrule._devices import random_states, without_cudnn
from chainrule._modes import evaluating
from chainrule._torch import ConvNd, NormBase
from chainrule.errors import ArgumentError
from chainrule.training.bptt.dry_run import BufferKey, Buffers, dry_run
from chainrule.training.bptt.stateful_model import Model, run
from chainrule.training.bptt.trees import copied

__all__ = ["check_chunking", "check_chunking_once"]

_STEPS = 8  # that are run whole, and in two halves
_POWER = 0.4  # of a dtype's eps: what sums in another order may make of eight steps, and no fault is so small
_checked: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()  # what modules were like when they were checked

_SUSPICIONS = (
    "a layer may look ahead, normalise over time, take another axis for time, or keep from one call to the next what "
    "is not in the state, or the state may be returned detached"
)


def check_chunking_once(model: Model, x: Tensor, state: Any, *, again: bool) -> None:
    """As ``check_chunking``; a module that has not changed since it was checked is not run."""
    if not isinstance(model, nn.Module):
        check_chunking(model, x, state, again=again)
        return
    modes = [(id(module), module.training) for module in model.modules()]
    circumstances = (again, x.shape[2:], x.dtype, x.device, modes)
    if _checked.get(model) != circumstances:
        check_chunking(model, x, state, again=again)
        _checked[model] = circumstances


def check_chunking(model: Model, x: Tensor, state: Any, *, again: bool, most: int = _STEPS) -> Buffers:
    """Refuse a model that computes something else in chunks than on the whole.

    Args:
        model, x, state: of the call to come.
        again: whether steps will be run more than once. Then training passes have to agree as well, and so does what
            they do to buffers; otherwise the model is tried in evaluation mode alone.
        most: the steps to try, at least 2.

    Returns:
        The buffers that every call of the model changes in the same way.
    """
    half = min(x.shape[1], _STEPS, most) // 2
    if half == 0:
        x = torch.cat([x, x], dim=1)
        half = 1
    x = x[:, : 2 * half]
    with dry_run(model, x.device) as buffers:
        trial = _Trial(model, x.detach(), state, buffers)
        changed = set()
        with torch.no_grad():
            if again:
                changed = trial.compare_passes()
            elif not isinstance(model, nn.Module):
                trial.call(trial.x, state)  # finds the modules that the function calls
        with evaluating(buffers.modules.values()), torch.enable_grad(), without_cudnn():
            trial.compare_passes()
    buffers.keep(changed)
    return buffers


class _Trial:
    """Some steps, run whole and in two halves."""

    def __init__(self, model: Model, x: Tensor, state: Any, buffers: Buffers) -> None:
        self.model = model
        self.x = x
        self.state = state
        self.buffers = buffers

    def compare_passes(self) -> set[BufferKey]:
        """Refuse outputs, gradients or buffers that differ; the buffers that changed."""
        random_before = random_states(self.x.device)
        whole, _ = self.call(self.x, self.state)
        buffers_after = self.buffers.now()
        early, late = self.x.chunk(2, dim=1)
        first, middle = self.call(early, self.state)
        second, _ = self.call(late, middle)
        changed = self._changed_buffers(buffers_after)
        if all(map(torch.equal, random_before, random_states(self.x.device))):
            self._compare_outputs(whole, torch.cat([first, second], dim=1))
        # else random numbers were drawn, and outputs that differ are no sign of a fault
        return changed

    def call(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.buffers.fresh()
        return run(self.model, x, copied(state), None)

    def _compare_outputs(self, whole: Tensor, halves: Tensor) -> None:
        self._compare("outputs", [whole], [halves])
        if whole.requires_grad:
            leaves = _leaves(whole)
            self._compare("gradients", _gradients(whole, leaves), _gradients(halves, leaves))

    def _compare(self, what: str, whole: list[Tensor], halves: list[Tensor]) -> None:
        agree, difference = _close(whole, halves, self.x)
        if not agree:
            self._refuse(
                f"its {what} of {counted(self.x.shape[1], 'step')}, whole and in two parts, differ by "
                f"{difference:.2g} of their norm"
            )

    def _changed_buffers(self, after_whole: dict[BufferKey, Tensor]) -> set[BufferKey]:
        """The buffers that a call changes; refused where a call of all steps leaves others than that of a half."""
        after_half = self.buffers.now()
        changed = {key for key, tensor in self.buffers.own.items() if not torch.equal(tensor, after_whole[key])}
        for key in changed:
            agree, _ = _close([after_whole[key]], [after_half[key]], self.x)
            if not agree:
                at, buffer = key
                self._refuse(f"what its calls leave in the buffer {buffer} of {self._name(at)} depends on the cut")
        return changed

    def _name(self, at: int) -> str:
        """A module by its class, and by its name in the model where it has one."""
        kind = type(self.buffers.modules[at]).__name__
        if not isinstance(self.model, nn.Module):
            return kind
        names = {id(module): name for name, module in self.model.named_modules()}
        return f"{kind} {names[at]!r}" if names.get(at) else kind

    def _refuse(self, what: str) -> None:
        suspicions = [(self._name(at), _suspicion(module)) for at, module in self.buffers.modules.items()]
        reasons = dict.fromkeys(f"{name} {why}" for name, why in suspicions if why is not None)
        raise ArgumentError(
            f"the model cannot be run in parts: {what}. Expected output, state = model(x, state) whose outputs depend "
            "on their own step, and on those before through the state alone. Here, "
            f"{listed(reasons, shown=4) or _SUSPICIONS}."
        )


def _suspicion(module: nn.Module) -> str | None:
    """What may be wrong with a module in chunks, and the remedy."""
    if getattr(module, "batch_first", True) is False:
        return "has batch_first=False and takes x as (time, batch, ...): make it with batch_first=True"
    if getattr(module, "bidirectional", False) is True:
        return "is bidirectional and looks ahead: make it with bidirectional=False"
    if isinstance(module, NormBase) and (module.training or not module.track_running_stats):
        return "normalises over the steps of a call: freeze it by .eval(), if it has statistics, or take LayerNorm"
    if isinstance(module, nn.GroupNorm):
        return "normalises over the steps of a call: take LayerNorm"
    if isinstance(module, ConvNd) and module.padding not in ("valid", (0,), (0, 0), (0, 0, 0)):
        return "pads each call at both ends: take chainrule.nn.CausalConv1d, with its state"
    if isinstance(module, nn.MultiheadAttention):
        return "attends to the steps of its call alone: keep the keys and values of those before in the state"
    return None


def _leaves(output: Tensor) -> list[Tensor]:
    """The tensors whose ``.grad`` a backward pass from here would add to."""
    leaves = []
    seen = set()
    ahead = [output.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        ahead += [following for following, _ in node.next_functions]
    return leaves


def _gradients(output: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """The gradients of a weighted sum of all outputs, each with a weight of its own."""
    weights = torch.arange(output.numel(), device=output.device).add(1).cos().view(output.shape).to(output.dtype)
    weighted = output * weights
    if weighted.is_complex():
        weighted = torch.view_as_real(weighted)
    return list(torch.autograd.grad(weighted.sum(), leaves, allow_unused=True, materialize_grads=True))


def _close(some: list[Tensor], others: list[Tensor], x: Tensor) -> tuple[bool, float]:
    """Whether tensors agree but for rounding, and the norm of their difference as a share of their norm."""
    pairs = list(zip(some, others, strict=True))
    if all(torch.equal(one, other) for one, other in pairs):
        return True, 0.0
    if any(not torch.equal(one.isfinite(), other.isfinite()) for one, other in pairs):
        return False, math.inf
    dtypes = [tensor.dtype for tensor in some if tensor.is_floating_point() or tensor.is_complex()]
    if torch.is_autocast_enabled(x.device.type):
        dtypes.append(torch.get_autocast_dtype(x.device.type))
    eps = max((torch.finfo(dtype).eps for dtype in dtypes), default=0.0)
    norm = math.hypot(*map(_norm, some)) or 1.0
    difference = math.hypot(*[_norm(one - other) for one, other in pairs]) / norm
    return bool(difference <= eps**_POWER), difference


def _norm(tensor: Tensor) -> float:
    wide = tensor.detach().cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)
    return float(wide.nan_to_num(0.0, 0.0, 0.0).norm())
