"""Dry runs: calls of a model that leave no trace in it, in its buffers or in torch's random numbers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from chainrule._devices import forked

__all__ = ["BufferKey", "Buffers", "dry_run"]

BufferKey = tuple[int, str]
"""The id of a module, and the name of one of its buffers."""


class Buffers:
    """The buffers of modules, and copies of them that calls may change in their place.

    Attributes:
        modules: the modules, by their id.
        own: their buffers as they were.
    """

    def __init__(self) -> None:
        self.modules: dict[int, nn.Module] = {}
        self.own: dict[BufferKey, Tensor] = {}

    def take(self, module: nn.Module) -> None:
        """Take a module in: from now on it works on a copy of its buffers."""
        if id(module) in self.modules:
            return
        self.modules[id(module)] = module
        new = {(id(module), name): buffer for name, buffer in module._buffers.items() if buffer is not None}
        self.own |= new
        self._copy(new)

    def fresh(self) -> None:
        """Give the modules a new copy of their own buffers."""
        self._copy(self.own)

    def now(self) -> dict[BufferKey, Tensor]:
        """The copies as the calls so far have left them."""
        copies = {(at, name): self.modules[at]._buffers[name] for at, name in self.own}
        return {key: tensor for key, tensor in copies.items() if tensor is not None}

    def keep(self, keys: set[BufferKey]) -> None:
        """Forget all buffers but these."""
        self.own = {key: tensor for key, tensor in self.own.items() if key in keys}

    def settle(self) -> None:
        """Write what the last call has left into the modules' own buffers."""
        with torch.no_grad():
            for key, tensor in self.now().items():
                self.own[key].copy_(tensor)

    def restore(self) -> None:
        """Put the modules' own buffers back in the place of the copies."""
        for (at, name), tensor in self.own.items():
            self.modules[at]._buffers[name] = tensor

    def _copy(self, own: dict[BufferKey, Tensor]) -> None:
        copies = {id(tensor): tensor.detach().clone() for tensor in own.values()}  # one for those that are shared
        for (at, name), tensor in own.items():
            self.modules[at]._buffers[name] = copies[id(tensor)]


@contextmanager
def dry_run(model: Any, device: torch.device) -> Iterator[Buffers]:
    """Within it, calls of the model leave no trace in it, in its buffers or in torch's random numbers.

    Of a model that is a plain function, the modules are found when they are called.
    """
    buffers = Buffers()
    thread = get_ident()

    def take_called(module: nn.Module, _: Any) -> None:
        if get_ident() == thread:
            buffers.take(module)

    with ExitStack() as stack:
        stack.enter_context(forked(device))
        stack.enter_context(getattr(model, "no_sync", nullcontext)())  # of DDP, which would await a backward pass
        stack.callback(buffers.restore)
        if isinstance(model, nn.Module):
            for module in model.modules():
                buffers.take(module)
        else:
            stack.callback(register_module_forward_pre_hook(take_called).remove)
        yield buffers
