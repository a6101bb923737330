"""What was drawn from a model, with what it goes on from: a text, a sound, or values."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data import write_wav
from chainrule.display import BLUE, GREY, Cell, Shown, Table, listed, title, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SampledSound", "SampledText", "SampledValues"]

_SHOWN = 200  # steps before a sample of values
_SEEN = {" ": "␣", "\n": "⏎"}


@dataclass(frozen=True, eq=False, repr=False)
class SampledText(Shown):
    """A sampled text: ``text`` follows the ``prompt``; ``how`` says by which settings, in words."""

    of: str
    text: str
    prompt: str = ""
    how: str = ""

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.text), 'character')}"

    def table(self) -> Table:
        """The lines of prompt and text, by their numbers."""
        lines = (self.prompt + self.text).split("\n")
        rows: list[tuple[Cell, ...]] = [(n, line) for n, line in enumerate(lines, 1)]
        notes = list(_said(self.how))
        if self.prompt:
            notes.append(f"It goes on after {counted(len(self.prompt), 'character')} that were given.")
        return Table(f"A sample of {self.of}", ("line", "text"), rows, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "prompt": self.prompt, "text": self.text, "how": self.how}

    def draw_on(self, ax: "Axes") -> None:
        """How often each symbol was drawn, the most frequent on the left."""
        symbols, counts = np.unique(list(self.text), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:40]
        ax.bar([_SEEN.get(str(symbols[k]), repr(str(symbols[k]))[1:-1]) for k in order], counts[order], color=BLUE)
        ax.set_ylabel("times drawn")
        title(ax, f"Symbols of the sample: {counted(len(symbols), 'kind')}")


@dataclass(frozen=True, eq=False, repr=False)
class SampledSound(Shown):
    """A sampled waveform (T,) from -1 to 1, ``rate`` samples a second; a page plays it."""

    of: str
    waveform: NDArray[np.float32]
    rate: int
    how: str = ""

    def wav(self) -> bytes:
        file = io.BytesIO()
        write_wav(file, self.waveform, self.rate)
        return file.getvalue()

    def summary(self) -> str:
        return f"of {self.of}: {len(self.waveform) / self.rate:.2f} s"

    def table(self) -> Table:
        """Its length, its peak and its loudness."""
        peak = float(np.abs(self.waveform).max(initial=0))
        loudness = float(np.sqrt(np.mean(self.waveform.astype(np.float64) ** 2)))
        rows: list[tuple[Cell, ...]] = [
            ("seconds", len(self.waveform) / self.rate),
            ("samples", len(self.waveform)),
            ("samples a second", self.rate),
            ("peak", peak),
            ("root mean square", loudness),
        ]
        return Table(f"A sample of {self.of}", ("", "value"), rows, _said(self.how))

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "rate": self.rate, "waveform": listed(self.waveform), "how": self.how}

    def draw_on(self, ax: "Axes") -> None:
        """The waveform over time."""
        ax.plot(np.arange(len(self.waveform)) / self.rate, self.waveform, color=BLUE, linewidth=0.6)
        ax.set_xlabel("seconds")
        ax.set_ylabel("amplitude")
        ax.margins(x=0)
        title(ax, f"A sample of {self.of}")


@dataclass(frozen=True, eq=False, repr=False)
class SampledValues(Shown):
    """One path of values (T, C) that a series could take, after the ``history`` (S, C) that it goes on from."""

    of: str
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    history: NDArray[np.float64]
    how: str = ""

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.values), 'step')}"

    def table(self) -> Table:
        """The values, step by step."""
        rows: list[tuple[Cell, ...]] = [(n, *row) for n, row in enumerate(self.values.tolist(), 1)]
        formats = dict.fromkeys(self.columns, "fixed")
        return Table(f"A sample of {self.of}", ("step", *self.columns), rows, _said(self.how), formats)

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "columns": list(self.columns), "values": listed(self.values), "how": self.how}

    def draw_on(self, ax: "Axes") -> None:
        """The end of what was known, and the path, of every column."""
        known = self.history[-_SHOWN:]
        ax.plot(np.arange(1 - len(known), 1), known, color=GREY, linewidth=1)
        ax.plot(np.arange(0, len(self.values) + 1), np.concatenate([known[-1:], self.values]), linewidth=1.5)
        whole_ticks(ax.xaxis)
        ax.set_xlabel("step after the end of the data")
        ax.margins(x=0)
        title(ax, f"A sample of {self.of}")


def _said(how: str) -> tuple[str, ...]:
    return (how,) if how else ()
