"""Whether a model may be run in parts: tried on a few steps before anything is sent back.

Gradients of a sequence that is run in parts are those of the whole if each output depends on its own step, and on those
before through the state alone. Layers whose time is another axis, that look ahead, normalise over time, keep their
state to themselves or detach it, break this without any error. So the first steps are run whole and in two parts, and
outputs and gradients compared.
"""

import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from chainrule._choices import counted, listed
from chainrule._torch import ConvNd, NormBase
from chainrule.errors import ArgumentError
from chainrule.training.bptt.model_step import Model, run
from chainrule.training.bptt.trees import copied
from chainrule.training.bptt.trial import Buffers, aside, evaluating

__all__ = ["check_cut", "check_cut_once"]

_STEPS = 8  # that are run whole, and in two halves
_POWER = 0.4  # of a dtype's eps: what sums in another order may make of eight steps, and no fault is so small
_known: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()  # how modules were when they were tried

Key = tuple[int, str]  # of a buffer


def check_cut_once(model: Model, x: Tensor, state: Any, *, again: bool) -> None:
    """As ``check_cut``; of a module that has not changed since it was tried, nothing is run."""
    if not isinstance(model, nn.Module):
        check_cut(model, x, state, again=again)
        return
    now = (again, x.shape[2:], x.dtype, x.device, [(id(module), module.training) for module in model.modules()])
    if _known.get(model) != now:
        check_cut(model, x, state, again=again)
        _known[model] = now


def check_cut(model: Model, x: Tensor, state: Any, *, again: bool, most: int = _STEPS) -> Buffers:
    """Refuse a model that is not the same in parts as whole; the buffers that every call of it changes alike.

    again: training passes have to agree as well, and what they do to buffers, as steps are run more than once. Without,
    the model is tried in evaluation mode alone. most: steps to try, at least 2.
    """
    half = min(x.shape[1], _STEPS, most) // 2
    x = (x[:, : 2 * half] if half else torch.cat([x, x], dim=1)).detach()
    with aside(model, x.device) as buffers:
        trial = _Trial(model, x, state, buffers)
        with torch.no_grad():
            changed = trial.run() if again else trial.reach()
        # cuDNN's recurrences have no backward pass in evaluation mode
        with evaluating(buffers.modules.values()), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            trial.run()
    buffers.keep(changed)
    return buffers


