"""When a compiled op can be called as the plain function that it is, without torch's dispatcher."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

__all__ = ["is_plain", "needs_grad"]

_PLAIN = {Tensor, torch.nn.Parameter}


def is_plain(call: Sequence[object]) -> bool:
    """Whether nothing looks on that needs the registered op: it runs the same code, some 7 us later."""
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0:
        return False
    return not [value for value in call if type(value) not in _PLAIN and isinstance(value, Tensor)]


def needs_grad(inputs: Iterable[Tensor | None]) -> bool:
    """Whether a gradient will be asked for."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs)
