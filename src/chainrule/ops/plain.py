"""What observes a call of an op: compiled code must not bypass anything that records, maps or differentiates calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor

from chainrule._torch import (
    DispatchModeKey,
    count_dispatch_modes,
    dispatch_mode,
    in_forward_mode,
    is_any_autocast_enabled,
    is_exporting,
    is_legacy_batched,
    is_profiler_enabled,
    is_transform_active,
    set_tracing_state,
    tracing_state,
)

__all__ = [
    *("PLAIN", "is_batched", "is_captured", "is_plain", "is_traced", "is_transformed", "is_unwatched", "is_watched"),
    *("named", "needs_grad", "recorder", "untraced"),
]

_Result = TypeVar("_Result")

PLAIN = frozenset({Tensor, torch.nn.Parameter})
"""The classes of ordinary tensors; subclasses may do anything."""


def is_plain(call: Sequence[object]) -> bool:
    """Whether all tensors are ordinary ones that hold their numbers, and no dispatch mode intercepts the call."""
    if torch.compiler.is_compiling() or count_dispatch_modes() > 0:
        return False
    return not [value for value in call if type(value) not in PLAIN and isinstance(value, Tensor)]


def is_unwatched(call: Sequence[object]) -> bool:
    """Whether a compiled op can be called as a plain function, without torch's dispatcher.

    Otherwise the registered op is called, which can be recorded, profiled and run on fake tensors. It runs the same
    code, 7 us later.
    """
    return is_plain(call) and not is_profiler_enabled()


def is_watched() -> bool:
    """Whether anything records, maps, casts, profiles or compiles calls at present."""
    return (
        torch.compiler.is_compiling()
        or count_dispatch_modes() > 0
        or is_profiler_enabled()
        or tracing_state() is not None
        or is_transform_active()
        or in_forward_mode()
        or is_any_autocast_enabled()
        or is_exporting()
    )


def is_traced() -> bool:
    """Whether torch.jit.trace, or the ONNX exporter built on it, is recording torch's operations."""
    return tracing_state() is not None


def untraced() -> AbstractContextManager[None]:
    """A context in which checks may read sizes and values without torch.jit.trace recording that."""
    return _NOTHING if tracing_state() is None else _without_tracing()


_NOTHING = nullcontext()


@contextmanager
def _without_tracing() -> Iterator[None]:
    state = tracing_state()
    set_tracing_state(None)
    try:
        yield
    finally:
        set_tracing_state(state)


def is_transformed() -> bool:
    """Whether one of torch.func's transforms, or forward-mode differentiation, is active."""
    return is_transform_active() or in_forward_mode()


def recorder() -> str | None:
    """What records or transforms calls at present, or runs them without values; None if they just run."""
    if tracing_state() is not None:
        return "torch.jit.trace"
    if is_transform_active() or in_forward_mode():
        return "torch.func's transforms and forward-mode derivatives"
    if count_dispatch_modes() > 0:
        for key, name in _MODES.items():
            if dispatch_mode(key) is not None:
                return name
    return None


_MODES = {
    DispatchModeKey.FAKE: "FakeTensorMode",
    DispatchModeKey.PROXY: "make_fx",
    DispatchModeKey.FUNCTIONAL: "functionalisation",
}


def is_captured(x: Tensor) -> bool:
    """Whether what runs on its device goes into a CUDA graph, so that no value may be asked for."""
    return x.is_cuda and torch.cuda.is_current_stream_capturing()


def is_batched(tensors: Iterable[Tensor | None]) -> bool:
    """Whether a tensor stands for many, as gradients do with ``is_grads_batched`` and ``vectorize``."""
    if torch.compiler.is_compiling():
        return False
    return any(t is not None and is_legacy_batched(t) for t in tensors)


def named(name: str, function: Callable[..., _Result], *arguments: object) -> _Result:
    """``function(*arguments)``, which torch's profiler lists under this name."""
    if torch.compiler.is_compiling() or not is_profiler_enabled():
        return function(*arguments)
    with torch.profiler.record_function(f"chainrule.functional.{name}"):
        return function(*arguments)


def needs_grad(inputs: Iterable[Tensor | None]) -> bool:
    """Whether a gradient will be asked for."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs)