class _Trial:
    """Some steps, run whole and in two halves."""

    def __init__(self, model: Model, x: Tensor, state: Any, buffers: Buffers) -> None:
        self.model = model
        self.x = x
        self.state = state
        self.buffers = buffers

    def reach(self) -> set[Key]:
        """Find the modules that a function calls."""
        if not isinstance(self.model, nn.Module):
            self.call(self.x, self.state)
        return set()

    def run(self) -> set[Key]:
        """Compare all that can be compared; the buffers that changed."""
        random = _random(self.x)
        whole, _ = self.call(self.x, self.state)
        after = self.buffers.now()
        one, other = self.x.chunk(2, dim=1)
        first, middle = self.call(one, self.state)
        second, _ = self.call(other, middle)
        changed = self.changed(after)
        if all(map(torch.equal, random, _random(self.x))):  # else nothing tells what was drawn from what is wrong
            parts = torch.cat([first, second], dim=1)
            self.compare("outputs", [whole], [parts])
            if whole.requires_grad:
                leaves = _leaves(whole)
                self.compare("gradients", _gradients(whole, leaves), _gradients(parts, leaves))
        return changed

    def call(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.buffers.fresh()
        return run(self.model, x, copied(state), None)

    def changed(self, after_all: dict[Key, Tensor]) -> set[Key]:
        """The buffers that a call changes; refused where those of all steps differ from those of a part."""
        after_part = self.buffers.now()
        changed = {key for key, tensor in self.buffers.own.items() if not torch.equal(tensor, after_all[key])}
        for key in changed:
            if not _close([after_all[key]], [after_part[key]], self.x)[0]:
                self.refuse(f"what its calls leave in the buffer {key[1]} of {self.name(key[0])} depends on the cut")
        return changed

    def compare(self, what: str, whole: list[Tensor], parts: list[Tensor]) -> None:
        agree, lost = _close(whole, parts, self.x)
        if not agree:
            self.refuse(
                f"its {what} of {counted(self.x.shape[1], 'step')}, whole and in two parts, differ by {lost:.2g} of "
                "their norm"
            )

    def name(self, at: int) -> str:
        names = {id(m): n for n, m in self.model.named_modules()} if isinstance(self.model, nn.Module) else {}
        kind = type(self.buffers.modules[at]).__name__
        return f"{kind} {names[at]!r}" if names.get(at) else kind

    def refuse(self, what: str) -> None:
        named = {self.name(at): why for at, module in self.buffers.modules.items() if (why := _suspicion(module))}
        reasons = listed([f"{name} {why}" for name, why in named.items()], shown=4) or (
            "a layer may look ahead, normalise over time, take another axis for time, or keep from one call to the "
            "next what is not in the state, or the state may be returned detached"
        )
        raise ArgumentError(
            f"the model cannot be run in parts: {what}. Expected output, state = model(x, state) whose outputs depend "
            f"on their own step, and on those before through the state alone. Here, {reasons}."
        )


def _suspicion(module: nn.Module) -> str | None:
    """What may be wrong with a module in parts, and the remedy."""
    if getattr(module, "batch_first", True) is False:
        return "has batch_first=False and takes x as (time, batch, ...): make it with batch_first=True"
    if getattr(module, "bidirectional", False) is True:
        return "is bidirectional and looks ahead: make it with bidirectional=False"
    if isinstance(module, NormBase) and (module.training or not module.track_running_stats):
        return "normalises over the steps of a call: freeze it by .eval(), if it has statistics, or take LayerNorm"
    if isinstance(module, nn.GroupNorm):
        return "normalises over the steps of a call: take LayerNorm"
    if isinstance(module, ConvNd) and module.padding not in ("valid", *[(0,) * n for n in (1, 2, 3)]):
        return "pads each call at both ends: take chainrule.nn.CausalConv1d, with its state"
    if isinstance(module, nn.MultiheadAttention):
        return "attends to the steps of its call alone: keep the keys and values of those before in the state"
    return None


def _leaves(output: Tensor) -> list[Tensor]:
    """The tensors whose ``.grad`` a backward pass from here would add to."""
    found = []
    seen = set()
    ahead = [output.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        ahead += [following for following, _ in node.next_functions]
    return found


def _gradients(output: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Of a sum of all outputs with signs and sizes of their own."""
    weights = torch.arange(output.numel(), device=output.device).add(1).cos().view(output.shape).to(output.dtype)
    total = torch.view_as_real(output * weights).sum() if output.is_complex() else (output * weights).sum()
    found = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return list(found)


def _close(some: list[Tensor], others: list[Tensor], x: Tensor) -> tuple[bool, float]:
    """Whether tensors agree but for rounding, and the norm of their difference by their norm."""
    if all(torch.equal(one, other) for one, other in zip(some, others, strict=True)):
        return True, 0.0
    types = [t.dtype for t in some if t.is_floating_point() or t.is_complex()]
    if torch.is_autocast_enabled(x.device.type):
        types.append(torch.get_autocast_dtype(x.device.type))
    if any(not torch.equal(one.isfinite(), other.isfinite()) for one, other in zip(some, others, strict=True)):
        return False, math.inf
    differences = [_norm(one - other) for one, other in zip(some, others, strict=True)]
    lost = math.hypot(*differences) / (math.hypot(*map(_norm, some)) or 1.0)
    return bool(lost <= max((torch.finfo(t).eps for t in types), default=0.0) ** _POWER), lost


def _norm(tensor: Tensor) -> float:
    wide = tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64)
    return float(wide.nan_to_num(0.0, 0.0, 0.0).norm())


def _random(x: Tensor) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(x.device)] if x.device.type == "cuda" else states
