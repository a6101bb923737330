"""A run's folder held by the one process that writes there."""

import errno
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from chainrule._optional import require
from chainrule.display import writing
from chainrule.errors import RunError
from chainrule.runs.folder.contents import LOCK, is_unfinished, make_folder

__all__ = ["holding"]

_WAIT = 0.5  # seconds: for who asks at the moment when another lets go
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """A while in which no other process that holds the folder writes to it.

    The folder is made, with those that it lies in, and what was made is removed if it is left empty. The system
    lets go of it when this process ends, be it killed. What a kill left half written there is removed.

    Raises:
        RunError: another process holds it, which the message names; or it cannot be made.
        WriteError: nothing can be written there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with holding(Path(place, "run")):
    ...         sorted(path.name for path in Path(place, "run").iterdir())
    ...     sorted(path.name for path in Path(place).iterdir())
    ['.lock']
    []
    """
    path = folder / LOCK
    with _made(folder):
        lock = _taken(folder, path)
        try:
            if lock is not None:
                with writing(path):
                    path.write_text(f"{os.getpid()} {socket.gethostname()} {datetime.now():%Y-%m-%d %H:%M:%S}")
            for left in filter(is_unfinished, folder.iterdir()):
                left.unlink()
            yield
        finally:
            if lock is not None:
                try:
                    path.unlink(missing_ok=True)  # before it is let go: who has opened it meanwhile finds it gone
                finally:
                    lock.release()


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder and those that it lies in are there; those that were made go again if they are left empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    make_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something
            for each in made:
                each.rmdir()


def _taken(folder: Path, path: Path) -> Any:
    """The lock, held; None where the file system has no locks, with a warning."""
    filelock = require("filelock")
    lock = filelock.FileLock(path, timeout=_WAIT, thread_local=False, fallback_to_soft=False)
    with writing(path):
        try:
            lock.acquire()
        except filelock.Timeout:
            raise RunError(
                f"{folder} is being written to by {_holder(path)}. Wait until that has ended, or choose another "
                "folder with `out`."
            ) from None
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
            warnings.warn(
                f"the file system of {folder} has no locks: see to it that no other process writes there.",
                UserWarning,
                stacklevel=2,
            )
            return None
    return lock


def _holder(path: Path) -> str:
    """Who holds the lock, in words."""
    try:
        process, host, since = path.read_text().split(" ", 2)
    except (OSError, ValueError):  # it has not said so yet, or has just let go
        return "another process"
    return f"process {process} on {host}, since {since}"
