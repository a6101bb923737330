"""Files that are written: what the system refuses names the file, and says what can be done."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import WriteError

__all__ = ["writing"]

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # the second where there are quotas


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A while in which the file is written: what the system refuses, as a full disk, is an error that names it.

    Raises:
        WriteError: it cannot be written.

    >>> with writing("no/such/folder/x"):
    ...     open("no/such/folder/x", "w")
    Traceback (most recent call last):
    ...
    chainrule.errors.WriteError: no/such/folder/x cannot be written: there is no folder no/such/folder. Make it first, \
or choose another place; what was saved before is kept.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {_why(Path(path), error)} another place; what was saved before is kept."
        ) from error


def _why(path: Path, error: OSError) -> str:
    """What the system says, and what mends it but for another place."""
    if not path.parent.exists():
        return f"there is no folder {path.parent}. Make it first, or choose"
    if not path.parent.is_dir():
        return f"{path.parent} is a file. Choose"
    if error.errno in _FULL:
        return f"{error.strerror}. Make room for it, or choose"
    return f"{error.strerror or error}. Choose"
