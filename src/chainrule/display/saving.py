"""Files that are written: what the system refuses names the file, and says what can be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import WriteError

__all__ = ["writing"]


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A while in which the file is written: what the system refuses, as a full disk, is an error that names it.

    Raises:
        WriteError: it cannot be written.

    >>> with writing("no/such/folder/x"):
    ...     open("no/such/folder/x", "w")
    Traceback (most recent call last):
    ...
    chainrule.errors.WriteError: no/such/folder/x cannot be written: No such file or directory. Make room for it, or \
choose another place; what was saved before is kept.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. Make room for it, or choose another place; what was "
            "saved before is kept."
        ) from error
