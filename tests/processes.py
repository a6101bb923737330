"""Processes of a test's own that start at once: forks of one that has imported the library already."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Started"]

_CONTEXT = multiprocessing.get_context("forkserver")
# what training imports when it begins, and what the tests import
_CONTEXT.set_forkserver_preload(["chainrule.training", "safetensors.torch", "pytest", "hypothesis"])


class Started:
    """A function that runs in a process of its own; it is used as a subprocess.Popen is, whose output is read."""

    def __init__(
        self, function: Callable[..., None], *arguments: Any, environment: Mapping[str, str] | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._error = (Path(self._folder.name, name) for name in ("out", "error"))
        paths = str(self._out), str(self._error)
        self._process = _CONTEXT.Process(target=_run, args=(function, arguments, dict(environment or {}), *paths))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """As subprocess has it: None while it runs, the negative number of a signal that ended it."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it has written to stdout and stderr, once it has ended; asked once."""
        self._process.join(timeout)
        with self._folder:
            if self._process.exitcode is None:
                self.kill()
                raise TimeoutError(f"a process still runs after {timeout:g} s: {self._error.read_text()}")
            return self._out.read_text(), self._error.read_text()


def _run(function: Callable[..., None], arguments: tuple[Any, ...], environment: dict[str, str], *paths: str) -> None:
    os.environ.update(environment)
    for stream, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    function(*arguments)
