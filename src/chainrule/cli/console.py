"""Where output goes: results to standard output, everything said about them to standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule.cli.flags import as_flags
from chainrule.display import printable, writing
from chainrule.errors import ArgumentError

__all__ = ["check_out", "emit", "progress", "say", "show", "show_json"]

_LAYOUT = "\n\t"  # of text, which steers nothing
_PATIENCE = 2.0  # seconds before a bar is shown


def show(renderable: Any, *, as_json: bool = False) -> None:
    """A result: for people a table or a line, in which names are never read as markup, nor by the terminal; or JSON."""
    if as_json:
        show_json(renderable.to_dict())
        return
    renderable = printable(renderable, _LAYOUT) if isinstance(renderable, str) else renderable
    Console(highlight=False, markup=False, emoji=False).print(renderable)


def show_json(values: Any) -> None:
    """Numbers for programs, unrounded."""
    emit(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", None)


def emit(result: str | bytes, out: Path | None) -> None:
    """A result, exactly as it is, to the file or to standard output; a terminal gets what would steer it spelt out."""
    if out is not None:
        with writing(out):
            out.write_bytes(result.encode() if isinstance(result, str) else result)
        say(f"written to {out}")
    elif sys.stdout.isatty():
        text = result if isinstance(result, str) else result.decode(errors="backslashreplace")
        sys.stdout.write(printable(text, _LAYOUT))
    elif isinstance(result, str):
        sys.stdout.write(result)
    else:
        sys.stdout.buffer.write(result)


def say(text: str, style: str | None = None) -> None:
    """A remark or an error, with settings told as flags, on standard error; never wrapped, never read as markup.

    Names of files and columns are in it as they are, so that what would steer the terminal is spelt out.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(printable(as_flags(text), _LAYOUT), style=style)


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """Give a function that is told the share that is done; on a terminal, a bar shows it of what takes two seconds."""
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task = bar.add_task(what, total=1.0)
    began = time.monotonic()

    def advance(share: float) -> None:
        bar.update(task, completed=share)
        if not bar.live.is_started and time.monotonic() - began >= _PATIENCE:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()


def check_out(option: str, path: Path | None, suffix: str) -> None:
    """Refuse a file that could not be written, before the work whose result it is for.

    Raises:
        ArgumentError: another suffix, a folder that does not exist, or one in the place of the file.
    """
    if path is None:
        return
    if path.suffix.lower() != suffix:
        raise ArgumentError(f"{option} is {path}; expected a {suffix} file.")
    if not path.parent.is_dir():
        raise ArgumentError(f"{option} is {path}, and there is no folder {path.parent}. Make it first.")
    if path.is_dir():
        raise ArgumentError(f"{option} is {path}, which is a folder; expected a file to write.")
