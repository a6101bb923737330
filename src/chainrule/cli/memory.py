"""Memory that a command has freed stays with its process, for what it computes next."""

import ctypes
import os
import sys

__all__ = ["ASKED_FOR", "keep_memory"]

_TRIM_THRESHOLD = -1  # mallopt's numbers of them, from malloc.h
_MMAP_THRESHOLD = -3
_KEPT = 1 << 28  # bytes that are free, at the end of the heap
_LARGE = 1 << 25  # bytes of a tensor that is taken from the system: what glibc itself comes to after a while, at most
ASKED_FOR = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""The variables by which a user says how glibc should keep memory."""


def keep_memory() -> None:
    """Let glibc give memory back to the system only where much of it is free.

    A step of training frees and takes the same megabytes again and again; what the system hands out anew, it first
    clears, page by page. Where one of glibc's own variables says how it should be, or the C library is another one,
    nothing is changed. This is for the command line, whose process is chainrule's own.
    """
    if sys.platform != "linux" or any(name in os.environ for name in ASKED_FOR):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGE)
