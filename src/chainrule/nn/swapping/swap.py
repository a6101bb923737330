"""Put chainrule's layers into an existing model, and take them out again.

A layer changes its class and nothing else: its parameters, buffers, hooks, its place in the model and in the
optimiser stay what they are. That is sound because each of chainrule's layers overrides the forward pass of
its torch.nn namesake and adds no state. A parametrized layer has a class of its own, made by torch, that
computes the parametrized weights; it is derived from the other class then, and is the same in all else. So is a
subclass of a user's that leaves the computation as torch has it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import Module
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils.parametrize import is_parametrized

from chainrule._torch import ConvTransposeNd
from chainrule.errors import ArgumentError
from chainrule.nn.swapping.replacements import OURS, THEIRS, Replacement
from chainrule.nn.swapping.subclasses import computes_as, joined, original

__all__ = ["SwapReport", "swap", "unswap"]


@dataclass(frozen=True)
class SwapReport:
    """What :func:`swap` or :func:`unswap` did, by the modules' names in the model ("" is the model itself).

    A module that occurs in several places is listed once, under the first of its names.

    >>> from torch.nn import Conv1d, ReLU, Sequential
    >>> report = swap(Sequential(Conv1d(4, 8, 3), ReLU()))
    >>> report.swapped, report.left, report.others
    ({'0': 'torch.nn.Conv1d -> chainrule.nn.Conv1d'}, {}, 2)
    """

    swapped: dict[str, str]
    """By name, "old class -> new class"."""
    left: dict[str, str]
    """By name, why a layer that resembles a supported one was left unchanged."""
    others: int
    """The number of other modules, such as Linear or Sequential, with nothing to swap."""

    def __str__(self) -> str:
        rows = [("swapped", *item) for item in self.swapped.items()]
        rows += [("left", *item) for item in self.left.items()]
        names = [name or "(the model)" for _, name, _ in rows]
        width = max(map(len, names), default=0)
        lines = [f"{verb:<7}  {name:<{width}}  {what}" for (verb, _, what), name in zip(rows, names, strict=True)]
        plural = "module has" if self.others == 1 else "modules have"
        return "\n".join([*lines, f"{self.others} other {plural} nothing to swap."])


def swap(module: Module) -> SwapReport:
    """Turn every supported torch.nn layer inside ``module``, itself included, into chainrule's, in place.

    Supported are torch.nn's Conv1d, Conv2d, Conv3d, RNN, GRU and LSTM, and subclasses of them that compute as they do:
    these stay subclasses of what they were. No parameter is copied.

    What torch records of the model does not change, see docs/export.md; for tools that look for torch's exact classes,
    to fuse, quantise or count, call :func:`unswap` first.

    Raises:
        ArgumentError: ``module`` is not a torch.nn.Module.

    >>> from torch.nn import Conv1d, ConvTranspose1d, ReLU, Sequential
    >>> print(swap(Sequential(Conv1d(4, 8, 3), ReLU(), ConvTranspose1d(8, 4, 3))))
    swapped  0  torch.nn.Conv1d -> chainrule.nn.Conv1d
    left     2  transposed convolution: chainrule has none
    2 other modules have nothing to swap.
    """
    return _reclass(module, OURS, _why_left)


def unswap(module: Module) -> SwapReport:
    """Undo :func:`swap`: turn chainrule's layers inside ``module`` into torch.nn's, in place.

    Layers that were made as chainrule's become torch.nn's too. CausalConv1d stays, and so do recurrent layers with
    layer_norm, zoneout, peepholes or reset_after=False: torch has no equivalent.

    Raises:
        ArgumentError: ``module`` is not a torch.nn.Module.

    >>> from chainrule.nn import GRU
    >>> layer = GRU(2, 3)
    >>> print(unswap(layer))
    swapped  (the model)  chainrule.nn.GRU -> torch.nn.GRU
    0 other modules have nothing to swap.
    >>> type(layer) is torch.nn.GRU
    True
    """
    return _reclass(module, THEIRS, _why_kept)


def _reclass(
    root: Module, table: dict[type[Module], type[Module]], reason: Callable[[Module], str | None]
) -> SwapReport:
    if not isinstance(root, Module):
        raise ArgumentError(f"expected a torch.nn.Module to work on, got {type(root).__name__}.")
    swapped: dict[str, str] = {}
    left: dict[str, str] = {}
    others = 0
    for name, module in root.named_modules():
        why = reason(module)
        if why is not None:
            left[name] = why
        elif (new := _target(module, table)) is not None:
            swapped[name] = _change(module, new)
        else:
            others += 1
    return SwapReport(swapped, left, others)


def _plain(module: Module) -> type[Module]:
    """The module's class; where it is parametrized, the one that torch derived the module's own class from."""
    cls = type(module)
    return cls.__bases__[0] if is_parametrized(module) else cls


def _change(module: Module, new: type[Module]) -> str:
    """Change the class; a parametrized module's own class, which computes the weights, is derived anew."""
    old = _plain(module)
    own = type(module)
    module.__class__ = new if own is old else type(own.__name__, (new,), dict(vars(own)))
    return f"{_name(old)} -> {_name(new)}"


def _target(module: Module, table: dict[type[Module], type[Module]]) -> type[Module] | None:
    """The class to take the place of the module's own, or of the one that it was parametrized from; or None."""
    own = _plain(module)
    if table is THEIRS and (before := original(own)) is not None:
        return before
    if own in table:
        return table[own]
    base = _base(module, table)
    return joined(own, table[base]) if base is not None and table is OURS and computes_as(own, base) else None


def _base(module: Module, table: dict[type[Module], type[Module]]) -> type[Module] | None:
    return next((cls for cls in type(module).__mro__ if cls in table), None)


def _name(cls: type[Module]) -> str:
    if cls in OURS or cls in THEIRS:
        return f"{'torch' if cls in OURS else 'chainrule'}.nn.{cls.__name__}"
    return f"{cls.__module__}.{cls.__qualname__}{'' if original(cls) is None else ' with chainrule.nn'}"


def _why_left(module: Module) -> str | None:
    """Why `swap` leaves a module that it might be expected to take; None for all others."""
    if isinstance(module, torch.jit.ScriptModule):
        scripted = getattr(module, "original_name", "") in {layer.__name__ for layer in OURS}
        return "TorchScript: swap the model before it is compiled" if scripted else None
    if isinstance(module, Replacement):
        return "already chainrule's"
    if isinstance(module, ConvTransposeNd):
        return "transposed convolution: chainrule has none"
    if isinstance(module, torch.nn.RNNCellBase):
        return "single step: chainrule's layers run over sequences"
    return _why_unsafe(module, OURS)


def _why_kept(module: Module) -> str | None:
    """The same for `unswap`."""
    if isinstance(module, Replacement) and (reason := module.why_not_torchs()):
        return reason
    return _why_unsafe(module, THEIRS)


def _why_unsafe(module: Module, table: dict[type[Module], type[Module]]) -> str | None:
    """Why a layer of, or derived from, a class in the table cannot change its class without changing more."""
    base = _base(module, table)
    if base is None or original(_plain(module)) is not None:
        return None
    if isinstance(module, LazyModuleMixin):
        return "lazy: run the model once, then swap"
    if _target(module, table) is None:
        return f"subclass of {_name(base)} with a computation of its own"
    if not vars(module).keys().isdisjoint(("forward", "_conv_forward")):
        return "its forward was replaced on this object"
    return None
