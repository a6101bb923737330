"""What is installed, and what the machine has."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import torch

from chainrule._devices import named, own_gpu
from chainrule._optional import installing
from chainrule._room import memory
from chainrule.ops.recurrence.backends.cpu import LEVELS

__all__ = ["FOR_DEVELOPERS", "environment", "missing_packages"]

FOR_DEVELOPERS = ("dev", "docs", "bench", "forecast-peers")  # extras that nothing of the library needs
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "TRITON_INTERPRET")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*?; .*?extra == ['\"](?P<extra>[\w-]+)['\"]")


def environment() -> dict[str, str]:
    """Versions, processor, threads and devices, in words."""
    levels = ", ".join(LEVELS)
    found = {
        "chainrule": metadata.version("chainrule"),
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "NumPy": metadata.version("numpy"),
        "processor": _processor(),
        "kernels": f"{LEVELS[0]} (of {levels})" if len(LEVELS) > 1 else LEVELS[0],
        "threads": f"{torch.get_num_threads()} of {_processors()}",
        "memory": f"{memory() / 2**30:.1f} GiB",
        "GPU": _gpu(),
    }
    found |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return found | {f"extra {extra}": _of_extra(extra, missing) for extra, missing in missing_packages().items()}


def missing_packages() -> dict[str, list[str]]:
    """By the extras of this library, those of their packages that are not installed."""
    found: dict[str, list[str]] = {}
    for extra, name in _packages():
        missing = found.setdefault(extra, [])
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    return found


def _packages() -> Iterator[tuple[str, str]]:
    """The extras and the packages that they bring, as the library's own metadata tells them."""
    for requirement in metadata.requires("chainrule") or ():
        match = _REQUIREMENT.match(requirement)
        if match is not None and match["extra"] not in FOR_DEVELOPERS:
            yield match["extra"], match["name"]


def _of_extra(extra: str, missing: list[str]) -> str:
    if not missing:
        return "installed"
    return f"without {', '.join(missing)} ({installing(extra)})"


def _processor() -> str:
    """What the processor is called by its maker, where the system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _processors() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpu() -> str:
    gpu = own_gpu()
    if gpu is not None:
        return named(gpu)
    return "Apple's, as mps" if torch.backends.mps.is_available() else "none that this torch sees"
