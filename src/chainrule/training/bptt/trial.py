"""Calls of a model on trial: nothing of them stays in it, in its buffers or in torch's random numbers."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

__all__ = ["Buffers", "aside", "evaluating"]


class Buffers:
    """The buffers of modules, for calls that are to find and leave them as they are."""

    def __init__(self) -> None:
        self.modules: dict[int, nn.Module] = {}
        self.own: dict[tuple[int, str], Tensor] = {}

    def take(self, module: nn.Module) -> None:
        """This module's as well; from now on it works on a copy."""
        if id(module) not in self.modules:
            self.modules[id(module)] = module
            new = {(id(module), name): b for name, b in module._buffers.items() if b is not None}
            self.own |= new
            self._copy(new)

    def fresh(self) -> None:
        """Begin anew with a copy of what they are."""
        self._copy(self.own)

    def now(self) -> dict[tuple[int, str], Tensor]:
        """What calls have made of the copy."""
        found = {(at, name): self.modules[at]._buffers[name] for at, name in self.own}
        return {key: tensor for key, tensor in found.items() if tensor is not None}

    def keep(self, keys: set[tuple[int, str]]) -> None:
        """Watch no others than these."""
        self.own = {key: tensor for key, tensor in self.own.items() if key in keys}

    def settle(self) -> None:
        """What the last call has left is what they are."""
        with torch.no_grad():
            for key, tensor in self.now().items():
                self.own[key].copy_(tensor)

    def restore(self) -> None:
        for (at, name), tensor in self.own.items():
            self.modules[at]._buffers[name] = tensor

    def _copy(self, own: dict[tuple[int, str], Tensor]) -> None:
        twins = {id(tensor): tensor.detach().clone() for tensor in own.values()}
        for (at, name), tensor in own.items():
            self.modules[at]._buffers[name] = twins[id(tensor)]


@contextmanager
def aside(model: Any, device: torch.device) -> Iterator[Buffers]:
    """Run the model for a while without a trace in it, its buffers or torch's random numbers."""
    buffers = Buffers()
    thread = get_ident()

    def reached(module: nn.Module, _: Any) -> None:
        if get_ident() == thread:
            buffers.take(module)

    with ExitStack() as stack:
        devices = [device] if device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(getattr(model, "no_sync", nullcontext)())  # of DDP, which would await a backward pass
        stack.callback(buffers.restore)
        if isinstance(model, nn.Module):
            for module in model.modules():
                buffers.take(module)
        else:  # a function of modules, maybe
            stack.callback(register_module_forward_pre_hook(reached).remove)
        yield buffers


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Modules in evaluation mode for a while, then each in the mode that it was in."""
    modes = [(module, module.training) for module in modules]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
