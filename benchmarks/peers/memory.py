"""The peak of resident memory during a call.

As chainrule.runs.peak_memory, which the peers' workers don't import: it would bring torch into their processes.
"""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

__all__ = ["GRAIN", "peak_bytes"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")

# Linux counts pages in batches for each processor, and an allocator hands out what it still holds of a page.
# Peaks that differ by less are the same.
GRAIN = 512 * 1024


def peak_bytes(call: Callable[[], object], release: Callable[[], object] | None = None, calls: int = 5) -> int:
    """The most that one of some calls adds, its results included, to what the process holds.

    What the allocator and, with ``release``, the engine have kept from before is handed back first, or it would serve
    the call unseen. Buffers that another library keeps for itself from call to call stay unseen: JAX's scans keep some.
    """
    call()
    return max(_peak(call, release) for _ in range(calls))


def _peak(call: Callable[[], object], release: Callable[[], object] | None) -> int:
    gc.collect()
    if release is not None:
        release()
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR.write_text("5")  # VmHWM starts anew
    before = _status("VmRSS")
    call()
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
