"""What the C++ of all kernels shares; and whether the kernels are here.

The environment variable CHAINRULE_NO_KERNELS=1 leaves them out of an install, and switches them off where they are.
Torch's own operations and the formula then run what they would have run, and n-grams are counted in Python.
"""

import os
from importlib.metadata import PackageNotFoundError, distribution

from chainrule.errors import ArgumentError

__all__ = ["WHY_ABSENT"]

_VARIABLE = "CHAINRULE_NO_KERNELS"
_PACKAGE = "chainrule"


def _why_absent() -> str | None:
    asked = os.environ.get(_VARIABLE, "")
    if asked not in ("", "0", "1"):
        raise ArgumentError(f"the environment variable {_VARIABLE} is {asked!r}; expected 1, or 0 for the kernels.")
    if asked == "1":
        return f"{_VARIABLE}=1 switches the kernels off: unset it, and start Python anew, for them to run"
    if _is_without():
        return (
            f"this install has no kernels, as it was made with {_VARIABLE}=1: install chainrule again without that, "
            "from a wheel or with a C++ compiler"
        )
    return None


def _is_without() -> bool:
    """Whether the install says of itself that it has no compiled code. One that should have it fails without."""
    try:
        wheel = distribution(_PACKAGE).read_text("WHEEL") or ""
    except PackageNotFoundError:
        return False
    return "Root-Is-Purelib: true" in wheel


WHY_ABSENT = _why_absent()
"""Why this process has no kernels, and how to get them; None where it has them."""
