"""Memory for large tensors, reused from call to call.

The C library gives large blocks back to the system when they are freed, and the system clears each page anew when it
is first touched: up to a sixth of a training step's time. Blocks here are torch's own storages. One is idle once no
tensor uses it, and is then handed out again to a tensor of exactly its size.
"""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, UntypedStorage

from chainrule._torch import tensors_on

__all__ = ["empty", "idle_at_most", "release"]

_LARGE = 1 << 18  # bytes; the C library keeps smaller blocks itself
_IDLE = 1 << 28  # bytes that may lie idle when a new block is made
_KNOWN = 128  # blocks that are looked through; who keeps more outputs than that does not wait for them all

_blocks: dict[int, list[UntypedStorage]] = {}  # by size, the one asked for last at the end
_lock = threading.Lock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    """A dense tensor of ``shape`` with the dtype of ``like``, which is on the CPU; not initialised."""
    size = like.itemsize
    for n in shape:
        size *= n
    if size < _LARGE or torch.are_deterministic_algorithms_enabled():  # which fill new memory with NaN
        return like.new_empty(*shape)  # read faster from arguments than from a sequence
    with _lock:
        _blocks[size] = _blocks.pop(size, [])
        for block in _blocks[size]:
            if tensors_on(block) == 0 and sys.getrefcount(block) == _UNNAMED and _is_sound(block, size):
                tensor: Tensor = like.new_empty(0).set_(block, 0, tuple(shape))  # type: ignore[call-overload]
                return tensor
        _let_go(size)
        if sum(map(len, _blocks.values())) >= _KNOWN:
            next(known for known in _blocks.values() if known).pop(0)
        tensor = like.new_empty(shape)
        _blocks[size].append(tensor.untyped_storage())
        return tensor


@contextmanager
def idle_at_most(size: int) -> Iterator[None]:
    """Keep fewer idle bytes while the context is open, to stay within a bound although shapes change."""
    global _IDLE
    before = _IDLE
    _IDLE = min(size, _IDLE)
    try:
        yield
    finally:
        _IDLE = before


def release() -> None:
    """Free all idle blocks."""
    with _lock:
        _let_go(_IDLE)


def _is_sound(block: UntypedStorage, size: int) -> bool:
    """Whether the block is unchanged: a tensor can be resized, or shared with another process."""
    return block.nbytes() == size and not block.is_shared()


def _let_go(size: int) -> None:
    """Free idle blocks, the least recently used sizes first, until another ``size`` bytes may be idle."""
    for key in list(_blocks):
        _blocks[key] = [block for block in _blocks[key] if _is_sound(block, key)]
        if not _blocks[key] and key != size:
            del _blocks[key]
    idle = {
        key: [tensors_on(block) == 0 and sys.getrefcount(block) == _UNNAMED for block in known]
        for key, known in _blocks.items()
    }
    excess = size + sum(key * sum(each) for key, each in idle.items()) - _IDLE
    for key, each in idle.items():
        drop = [n for n, is_idle in enumerate(each) if is_idle][: max(0, -(-excess // key))]
        excess -= key * len(drop)
        _blocks[key] = [block for n, block in enumerate(_blocks[key]) if n not in drop]


def _unnamed() -> int:
    for block in [torch.UntypedStorage(1)]:
        return sys.getrefcount(block)
    raise AssertionError


_UNNAMED = _unnamed()
"""The references to a block that nothing but a list and the variable of a loop holds.

They are counted where they are compared: a call between would hold one more or not, as the interpreter runs it.
"""
