"""A small recurrent network unrolled over one sequence: every number of its forward pass, and every term of its
backward pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import GREY, ON_MAP, Cell, Shown, Table, View, exact, listed, number, signed, title
from chainrule.errors import ArgumentError
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.bptt.all_terms import all_terms, struck_out
from chainrule.lens.bptt.network_passes import ScanPasses
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.notation import written_step
from chainrule.training import TruncatedBPTT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Unrolled", "unrolled"]

_CELLS = 4000  # numbers that the page shows, of the first units
_WRITTEN = 4  # numbers of a vector that a cell of a table holds
_LABELLED = 12  # steps of a figure whose terms are written
_BOX = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
_WRITING: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 10, "color": ON_MAP, "bbox": _BOX}


@dataclass(frozen=True, repr=False)
class Unrolled(Shown):
    """One sequence of T steps in one layer and direction; every array has the steps first.

    Attributes:
        x, h, o: the layer's inputs, its states and what the model makes of them, (T, ·); o is None for a layer alone.
        losses: the loss of every step, (T,); None where a step has none.
        from_output, from_next: what arrives at each h_t from o_t, and from h_{t+1}, (T, ·); their sum is dL/dh_t.
        weight: the name of the recurrent weight W.
        terms: what the loss of step t adds to dL/dW at step i, (T, T, \\*shape of W).
        truncation: (k1, k2), or None.
        struck_out: the terms that it drops, bool (T, T).

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> unrolled = found.unrolled(k1=2)
    >>> unrolled.truncation, int(unrolled.struck_out.sum())
    ((2, 2), 12)
    """

    of: str
    x: Floats
    h: Floats
    o: Floats | None
    losses: Floats | None
    from_output: Floats
    from_next: Floats
    weight: str
    terms: Floats
    truncation: tuple[int, int] | None
    struck_out: NDArray[np.bool_]
    agreement: Agreement

    @property
    def gradient(self) -> Floats:
        """dL/dW of this sequence: the sum of all terms."""
        whole: Floats = self.terms.sum((0, 1))
        return whole

    @property
    def truncated(self) -> Floats:
        """The sum of the terms that truncation leaves."""
        left: Floats = self.terms[~self.struck_out].sum(0)
        return left

    @property
    def shares(self) -> Floats:
        """How far each term points along dL/dW, (T, T): they add up to its norm."""
        whole = self.gradient
        along: Floats = np.tensordot(self.terms, whole, whole.ndim) / (np.linalg.norm(whole) or 1.0)
        return along

    def formulas(self) -> Sequence[str]:
        return (formulas.ARRIVING, formulas.TERMS)

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.h), 'step')} of {counted(self.h.shape[1], 'unit')}"

    def table(self) -> Table:
        """Inputs, states, outputs and losses, step by step."""
        arrays = {"x": self.x, "h": self.h} | ({} if self.o is None else {"o": self.o})
        columns = list(arrays) + ["loss"] * (self.losses is not None)
        rows: list[tuple[Cell, ...]] = []
        for t in range(len(self.h)):
            loss = () if self.losses is None else (float(self.losses[t]),)
            rows.append((written_step(t), *(_vector(array[t]) for array in arrays.values()), *loss))
        notes = () if self.losses is None else (f"Loss {number(float(self.losses.sum()))}.",)
        return Table(f"Unrolled: {self.of}", ("t", *columns), rows, (*notes, f"Every number {self.agreement}."))

    def tables(self) -> Sequence[Table]:
        return (self.table(), self._arriving(), self._terms())

    def _arriving(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (written_step(t), _vector(out), _vector(following), _vector(out + following))
            for t, (out, following) in enumerate(zip(self.from_output, self.from_next, strict=True))
        ]
        return Table("What arrives at h_t", ("t", "from o_t", "from h_{t+1}", "dL/dh_t"), rows)

    def _terms(self) -> Table:
        """The terms along dL/dW, those struck out in brackets, with the sums of rows and columns."""
        T = len(self.h)
        left = np.where(self.struck_out, 0.0, self.shares)
        written = [[_term(self.shares[t, i], bool(self.struck_out[t, i])) for i in range(T)] for t in range(T)]
        steps = [str(written_step(t)) for t in range(T)]
        rows: list[tuple[Cell, ...]] = [(steps[t], *written[t], number(float(left[t].sum()))) for t in range(T)]
        rows.append(("sum", *(number(float(total)) for total in left.sum(0)), number(float(left.sum()))))
        notes = [f"Along dL/d{self.weight}, whose norm all terms add up to: {number(_norm(self.gradient))}."]
        if self.truncation is not None:
            k1, k2 = self.truncation
            notes.append(
                f"In brackets, and in no sum: what truncation to k1 = {k1}, k2 = {k2} strikes out, "
                f"{counted(int(self.struck_out.sum()), 'term')}. The rest has norm {number(_norm(self.truncated))}."
            )
        columns = ("t \\ i", *steps, "sum")
        return Table("Terms: from the loss of step t through step i", columns, rows, tuple(notes))

    def to_frame(self) -> "pd.DataFrame":
        """A row for each step, a column for each number."""
        arrays = {"x": self.x, "h": self.h, "o": self.o, "from_output": self.from_output, "from_next": self.from_next}
        columns = {
            f"{name}_{k}": array[:, k]
            for name, array in arrays.items()
            if array is not None
            for k in range(array.shape[1])
        }
        losses = {} if self.losses is None else {"loss": self.losses}
        frame: pd.DataFrame = require("pandas").DataFrame(columns | losses)
        return frame.rename_axis("t").reset_index()

    def to_dict(self) -> dict[str, Any]:
        names = ("x", "h", "o", "losses", "from_output", "from_next", "terms", "shares", "struck_out", "gradient")
        lists = {name: if_given(listed, getattr(self, name)) for name in names}
        about = {"of": self.of, "weight": self.weight, "truncation": if_given(list, self.truncation)}
        return about | {"difference_to_autograd": self.agreement.error} | lists

    def draw_on(self, ax: "Axes") -> None:
        """The terms along dL/dW, t by i; those struck out are crossed."""
        shares = self.shares
        T = len(shares)
        signed(ax, shares, "along dL/dW", aspect="equal")
        for row, column in np.argwhere(self.struck_out):
            ax.plot([column - 0.5, column + 0.5], [row - 0.5, row + 0.5], color=GREY, linewidth=0.8)
        if T <= _LABELLED:
            for row, column in np.argwhere(shares):
                ax.text(column, row, f"{shares[row, column]:.2g}", **_WRITING)
        ax.set_xlabel("step i that it passes" + (" (crossed: struck out)" if self.truncation else ""))
        ax.set_ylabel("step t of the loss")
        title(ax, f"Terms of dL/d{self.weight}")

    @property
    def figure_height(self) -> float:
        return 6.0

    def view(self) -> View:
        """The steps with all their numbers, played forward and back."""
        losses = None if self.losses is None else self.losses[:, None]
        forward = {"x_t": self.x, "h_t": self.h, "o_t": self.o, "L_t": losses}
        backward = {
            "from o_t": self.from_output,
            "from h_{t+1}": self.from_next,
            "dL/dh_t": self.from_output + self.from_next,
        }
        units = max(1, _CELLS // (len(self.h) * len(forward | backward)))

        def shown(arrays: Mapping[str, Floats | None], **scale: str) -> list[dict[str, Any]]:
            there = [(name, array) for name, array in arrays.items() if array is not None]
            return [{"name": name, "values": exact(array[:, :units]), **scale} for name, array in there]

        return View(
            "unrolled",
            {
                "first": written_step(0),
                "name": self.of,
                "units": max(array.shape[1] for array in forward.values() if array is not None),
                "losses": if_given(exact, self.losses),
                "forward": shown(forward),
                "backward": shown(backward, scale="gradients"),
            },
        )


def unrolled(passes: ScanPasses, o: Floats | None, losses: Floats | None, cut: TruncatedBPTT | None) -> Unrolled:
    """The one row of these passes; o (T, ·) and losses (T,) are those of its steps."""
    scan = passes.scan
    if cut is not None and scan.reverse:
        raise ArgumentError("the reverse direction is not truncated: leave out `k1` and `k2`.")
    symbol = scan.cell.recurrent_weight
    terms, agreement = all_terms(passes, symbol)
    T = len(terms)
    entering = passes.back.dY[:, 0].clone()
    entering[scan.ends[0]] += passes.back.dlast[0][0]
    dh = scan.dtotal(passes.back)[0][:, 0]
    return Unrolled(
        of=passes.of,
        x=to_numpy(scan.kept.X[:, 0]),
        h=to_numpy(scan.kept.states[0][:, 0]),
        o=o,
        losses=losses,
        from_output=to_numpy(entering),
        from_next=to_numpy(dh - entering),
        weight=passes.names()[symbol],
        terms=terms,
        truncation=if_given(lambda window: (window.k1, window.k2), cut),
        struck_out=np.zeros((T, T), dtype=bool) if cut is None else struck_out(T, cut.k1, cut.k2),
        agreement=agreement,
    )


def _vector(values: Floats) -> str:
    """The numbers of a vector, or of a long one how many there are and their norm."""
    if len(values) <= _WRITTEN:
        return "  ".join(f"{value:.4g}" for value in values)
    return f"{len(values)} of norm {_norm(values):.4g}"


def _term(share: float, is_struck_out: bool) -> str:
    return f"({share:.3g})" if is_struck_out else f"{share:.3g}"


def _norm(values: Floats) -> float:
    return float(np.linalg.norm(values))
