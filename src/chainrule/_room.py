"""Whether what is asked for fits into the machine's memory, said before it is tried."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from chainrule.errors import ArgumentError

__all__ = ["check_room", "memory"]

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, "max" where there is none
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def memory() -> int:
    """The bytes of memory that this machine has, or its container; where the system does not tell, 2^63."""
    found = [2**63]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):
        found.append(int(_LIMIT.read_text()))
    return min(size for size in found if size > 0)


def check_room(what: str, needs: Callable[..., int], device: torch.device | None = None, **asked: int) -> None:
    """Refuse sizes for which ``what`` takes more bytes than there are: ``needs`` gives them for all the options asked.

    The largest that can mend it by being smaller alone is named, with the most that would do. The memory is that of the
    ``device``, or of the machine.

    Raises:
        ArgumentError: it takes more.

    >>> check_room("the paths", lambda paths, horizon: paths * horizon * 8, paths=10**12, horizon=10**3)
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `paths` is 1,000,000,000,000: the paths would take 8 PB, and this machine has ...
    """
    has = memory()
    whose = "this machine"
    if device is not None and device.type == "cuda":
        has = torch.cuda.get_device_properties(device).total_memory
        whose = str(device)
    needed = needs(**asked)
    if needed <= has:
        return
    for option, value in sorted(asked.items(), key=lambda item: -item[1]):

        def fits(n: int, option: str = option) -> bool:
            return needs(**(asked | {option: n})) <= has

        if value > 1 and fits(1):
            raise ArgumentError(
                f"`{option}` is {value:,}: {what} would take {_spelt(needed)}, and {whose} has {_spelt(has)}. "
                f"At most about {_largest(fits, value):,} would fit."
            )
    together = ", ".join(f"`{option}` {value:,}" for option, value in asked.items())
    raise ArgumentError(
        f"{together}: {what} would take {_spelt(needed)}, and {whose} has {_spelt(has)}. Use smaller sizes."
    )


def _largest(fits: Callable[[int], bool], beyond: int) -> int:
    """Of the numbers below one that does not fit, the largest that does, to two digits."""
    low = 1
    high = beyond
    while high - low > max(1, low // 50):
        middle = (low + high) // 2 if high < 4 * low else low * 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    digits = max(len(str(low)) - 2, 0)
    unit = int(10**digits)
    return low // unit * unit


def _spelt(size: float) -> str:
    """Bytes for people.

    >>> _spelt(2_400_000_000_000)
    '2.4 TB'
    """
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size = size / 1000
        unit = unit + 1
    return f"{size:,.3g} {_UNITS[unit]}"
