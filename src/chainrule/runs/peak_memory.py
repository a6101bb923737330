"""How much memory a piece of work took at its peak."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

__all__ = ["PeakMemory", "peak_memory"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """``bytes`` above what the process held before; None where the system does not tell (other than Linux).

    ``of_gpu`` are bytes of tensors on the GPU that had the most, likewise; 0 where none was used.
    """

    bytes: int | None = None
    of_gpu: int = 0

    def on(self, device: torch.device) -> int | None:
        """The bytes of what was computed on this device."""
        return self.of_gpu if device.type == "cuda" else self.bytes


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Measure the peak of the resident memory inside the block (Linux's VmHWM, reset at the start).

    What earlier work left to the allocator is handed back first, or it would serve the block unseen.
    """
    peak = PeakMemory()
    gc.collect()
    held = _held_by_gpus()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR.write_text("5")
        before = _status("VmRSS")
    except (OSError, AttributeError):  # not Linux, or not glibc
        yield peak
        peak.of_gpu = _most_above(held)
        return
    yield peak
    peak.of_gpu = _most_above(held)
    peak.bytes = max(0, _status("VmHWM") - before)


def _held_by_gpus() -> list[int]:
    """The bytes of tensors on each GPU, from which on its peak is counted."""
    if not torch.cuda.is_initialized():
        return []
    gpus = range(torch.cuda.device_count())
    for gpu in gpus:
        torch.cuda.reset_peak_memory_stats(gpu)
    return [torch.cuda.memory_allocated(gpu) for gpu in gpus]


def _most_above(held: list[int]) -> int:
    """By how much the peak of a GPU is above what was held; what was held is nothing where CUDA began later."""
    if not torch.cuda.is_initialized():
        return 0
    peaks = [torch.cuda.max_memory_allocated(gpu) for gpu in range(torch.cuda.device_count())]
    return max(peak - before for peak, before in zip(peaks, held or [0] * len(peaks), strict=True))


def _status(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
