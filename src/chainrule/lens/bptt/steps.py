"""Every step of one sequence in one layer and direction: states, gates, and the gradients of both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import choose, counted
from chainrule.display import Shown, Table, listed, signed, title
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.bptt.network_passes import ScanPasses
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.notation import written_step
from chainrule.ops.recurrence.cells.spec import CellSpec, State, parameter_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Steps", "steps_of"]


@dataclass(frozen=True, repr=False)
class Steps(Shown):
    """Numbers of the steps of a sequence; every array is (T, ·), beyond the sequence's own length zero.

    Attributes:
        h, c: the states; c is None but for the LSTM.
        gates: the values of the gates by name: r, z, n of the GRU, i, f, g, o of the LSTM, n = f(a) of the RNN.
        preactivations: what enters each gate's sigmoid, tanh or relu.
        dh, dc: dL/dh_t and dL/dc_t, all of it: through the output, the later steps and, of c_t, h_t.
        dgates: the gradient of ``preactivations``.
        dW: of every weight, by the layer's names, the norm of each step's part of its gradient, (T,).

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> steps = found.steps()
    >>> steps.h.shape, sorted(steps.gates), steps.dW["weight_hh_l0"].shape
    ((6, 3), ['n', 'r', 'z'], (6,))
    """

    of: str
    h: Floats
    c: Floats | None
    gates: dict[str, Floats]
    preactivations: dict[str, Floats]
    dh: Floats
    dc: Floats | None
    dgates: dict[str, Floats]
    dW: dict[str, Floats]
    agreement: Agreement

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.h), 'step')} of {counted(self.h.shape[1], 'unit')}"

    def table(self) -> Table:
        """Norms of the states and their gradients, means of the gates, and what each step adds to dL/dW_hh."""
        columns: dict[str, Floats] = {"|h|": _norm(self.h)}
        if self.c is not None:
            columns["|c|"] = _norm(self.c)
        gates = self.gates
        if gates.keys() == {"n"}:  # the only gate of an RNN is its state again
            gates = {}
        columns |= {name: values.mean(1) for name, values in gates.items()}
        columns["|dh|"] = _norm(self.dh)
        if self.dc is not None:
            columns["|dc|"] = _norm(self.dc)
        weight = "W_hh" if any(name.startswith("weight_hh") for name in self.dW) else "W_ih"
        columns[f"|d{weight}|"] = self.dW[next(n for n in self.dW if n.startswith(parameter_name(weight)))]
        rows = [(written_step(t), *(float(column[t]) for column in columns.values())) for t in range(len(self.h))]
        means = f"; means of the gates {', '.join(gates)}" if gates else ""
        notes = (
            f"Norms of states and gradients{means}. dh is dL/dh_t; d{weight} is what the step adds to dL/d{weight}.",
            f"Every number {self.agreement}.",
        )
        return Table(self.of, ("t", *columns), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        single = {name: getattr(self, name) for name in ("h", "c", "dh", "dc")}
        several = {name: getattr(self, name) for name in ("gates", "preactivations", "dgates", "dW")}
        lists = {name: if_given(listed, array) for name, array in single.items()}
        nested = {name: {k: listed(array) for k, array in arrays.items()} for name, arrays in several.items()}
        return {"of": self.of, "difference_to_autograd": self.agreement.error} | lists | nested

    def draw_on(self, ax: "Axes", what: str = "h") -> None:
        """A map of units by steps. ``what`` is h, c, dh, dc or the name of a gate, with d before it for its gradient.

        Raises:
            ArgumentError: there is no such array.
        """
        arrays = {"h": self.h, "c": self.c, "dh": self.dh, "dc": self.dc, **self.gates}
        arrays |= {f"d{name}": values for name, values in self.dgates.items()}
        there = {name: array for name, array in arrays.items() if array is not None}
        choose("what", what, tuple(there))
        signed(ax, there[what].T, what)
        ax.set_xlabel("step t")
        ax.set_ylabel("unit")
        title(ax, f"{what}: {self.of}")


def steps_of(passes: ScanPasses, agreement: Agreement) -> Steps:
    """The steps of the one row of these passes; ``agreement`` is that of their gradients with autograd."""
    scan = passes.scan
    back = passes.back
    live = scan.live[:, 0].double()[:, None]

    def within(t: Tensor) -> Floats:
        """The row, with zeros beyond its length."""
        return to_numpy(t[:, 0] * live)

    def by_gate(side_by_side: Tensor) -> dict[str, Floats]:
        return {name: within(part) for name, part in scan.by_gate(side_by_side).items()}

    definition = scan.definition()
    values = torch.cat([value for _, value in definition.values()], dim=-1)
    dh, dc = _parts(scan.cell, scan.dtotal(back))
    h, c = _parts(scan.cell, scan.kept.states)
    return Steps(
        of=passes.of,
        h=within(h),
        c=if_given(within, c),
        gates=by_gate(scan.gates),
        preactivations={name: within(preactivation) for name, (preactivation, _) in definition.items()},
        dh=within(dh),
        dc=if_given(within, dc),
        dgates=by_gate(scan.dgates(back)),
        dW=_norms_of_gradients(passes),
        agreement=agreement & compare("the gates", scan.gates, values),
    )


def _parts(cell: CellSpec, state: State) -> tuple[Tensor, Tensor | None]:
    """h, and c of a cell whose state has one."""
    named = dict(zip(cell.state, state, strict=True))
    return named["h"], named.get("c")


def _norms_of_gradients(passes: ScanPasses) -> dict[str, Floats]:
    """The norm of what each step adds to the gradient of each weight."""
    names = passes.names()
    norms: dict[str, list[float]] = {}
    for t in range(len(passes.scan.kept.X)):
        for symbol, gradient in passes.scan.gradients(passes.back, t).items():
            norms.setdefault(names[symbol], []).append(float(torch.linalg.vector_norm(gradient)))
    return {name: np.array(values) for name, values in norms.items()}


def _norm(values: Floats) -> Floats:
    norms: Floats = np.linalg.norm(values, axis=1)
    return norms
