"""The one rule: a try ends in an error of our own or in a right answer, under 10 s and 2 GB, and says nothing else."""

import linecache
import os
import reprlib
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import chainrule
from chainrule.errors import ChainruleError

__all__ = [
    "MEMORY",
    "SECONDS",
    "Case",
    "Failure",
    "Try",
    "WrongAnswerError",
    "bounded_memory",
    "judge",
    "resident",
    "shown",
]

SECONDS = 10.0
MEMORY = 2 * 10**9
_OURS = str(Path(chainrule.__file__).parent)
# What torch.nn's layers say of such arguments as well.
_NOISE = ("dropout option adds dropout after all but last", "Initializing zero-element tensors is a no-op")


@dataclass(frozen=True)
class Case:
    """One try: what to run, and what a person has to know to see why it went wrong."""

    run: Callable[[], object]
    about: str


Try = Callable[[Random], Case]


class WrongAnswerError(AssertionError):
    """What came back is not what it should be."""


@dataclass(frozen=True)
class Failure:
    """A try that broke the rule."""

    kind: str
    about: str
    where: str = ""


def judge(case: Case) -> Failure | None:
    """Run the case; None if it kept the rule."""
    foreign: list[str] = []

    def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = f"{category.__name__}: {message}"
        if not _is_ours() and not any(noise in text for noise in _NOISE):
            foreign.append(text)

    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = note
            case.run()
    except ChainruleError as error:
        if not str(error).strip():
            return Failure("an error without words", case.about)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {str(error)[:200]}", case.about, _where(error))
    seconds = time.process_time() - began
    if seconds > SECONDS:
        return Failure(f"took more than {SECONDS:g} s", f"{case.about} ({seconds:.1f} s)")
    return Failure(f"warns: {foreign[0][:200]}", case.about) if foreign else None


def _is_ours() -> bool:
    """Whether the line that warns right now is one of chainrule's own that says ``warnings.warn``."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.endswith("warnings.py"):
        frame = frame.f_back
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return frame.f_code.co_filename.startswith(_OURS) and "warn" in line


def _where(error: BaseException) -> str:
    """The last line of chainrule's, and the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_OURS)]
    shown = [*own[-1:], *frames[-1:]]
    return " <- ".join(f"{os.path.relpath(f.filename, Path(_OURS).parent)}:{f.lineno}" for f in shown)


def shown(value: object) -> str:
    """The value for a person, however long or deep it is."""
    brief = reprlib.Repr()  # its options can be given from Python 3.12 on
    brief.maxdict = 20
    brief.maxstring = 60
    brief.maxother = 60
    return brief.repr(value)


def resident() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def bounded_memory(more: int = MEMORY) -> Iterator[None]:
    """No more than so many bytes above what is mapped now; what asks for more gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
