"""What a look into backpropagation through time finds: one pass through a recurrent layer, each number of it."""

from collections.abc import Sequence
from functools import cached_property, reduce
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import choose, counted, whole
from chainrule.display import Shown, Table, number
from chainrule.errors import ArgumentError
from chainrule.lens.agreement import ALONG, Agreement, compare
from chainrule.lens.arrays import Floats, as_step, as_targets, listed, to_numpy
from chainrule.lens.bptt.steps import Steps
from chainrule.lens.bptt.term import Term, term_of
from chainrule.lens.bptt.truncation import Truncation, in_chunks, truncated, truncation_of
from chainrule.lens.reach.gradient_map import map_of, targets_of
from chainrule.lens.reach.reach import Reach
from chainrule.lens.recurrences.capture import Captured
from chainrule.lens.recurrences.gates import Gates, use_of
from chainrule.lens.recurrences.scan import Back, Scan
from chainrule.lens.recurrences.stack import summed
from chainrule.ops.arguments import as_int
from chainrule.ops.recurrence.backends.reference import WEIGHTS
from chainrule.ops.recurrence.trace import GATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ThroughTime"]

_KEPT = 60_000_000  # numbers of the gradients of all steps
_DIRECTIONS = ("forward", "reverse")


class ThroughTime(Shown):
    """One forward and backward pass through a recurrent layer; arrays are float64, rows first.

    Attributes:
        loss: the sum of the loss; ``losses`` (B, T) that of every step, of a conditional model, else None.
        gradients: dL/dW of the layer's parameters by their names, as derived.
        agreement: of every step of every layer with autograd; ``fused``: of ``gradients`` with torch's own.
        window: the steps that training goes back.
    """

    def __init__(self, captured: Captured, window: int | None) -> None:
        self._call = captured.call
        self._dY = captured.dY
        self._dlast = captured.dlast
        self._stack = captured.call.stack()
        self._backs = self._stack.backward(self._dY, self._dlast)
        self.loss = captured.loss
        self.losses = None if captured.losses is None else to_numpy(captured.losses)
        self.window = self._stack.steps if window is None else whole("window", window)
        gradients = summed(self._call.layer, self._stack, self._backs)
        self.agreement = self._stack.by_autograd(self._backs)
        self.fused = Agreement(0.0)
        for name, gradient in gradients.items():
            self.fused &= compare(f"the gradient of {name}", gradient, captured.fused[name], limit=ALONG)
        self.gradients = {name: to_numpy(gradient) for name, gradient in gradients.items()}
        self._cuts: dict[int, tuple[dict[str, Tensor], dict[str, Tensor]]] = {}
        self._maps: dict[tuple[int, ...], tuple[list[list[Floats]], Agreement]] = {}

    @torch.inference_mode(False)
    def steps(self, row: int = 0, layer: int = -1, direction: int = 0) -> Steps:
        """States, gates and gradients of every step of a row, in a layer (-1: the last) and direction (1: reverse)."""
        scan, back, of = self._scan(layer, direction)
        one = _one("row", row, self._stack.rows)
        scan = scan.part(rows=one)
        back = _of_row(back, one)
        live = torch.ones(()) if scan.schedule.padding is None else (~scan.schedule.padding[:, 0]).double()

        def rows(t: Tensor) -> Floats:
            return to_numpy(t[:, 0] * live)

        names = GATES[scan.name]
        definition = scan.definition()
        dh, *dc = scan.dtotal(back)
        h, *c = scan.kept.states
        agreement = compare("the gates", scan.gates, torch.cat([value for _, value in definition.values()], dim=-1))
        norms: dict[str, list[float]] = {}
        for t in range(self._stack.steps):
            for symbol, part in scan.gradients(back, t).items():
                norms.setdefault(symbol, []).append(float(torch.linalg.vector_norm(part)))
        suffix = self._suffix(layer, direction)
        return Steps(
            f"{of}, row {one.start}",
            rows(h),
            rows(c[0]) if c else None,
            {name: rows(part) for name, part in zip(names, scan.gates.chunk(len(names), -1), strict=True)},
            {name: rows(definition[name][0]) for name in names},
            rows(dh),
            rows(dc[0]) if dc else None,
            {name: rows(part) for name, part in zip(names, scan.dgates(back).chunk(len(names), -1), strict=True)},
            {WEIGHTS[symbol] + suffix: np.array(values) for symbol, values in norms.items()},
            self.agreement & agreement,
        )

    @torch.inference_mode(False)
    def step_gradients(self, name: str) -> Floats:
        """What each step adds to the gradient of a parameter, over the rows of the batch: (T, ...).

        Their sum over the steps is ``gradients[name]``.

        Raises:
            ArgumentError: there is no such parameter, or so many steps of it are too large.
        """
        choose("name", name, tuple(self.gradients))
        T = self._stack.steps
        size = self.gradients[name].size
        if T * size > _KEPT:
            raise ArgumentError(
                f"{T} steps of {name} are {counted(T * size, 'number')}. "
                f"Look at {counted(_KEPT // size, 'step')} or fewer, or at the norms, steps().dW."
            )
        scan, back, symbol = self._owners()[name]
        return np.stack([to_numpy(scan.gradients(back, t)[symbol]) for t in range(T)])

    @torch.inference_mode(False)
    def term(self, t: int, i: int | None = None, row: int = 0, layer: int = -1, direction: int = 0) -> Term:
        """The term (t, i) of the double sum: the way of what enters the layer at step t, back to step i.

        Without i it goes back to the first step, or as far as Jacobians of this size allow.
        Into the last layer it is dL_t/dh_t that enters; into a lower one, what the layers above hand down at step t.

        Raises:
            ArgumentError: i lies on the wrong side of t, a step beyond the row's length, or the way is too long for
                Jacobians of this size; the message says how long it may be.
        """
        scan, back, of = self._scan(layer, direction)
        one = _one("row", row, self._stack.rows)
        t = as_step("t", t, self._stack.steps)
        i = None if i is None else as_step("i", i, self._stack.steps)
        return term_of(
            f"{of}, row {one.start}", scan.part(rows=one), _of_row(back, one), t, i, self._suffix(layer, direction)
        )

    @torch.inference_mode(False)
    def truncation(self, *chunks: int) -> Truncation:
        """What is lost where the state is detached every k steps, for each k of ``chunks``; powers of two if left out.

        Raises:
            ArgumentError: the layer is bidirectional: it reads all of a sequence, and cannot be run in chunks.
        """
        if self._bidirectional:
            raise ArgumentError("a bidirectional layer reads the whole sequence: it cannot be run in chunks.")
        T = self._stack.steps
        lengths = [whole("a chunk", k) for k in chunks] or [2**k for k in range(T.bit_length()) if 2**k < T] or [T]
        full = {name: torch.from_numpy(gradient) for name, gradient in self.gradients.items()}
        for k in lengths:
            if k not in self._cuts:
                self._cuts[k] = self._truncated(k), in_chunks(self._call, self._dY, self._dlast, k)
        return truncation_of(self._of, full, {k: self._cuts[k] for k in lengths})

    @torch.inference_mode(False)
    def gates(self, layer: int = -1, direction: int = 0) -> Gates:
        """Saturation, dead units and the memory of the gates, over all rows and the steps within their lengths."""
        scan, _, of = self._scan(layer, direction)
        live = slice(None) if scan.schedule.padding is None else ~scan.schedule.padding[..., 0]
        values = torch.cat([value for _, value in scan.definition().values()], dim=-1)[live].flatten(0, -2)
        ours = scan.gates[live].flatten(0, -2)
        names = GATES[scan.name]
        parts = {name: to_numpy(part) for name, part in zip(names, ours.chunk(len(names), -1), strict=True)}
        return use_of(of, scan.name, parts, compare("the gates", ours, values))

    @torch.inference_mode(False)
    def reach(self, layer: int | None = None, direction: int = 0, targets: Sequence[int] | None = None) -> Reach:
        """The map ||dL_t/ds_i|| and its horizon, of one layer, or (None) of all layers' states together.

        Long sequences and large layers are sampled: ``targets`` says which steps t then stand for all.
        """
        used = targets_of(self._stack, None if targets is None else as_targets(targets, self._stack.steps))
        if used not in self._maps:
            self._maps[used] = map_of(self._stack, self._dY, self._dlast, used)
        maps, agreement = self._maps[used]
        if layer is None:
            _check_direction(direction, len(maps[0]))
            norms: Floats = reduce(np.hypot, [found[direction] for found in maps])
            of = self._of if not self._bidirectional else f"{self._of}, {_DIRECTIONS[direction]}"
        else:
            _, _, of = self._scan(layer, direction)
            norms = maps[layer][direction]
        clip = None if self._bidirectional else self._norm_in_chunks
        return Reach(of, norms, used, self.window, agreement, ahead=direction == 1, clip=clip)

    def summary(self) -> str:
        return f"of {self._of}: loss {number(self.loss)} over {self._stack.rows} x {counted(self._stack.steps, 'step')}"

    def table(self) -> Table:
        """The layer's gradients, and the verdict on their reach."""
        rows = [(n, "x".join(map(str, g.shape)), float(np.linalg.norm(g))) for n, g in self.gradients.items()]
        stack = self._stack
        notes = (
            f"Loss {number(self.loss)}, over {counted(stack.rows, 'row')} of {counted(stack.steps, 'step')}.",
            self.reach().verdict,
            *self._cut_at_window(),
            f"Every step {self.agreement}; their sum agrees with the layer's own gradient to {self.fused.error:.0e}.",
        )
        return Table(f"Through time: {self._of}", ("parameter", "shape", "|dL/dW|"), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self._of,
            "loss": self.loss,
            "losses": None if self.losses is None else listed(self.losses),
            "gradients": {name: listed(gradient) for name, gradient in self.gradients.items()},
            "difference_to_autograd": self.agreement.error,
            "difference_to_fused": self.fused.error,
            "reach": self.reach().to_dict(),
        }

    def draw_on(self, ax: "Axes") -> None:
        """The mean norm of the gradient by lag."""
        self.reach().draw_on(ax, "lags")

    def parts(self) -> Sequence[Shown]:
        """This, the map, truncation, and the last layer's gates."""
        cut = () if self._bidirectional else (self.truncation(),)
        return (self, self.reach(), *cut, self.gates())

    def _cut_at_window(self) -> tuple[str, ...]:
        if self._bidirectional or self.window >= self._stack.steps:
            return ()
        cut = self.truncation(self.window)
        share = float(cut.lost[0])
        cosine = float(cut.cosine[0])
        return (
            f"With the state detached every {counted(self.window, 'step')}, as in training, the gradient loses "
            f"{share:.0%} of its norm (cosine {cosine:.2f}).",
        )

    @property
    def _bidirectional(self) -> bool:
        return len(self._stack.scans[0]) == 2

    @cached_property
    def _of(self) -> str:
        layer = self._call.layer
        layers = f", {counted(layer.num_layers, 'layer')}" if layer.num_layers > 1 else ""
        return f"{layer.mode.replace('_', ' ')} {layer.input_size} -> {layer.hidden_size}{layers}"

    def _scan(self, layer: int, direction: int) -> tuple[Scan, Back, str]:
        """A scan, its backward pass, and its name."""
        scans = self._stack.scans
        if as_int(layer) is None or not -len(scans) <= layer < len(scans):
            raise ArgumentError(f"layer is {layer!r}; the layers are 0 to {len(scans) - 1}, or from the last one -1.")
        _check_direction(direction, len(scans[0]))
        of = self._of + (f", layer {layer % len(scans)}" if len(scans) > 1 else "")
        of += f", {_DIRECTIONS[direction]}" if self._bidirectional else ""
        return scans[layer][direction], self._backs[layer][direction], of

    def _suffix(self, layer: int, direction: int) -> str:
        k = layer % len(self._stack.scans) * len(self._stack.scans[0]) + direction
        return self._call.layer._all_weights[k][0].removeprefix("weight_ih")

    def _owners(self) -> dict[str, tuple[Scan, Back, str]]:
        """Of each parameter the scan that it belongs to, and its symbol there."""
        scans = chain.from_iterable(self._stack.scans)
        backs = chain.from_iterable(self._backs)
        return {
            WEIGHTS[symbol] + names[0].removeprefix("weight_ih"): (scan, back, symbol)
            for names, scan, back in zip(self._call.layer._all_weights, scans, backs, strict=True)
            for symbol in WEIGHTS
        }

    def _truncated(self, k: int) -> dict[str, Tensor]:
        return truncated(self._call.layer, self._stack, self._dY, self._dlast, k)

    def _norm_in_chunks(self, k: int) -> float:
        return float(torch.linalg.vector_norm(torch.cat([g.flatten() for g in self._truncated(k).values()])))


def _check_direction(direction: int, count: int) -> None:
    if direction not in range(count):
        raise ArgumentError(f"direction is {direction!r}; expected 0, forward{', or 1, reverse' if count > 1 else ''}.")


def _one(name: str, index: int, count: int) -> slice:
    found = as_int(index)
    if found is None or not -count <= found < count:
        raise ArgumentError(f"{name} is {index!r}; there are {count}, counted from 0.")
    return slice(found % count, found % count + 1)


def _of_row(back: Back, row: slice) -> Back:
    def cut(states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(s[:, row] for s in states)

    ends = (tuple(s[row] for s in states) for states in (back.dlast, back.dfirst))
    return Back(back.dY[:, row], next(ends), cut(back.dstates), cut(back.dmade), next(ends))
