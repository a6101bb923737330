"""Random problems for the recurrence: their tensors, one way to run each cell, and all gradients of a run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import linear

from chainrule.functional import gru, lstm, recurrence, rnn
from chainrule.nn import CellSpec, register_cell
from chainrule.ops.recurrence.cells import BUILT_IN, find_cell
from chainrule.ops.recurrence.cells.spec import Gates, State, parameter_name


def _leaky(x: Tensor, state: State, w: Any) -> tuple[State, Gates]:
    """A cell that the library knows nothing of: a leaky integrator s with a recurrent weight for each unit."""
    h, s = state
    a = linear(x, w.W_ih, w.b_ih) + w.u * h
    n = torch.tanh(a)
    s = 0.5 * s + n
    return (n * torch.sigmoid(s), s), {"n": (a, n)}


LEAKY = register_cell(
    CellSpec(
        "leaky", gates={"n": "tanh"}, step=_leaky, state=("h", "s"), weights={"W_ih": "G I", "u": "H", "b_ih": "G"}
    )
)

CELLS = ("rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm", "lstm_projected")
OPTIONED = (
    *("rnn_relu+norm+mask", "gru+norm+rate", "gru_reset_before+norm+mask"),
    *("lstm+norm+peep+mask", "lstm_projected+norm+peep+rate"),
)
"""Cells with options: norm (layer normalisation), peep (peepholes), mask or rate (zoneout)."""
OTHERS = (*(spec.name for spec in BUILT_IN if spec.kernel is None), "leaky")
"""Cells that neither the kernels nor torch have; the last one has no formula either."""
BACKEND_NAMES = ("cpu", "formula", "reference")
ALL = slice(None)
_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "gru_reset_before": 3, "lstm": 4, "lstm_projected": 4}


@dataclass(frozen=True)
class Problem:
    """Sizes and options; everything drawn from them follows the seed."""

    cell: str  # one of CELLS or OTHERS, or such a one with options, "lstm+norm+mask"
    B: int = 3
    T: int = 6
    I: int = 4
    H: int = 5
    bias: bool = True
    seed: int = 0
    dtype: torch.dtype = torch.float64

    @property
    def kind(self) -> str:
        """The cell without its options."""
        return self.cell.partition("+")[0]

    @property
    def has_c(self) -> bool:
        return self.kind.startswith("lstm")

    @property
    def parts(self) -> int:
        """How many parts the state has."""
        return len(find_cell(self.kind.removesuffix("_projected")).state)

    @property
    def P(self) -> int:
        """The width of the outputs."""
        return max(1, self.H - 2) if self.kind == "lstm_projected" else self.H

    def of(self, dtype: torch.dtype) -> "Problem":
        """The same problem, rounded to a dtype."""
        return replace(self, dtype=dtype)

    def draw(self, *shape: int, offset: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + offset)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(self.dtype)

    def inputs(self) -> Tensor:
        return self.draw(self.B, self.T, self.I, offset=1).requires_grad_()

    def state(self) -> tuple[Tensor, ...]:
        drawn = [self.draw(self.B, self.H if k else self.P, offset=2 + k) for k in range(self.parts)]
        if self.kind == "slstm":  # n divides: after any step it is at least 1
            drawn[2] = 1 + drawn[2].abs()
        return tuple(part.requires_grad_() for part in drawn)

    def weights(self) -> tuple[Tensor | None, ...]:
        """In the order of torch's parameters, None for the biases that are left out; then those of the options."""
        if self.kind in OTHERS:
            return self._other_weights()
        G = _GATES[self.kind] * self.H
        shapes: list[tuple[int, ...]] = [(G, self.I), (G, self.P), (G,), (G,)]
        if self.kind == "lstm_projected":
            shapes.append((self.P, self.H))
        # Of a spectral radius of at most about one: what expands, expands every rounding too, and no bound holds.
        scale = min(0.6, self.P**-0.5)
        drawn = [scale * self.draw(*shape, offset=10 + k) for k, shape in enumerate(shapes)]
        kept = [None if len(w.shape) == 1 and not self.bias else w.requires_grad_() for w in drawn]
        sizes = {"weight_peep": 3 * self.H, "weight_ln_c": self.H, "bias_ln_c": self.H}
        vectors = [self.draw(sizes.get(name, G), offset=30 + k) for k, name in enumerate(self.own())]
        return *kept, *((0.6 + 0.3 * v).requires_grad_() for v in vectors)

    def _other_weights(self) -> tuple[Tensor | None, ...]:
        spec = find_cell(self.kind)
        shapes = spec.shapes(self.I, self.H)
        scale = min(0.6, self.H**-0.5)
        drawn = {symbol: scale * self.draw(*shapes[symbol], offset=10 + k) for k, symbol in enumerate(spec.weights)}
        kept = [w.requires_grad_() if self.bias or symbol[0] != "b" else None for symbol, w in drawn.items()]
        gains = [self.draw(len(spec.gates) * self.H, offset=30 + k) for k, _ in enumerate(self.own())]
        return *kept, *((0.6 + 0.3 * v).requires_grad_() for v in gains)

    def own(self) -> list[str]:
        """The weights of the options, by the names of their arguments."""
        if self.kind in OTHERS:
            norm = find_cell(self.kind).options.get("layer_norm", {}) if "+norm" in self.cell else {}
            return [parameter_name(symbol) for symbol in norm]
        names = ["weight_ln_ih", "weight_ln_hh"] if "+norm" in self.cell else []
        if self.has_c:
            names += ["weight_ln_c", "bias_ln_c"] if "+norm" in self.cell else []
            names += ["weight_peep"] if "+peep" in self.cell else []
        return names

    def zoneout(self, rows: slice = ALL, steps: slice = ALL) -> Any:
        """The argument of this name, the masks for these rows and steps alone."""
        if "+rate" in self.cell:
            return (0.3, 0.2) if self.has_c else 0.3
        if "+mask" not in self.cell:
            return None
        widths = (self.P, self.H) if self.has_c else (self.P,)
        masks = tuple(self.draw(self.B, self.T, w, offset=22 + k)[rows, steps] > 0.5 for k, w in enumerate(widths))
        return masks if self.has_c else masks[0]

    def resets(self) -> Tensor:
        return self.draw(self.B, self.T, offset=20) > 0.5

    def lengths(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 21)
        return torch.randint(0, self.T + 1, (self.B,), generator=generator)

    def run(
        self,
        x: Tensor,
        state: tuple[Tensor, ...] | None,
        weights: Iterable[Tensor | None],
        /,
        *part: slice,
        **options: Any,
    ) -> tuple[Any, ...]:
        """y, the last states, and the trace if asked for, in one tuple.

        part: which rows and which steps of the problem x holds; all where left out.
        """
        every = list(weights)
        if self.kind in OTHERS:
            names = [*map(parameter_name, find_cell(self.kind).weights), *self.own()]
            options = {"zoneout": self.zoneout(*part)} | options
            y, last, *trace = recurrence(self.kind, x, state, dict(zip(names, every, strict=True)), **options)
            return y, *last, *trace
        n = 5 if self.kind == "lstm_projected" else 4
        options = dict(zip(self.own(), every[n:], strict=True)) | options
        if "zoneout" not in options:
            options["zoneout"] = self.zoneout(*part)
        if self.has_c:
            found: tuple[Any, ...] = lstm(x, state, *every[:n], **options)  # type: ignore[arg-type]
            return found[0], *found[1], *found[2:]
        h_0 = None if state is None else state[0]
        if self.kind.startswith("gru"):
            return gru(x, h_0, *every[:n], reset_after=self.kind == "gru", **options)  # type: ignore[arg-type]
        nonlinearity = self.kind.removeprefix("rnn_")
        return rnn(x, h_0, *every[:n], nonlinearity=nonlinearity, **options)  # type: ignore[arg-type]


