"""Showing how a fit goes: a bar on a terminal, one line that is updated in a notebook, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from chainrule._optional import require
from chainrule.display import printable
from chainrule.runs.folder.messages import say
from chainrule.training import Progress

__all__ = ["showing"]

_Show = Callable[[Progress, str], None]  # and how far gradients reach, in words
_LINES = 10
_WIDTH = 10  # of a bar, in columns


def showing(title: str, unit: str) -> AbstractContextManager[_Show]:
    """Where the progress of a fit is shown: on a terminal, in a notebook, or as remarks."""
    title = printable(title)
    if sys.stderr.isatty():
        return _bar(title, unit)
    return _notebook(title, unit) if _in_notebook() else _lines(title, unit)


def _in_notebook() -> bool:
    """Whether this is a kernel that has a page; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@contextmanager
def _notebook(title: str, unit: str) -> Iterator[_Show]:
    display = require("IPython.display")
    line = display.display({"text/plain": title}, raw=True, display_id=True)

    def show(progress: Progress, horizon: str) -> None:
        text = f"{title} {min(progress.spent, 1):4.0%}  {_numbers(progress, unit, horizon)}"
        line.update({"text/plain": text}, raw=True)

    yield show


@contextmanager
def _bar(title: str, unit: str) -> Iterator[_Show]:
    rich = require("rich.progress")
    console = require("rich.console").Console(stderr=True)
    whole = require("rich.table").Column(no_wrap=True, overflow="crop")
    columns = [
        rich.TextColumn("{task.description}", markup=False, table_column=whole),
        rich.BarColumn(bar_width=_WIDTH, table_column=whole),
        rich.TaskProgressColumn(),
        rich.TextColumn("{task.fields[numbers]}", markup=False, table_column=whole),
    ]
    with rich.Progress(*columns, console=console) as bar:
        task = bar.add_task(_cut(title, console.width), total=1.0, numbers="")

        def show(progress: Progress, horizon: str) -> None:
            numbers = _numbers(progress, unit, horizon)
            room = console.width - len(numbers)
            bar.update(task, description=_cut(title, room), completed=min(progress.spent, 1.0), numbers=numbers)

        yield show


def _cut(title: str, room: int) -> str:
    """What of the title fits beside the bar, its percentage and the gaps: it alone gives way to the numbers."""
    room = max(room - _WIDTH - len(" 100%  "), 0)
    if len(title) <= room:
        return title
    return title[: room - 1] + "…" if room else ""


@contextmanager
def _lines(title: str, unit: str) -> Iterator[_Show]:
    shown = 0.0

    def show(progress: Progress, horizon: str) -> None:
        nonlocal shown
        if progress.spent - shown >= 1 / _LINES or progress.spent >= 1 or progress.stopped:
            shown = progress.spent
            say(f"{title} {min(progress.spent, 1):4.0%}  {_numbers(progress, unit, horizon)}")

    yield show


def _numbers(progress: Progress, unit: str, horizon: str) -> str:
    left = progress.seconds * (1 / progress.spent - 1) if 0 < progress.spent < 1 else 0.0
    held_out = ""
    if progress.joined is not None:
        held_out = " all but test"
    elif progress.validation is not None:
        held_out = f" held out {progress.validation:z.3f}"
    loss = f"loss {progress.loss:z.3f}" if progress.loss is not None else ""
    window = f" window {progress.window}" if progress.window is not None else ""
    of = f" {unit}s" if not horizon else ""  # which takes its place, so that a bar stays in 80 columns
    return f"{loss}{held_out}{window}{horizon}, {_si(progress.per_second)}{of}/s, {_clock(left)} left"


def _si(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
