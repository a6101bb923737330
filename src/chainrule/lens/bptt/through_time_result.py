"""What :func:`chainrule.lens.through_time` returns: every number of one pass through a recurrent layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import choose, counted, whole
from chainrule.display import Cell, Shown, Table, View, listed, number
from chainrule.errors import ArgumentError
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import ALONG, Agreement, compare
from chainrule.lens.bptt.explored import chunks_of, has_jacobians, view_of
from chainrule.lens.bptt.network_passes import NetworkPasses
from chainrule.lens.bptt.steps import Steps, steps_of
from chainrule.lens.bptt.term import Term, term_of
from chainrule.lens.bptt.truncation import Truncation, in_chunks, truncated, truncation_of
from chainrule.lens.bptt.unrolled import Unrolled, unrolled
from chainrule.lens.conversion import Floats, as_step, as_targets, if_given, to_numpy
from chainrule.lens.reach.gradient_map import STATE, map_of, targets_of
from chainrule.lens.reach.parts import joined, parts_of
from chainrule.lens.reach.reach import Reach
from chainrule.lens.recurrences.capture import Captured
from chainrule.lens.recurrences.gates import Gates, gates_of
from chainrule.training import TruncatedBPTT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ThroughTime"]

_KEPT = 60_000_000  # numbers of the gradients of all steps


class ThroughTime(Shown):
    """One forward and backward pass through a recurrent layer; arrays are float64, rows first.

    Attributes:
        loss: the sum of the loss; ``losses`` (B, T) that of every step, where there is one, else None.
        gradients: dL/dW of the layer's parameters by their names, as derived.
        agreement: of every step of every layer with autograd; ``fused``: of ``gradients`` with torch's own.
        window: the number of steps that training goes back.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> found.window, sorted(found.gradients)
    (6, ['bias_hh_l0', 'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0'])
    """

    def __init__(self, captured: Captured, window: int | None) -> None:
        self._passes = NetworkPasses(captured)
        self._steps = self._passes.stack.steps
        self._rows = self._passes.stack.rows
        self.loss = captured.loss
        self.losses = if_given(to_numpy, captured.losses)
        self._outputs = if_given(to_numpy, captured.outputs)
        self.window = self._steps if window is None else whole("window", window)
        self.agreement = self._passes.stack.check(self._passes.backs)
        self.fused = Agreement(0.0)
        self.gradients: dict[str, Floats] = {}
        for name, gradient in self._passes.gradients().items():
            self.fused &= compare(f"the gradient of {name}", gradient, captured.fused[name], limit=ALONG)
            self.gradients[name] = to_numpy(gradient)
        self._cuts: dict[int, tuple[dict[str, Tensor], dict[str, Tensor]]] = {}
        self._maps: dict[tuple[int, ...], tuple[list[list[dict[str, Floats]]], Agreement]] = {}

    @torch.inference_mode(False)
    def steps(self, row: int = 0, layer: int = -1, direction: int = 0) -> Steps:
        """States, gates and gradients of every step of a row, in a layer (-1: the last) and direction (1: reverse)."""
        return steps_of(self._passes.scan(layer, direction).row(row), self.agreement)

    @torch.inference_mode(False)
    def step_gradients(self, name: str) -> Floats:
        """What each step adds to the gradient of a parameter, over the rows of the batch: (T, ...).

        Their sum over the steps is ``gradients[name]``.

        Raises:
            ArgumentError: there is no such parameter, or its gradients at all steps do not fit into memory.
        """
        choose("name", name, tuple(self.gradients))
        size = self.gradients[name].size
        if self._steps * size > _KEPT:
            raise ArgumentError(
                f"the gradients of {name} at {counted(self._steps, 'step')} are "
                f"{counted(self._steps * size, 'number')}; expected {_KEPT:,} at most. Inspect "
                f"{counted(_KEPT // size, 'step')} or fewer, or take the norms alone, steps().dW."
            )
        passes, symbol = self._passes.owners()[name]
        return np.stack([to_numpy(passes.scan.gradients(passes.back, t)[symbol]) for t in range(self._steps)])

    @torch.inference_mode(False)
    def term(self, t: int, i: int | None = None, row: int = 0, layer: int = -1, direction: int = 0) -> Term:
        """The term (t, i) of the double sum: the path of the gradient that enters the layer at step t, back to step i.

        Without i it goes back to the first step, or as far as Jacobians of this size allow. What enters the last layer
        is dL_t/dh_t; what enters a lower one is what the layers above hand down at step t.

        Raises:
            ArgumentError: i lies on the wrong side of t, a step beyond the row's length, or the path is too long for
                Jacobians of this size; the message says how long it may be.
        """
        passes = self._passes.scan(layer, direction).row(row)
        first = as_step("t", t, self._steps)
        last = if_given(lambda step: as_step("i", step, self._steps), i)
        return term_of(passes, first, last)

    @torch.inference_mode(False)
    def unrolled(
        self, row: int = 0, layer: int = -1, direction: int = 0, *, k1: int | None = None, k2: int | None = None
    ) -> Unrolled:
        """One sequence step by step: inputs, states, outputs, losses, the gradients arriving at each h_t, and the table
        of all terms of the double sum, with those that truncation to (k1, k2) strikes out.

        Raises:
            ArgumentError: there are too many steps or units for a table of all terms; k2 is below k1, or they are
                given for the reverse direction.
        """
        own = self._passes.scan(layer, direction).row(row)
        outputs = if_given(lambda values: values[row], self._outputs)
        losses = if_given(lambda values: values[row], self.losses)
        if k1 is None and k2 is not None:
            raise ArgumentError(f"`k2` is {k2!r} without `k1`: gradients of k1 steps go back through k2. Give both.")
        return unrolled(own, outputs, losses, if_given(lambda steps: TruncatedBPTT(steps, k2), k1))

    @torch.inference_mode(False)
    def truncation(self, *chunks: int) -> Truncation:
        """What is lost if the state is detached every k steps, for each k of ``chunks``; powers of two by default.

        Raises:
            ArgumentError: the layer is bidirectional: it reads all of a sequence, and cannot be run in chunks.
        """
        if self._passes.bidirectional:
            raise ArgumentError("a bidirectional layer reads the whole sequence: it cannot be run in chunks.")
        lengths = [whole("a chunk", k) for k in chunks] or _powers_of_two(self._steps)
        full = {name: torch.from_numpy(gradient) for name, gradient in self.gradients.items()}
        for k in lengths:
            if k not in self._cuts:
                by_layer = in_chunks(self._passes.call, self._passes.dY, self._passes.dlast, k)
                self._cuts[k] = (self._truncated(k), by_layer)
        return truncation_of(self._passes.of, full, {k: self._cuts[k] for k in lengths})

    @torch.inference_mode(False)
    def gates(self, layer: int = -1, direction: int = 0) -> Gates:
        """Saturation, dead units and the memory of the gates, over all rows and the steps within their lengths."""
        passes = self._passes.scan(layer, direction)
        return gates_of(passes.scan, passes.of)

    @torch.inference_mode(False)
    def reach(self, layer: int | None = None, direction: int = 0, targets: Sequence[int] | None = None) -> Reach:
        """The map ||dL_t/ds_i|| and its horizon, of one layer, or (None) of all layers' states together.

        Long sequences and large layers are sampled: ``targets`` says which steps t then stand for all.
        """
        stack = self._passes.stack
        used = targets_of(stack, if_given(lambda asked: as_targets(asked, self._steps), targets))
        if used not in self._maps:
            self._maps[used] = map_of(stack, self._passes.dY, self._passes.dlast, used)
        maps, agreement = self._maps[used]
        if layer is None:
            of = self._passes.of_direction(direction)
            norms = joined([of_layer[direction] for of_layer in maps])
        else:
            of = self._passes.scan(layer, direction).of
            norms = maps[layer][direction]
        clip = None if self._passes.bidirectional else self._norm_in_chunks
        return Reach(
            of,
            norms[STATE],
            used,
            self.window,
            agreement,
            ahead=direction == 1,
            clip=clip,
            parts_of_state=parts_of(norms),
        )

    def formulas(self) -> Sequence[str]:
        return (formulas.STEP, formulas.ARRIVING, formulas.WEIGHT)

    def summary(self) -> str:
        return f"of {self._passes.of}: loss {number(self.loss)} over {self._rows} x {counted(self._steps, 'step')}"

    def table(self) -> Table:
        """The layer's gradients, and the verdict on their reach."""
        rows: list[tuple[Cell, ...]] = []
        for name, gradient in self.gradients.items():
            rows.append((name, "x".join(map(str, gradient.shape)), float(np.linalg.norm(gradient))))
        notes = [
            f"Loss {number(self.loss)}, over {counted(self._rows, 'row')} of {counted(self._steps, 'step')}.",
            self.reach().verdict,
            f"Every step {self.agreement}; their sum agrees with the layer's own gradient to {self.fused.error:.0e}.",
        ]
        if self.window < self._steps and not self._passes.bidirectional:
            notes.insert(2, self.truncation(self.window).sentence())
        return Table(
            f"Backpropagation through time: {self._passes.of}", ("parameter", "shape", "|dL/dW|"), rows, tuple(notes)
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self._passes.of,
            "loss": self.loss,
            "losses": if_given(listed, self.losses),
            "gradients": {name: listed(gradient) for name, gradient in self.gradients.items()},
            "difference_to_autograd": self.agreement.error,
            "difference_to_fused": self.fused.error,
            "reach": self.reach().to_dict(),
        }

    def draw_on(self, ax: "Axes") -> None:
        """The mean gradient norm by lag."""
        self.reach().draw_on(ax, "lags")

    def view(self) -> View:
        """Of the first row and the last layer: steps, map, the product of Jacobians between any two steps, truncation.

        Of a large state the page has the norms, and not the Jacobians.
        """
        passes = self._passes.scan(-1, 0).row(0)
        length = int(passes.scan.live.sum())
        parameters = sum(gradient.size for gradient in self.gradients.values())
        truncation = None
        if not self._passes.bidirectional:
            truncation = self.truncation(*chunks_of(self._steps, parameters))
        path = None
        if has_jacobians(sum(passes.scan.widths), length):
            path = self.term(length - 1, 0)
        return view_of(
            steps=self.steps(),
            reach=self.reach(-1),
            passes=passes,
            path=path,
            truncation=truncation,
            losses=if_given(lambda losses: losses[0], self.losses),
        )

    def parts(self) -> Sequence[Shown]:
        """This, the map, truncation, and the last layer's gates."""
        if self._passes.bidirectional:
            return (self, self.reach(), self.gates())
        return (self, self.reach(), self.truncation(), self.gates())

    def _truncated(self, k: int) -> dict[str, Tensor]:
        passes = self._passes
        return truncated(passes.call.layer, passes.stack, passes.dY, passes.dlast, k)

    def _norm_in_chunks(self, k: int) -> float:
        """The norm of the gradient of all weights with the state detached every k steps."""
        gradients = [gradient.flatten() for gradient in self._truncated(k).values()]
        return float(torch.linalg.vector_norm(torch.cat(gradients)))


def _powers_of_two(steps: int) -> list[int]:
    """Those below this number of steps; of a single step that one."""
    return [2**k for k in range(steps.bit_length()) if 2**k < steps] or [steps]