def cells(kinds: Iterable[str] = CELLS + OTHERS) -> st.SearchStrategy[str]:
    """Cells of these kinds with any options."""
    some = st.sampled_from(["", "+norm"]), st.sampled_from(["", "+peep"]), st.sampled_from(["", "+mask", "+rate"])

    def joined(kind: str, *options: str) -> str:
        return kind + "".join(option for option in options if option != "+peep" or kind.startswith("lstm"))

    return st.builds(joined, st.sampled_from(tuple(kinds)), *some)


def problems(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Problem]:
    """Problems of every cell, with and without options and bias, from one step of one row to odd sizes."""
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "cell": cells(),
        "B": st.integers(1, 4),
        "T": st.integers(1, 7),
        "I": st.integers(1, 5),
        "H": st.integers(1, 7),
        "bias": st.booleans(),
        "seed": st.integers(0, 1000).map(lambda n: 100 * n),
    }
    return st.builds(Problem, **(drawn | fixed))


def backends_of(cell: str) -> tuple[str, ...]:
    """The backends that can run this cell in these dtypes on the CPU."""
    return BACKEND_NAMES[1:] if cell.startswith(("lstm_projected", *OTHERS)) else BACKEND_NAMES


def posed(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Problem, str]]:
    """A problem and a backend that can run it."""
    return problems(**fixed).flatmap(lambda p: st.tuples(st.just(p), st.sampled_from(backends_of(p.cell))))


def present(*tensors: Tensor | None) -> list[Tensor]:
    return [t for t in tensors if t is not None]


def gradients(outputs: Iterable[Tensor], towards: Iterable[Tensor]) -> list[Tensor]:
    """The gradient towards each tensor, zeros where none arrives, with a random cotangent on each output."""
    generator = torch.Generator().manual_seed(0)
    pairs = [(o, torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)) for o in outputs]
    connected, cotangents = zip(*[pair for pair in pairs if pair[0].requires_grad], strict=True)
    return list(torch.autograd.grad(connected, list(towards), cotangents, allow_unused=True, materialize_grads=True))
