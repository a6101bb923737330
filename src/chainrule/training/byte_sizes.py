"""Sizes of memory as people write them."""

import re

from chainrule.errors import ArgumentError

__all__ = ["bytes_of"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*")
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def bytes_of(size: str | int) -> int:
    """Bytes, as a number or with a unit: "256MB" is 256 million, "256MiB" is 256 * 2^20.

    >>> bytes_of("256MB"), bytes_of("1.5 GiB"), bytes_of(4096)
    (256000000, 1610612736, 4096)
    >>> bytes_of("lots")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: memory is 'lots'; expected a size such as 256MB, 1.5GiB or a number of bytes.
    """
    found = _SIZE.fullmatch(str(size))
    if found is not None and found[2].lower() in _UNITS:
        count = int(float(found[1]) * _UNITS[found[2].lower()])
        if count >= 1:
            return count
    raise ArgumentError(f"memory is {size!r}; expected a size such as 256MB, 1.5GiB or a number of bytes.")
