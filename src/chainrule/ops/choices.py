"""Which backend runs each call of an op, and why, for listeners such as :func:`chainrule.nn.explain`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

__all__ = ["Choice", "Description", "listen", "listener"]


@dataclass(frozen=True)
class Choice:
    """What ran one call of an op."""

    op: str
    """The op, as "gru" or "convolution"."""
    shape: tuple[int, ...]
    """The shape of x."""
    reverse: bool
    """Whether a recurrence ran from the last step to the first."""
    backend: str
    """The backend that ran it, by the name of the argument: "cpu", "triton", "fft", "torch", "formula" or
    "reference"."""
    reason: str
    """Why this backend."""
    instructions: str | None
    """The instruction level of compiled code; None where torch's own operations compute."""
    threads: int
    """The maximum number of threads."""
    whole: bool = field(default=False, kw_only=True)
    """Whether it ran all layers and directions of a recurrent module."""


class Description(NamedTuple):
    """What a backend says of how it runs a call."""

    instructions: str | None
    threads: int

    @classmethod
    def of_torch(cls) -> "Description":
        """torch's own operations, on torch's threads."""
        return cls(None, torch.get_num_threads())


listening = 0
"""The number of listeners in all threads: without any, the fastest calls skip even asking for one."""
_lock = threading.Lock()
_listener: ContextVar[Callable[[Choice], None] | None] = ContextVar("_listener", default=None)


def listener() -> Callable[[Choice], None] | None:
    """The listener of this thread; None while a call is being compiled, as it runs later."""
    return None if torch.compiler.is_compiling() else _listener.get()


@contextmanager
def listen(tell: Callable[[Choice], None]) -> Iterator[None]:
    """Call ``tell`` with each choice made in this thread while the context is open."""
    global listening
    token = _listener.set(tell)
    with _lock:
        listening += 1
    try:
        yield
    finally:
        with _lock:
            listening -= 1
        _listener.reset(token)
