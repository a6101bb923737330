"""Which backend each call of an op takes, and why: told to whoever listens, as :func:`chainrule.nn.explain` does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

import torch

__all__ = ["Choice", "Description", "listen", "listener"]


@dataclass(frozen=True)
class Choice:
    """What one call of an op runs on."""

    op: str
    """The op, as "gru" or "convolution"."""
    shape: tuple[int, ...]
    """The shape of x."""
    reverse: bool
    """Whether a recurrence went from the last step to the first."""
    backend: str
    """What computed, in the words of the argument ``backend``: "cpu", "fft", "torch", "formula" or "reference"."""
    reason: str
    """Why this one."""
    instructions: str | None
    """The instruction level of compiled code; None where torch's own operations compute."""
    threads: int
    """How many threads compute at most."""


class Description(NamedTuple):
    """What a backend says of how it runs a call."""

    instructions: str | None
    threads: int

    @classmethod
    def of_torch(cls) -> "Description":
        """torch's own operations, on torch's threads."""
        return cls(None, torch.get_num_threads())


listening = 0
"""How many listen, in any thread: while nobody does there is nothing to tell."""
_lock = threading.Lock()
_listener: ContextVar[Callable[[Choice], None] | None] = ContextVar("_listener", default=None)


def listener() -> Callable[[Choice], None] | None:
    """Who is to be told of the choices made in this thread; None while a call is compiled, which runs later."""
    return None if torch.compiler.is_compiling() else _listener.get()


@contextmanager
def listen(tell: Callable[[Choice], None]) -> Iterator[None]:
    """Call ``tell`` with each choice that is made in this thread meanwhile."""
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
