"""Random problems for the recurrence: their tensors, one way to run each cell, and all gradients of a run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from chainrule.functional import gru, lstm, rnn

CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm", "lstm_projected")
RUNGS = ("kernels", "formula", "reference")
_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4, "lstm_projected": 4}


@dataclass(frozen=True)
class Problem:
    """Sizes and options; everything drawn from them follows the seed."""

    cell: str
    B: int = 3
    T: int = 6
    I: int = 4  # noqa: E741
    H: int = 5
    bias: bool = True
    seed: int = 0
    dtype: torch.dtype = torch.float64

    @property
    def P(self) -> int:
        """The width of the outputs."""
        return max(1, self.H - 2) if self.cell == "lstm_projected" else self.H

    def of(self, dtype: torch.dtype) -> "Problem":
        """The same problem, rounded to a dtype."""
        return replace(self, dtype=dtype)

    def draw(self, *shape: int, offset: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + offset)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(self.dtype)

    def inputs(self) -> Tensor:
        return self.draw(self.B, self.T, self.I, offset=1).requires_grad_()

    def state(self) -> tuple[Tensor, ...]:
        widths = (self.P, self.H) if self.cell.startswith("lstm") else (self.P,)
        return tuple(self.draw(self.B, w, offset=2 + k).requires_grad_() for k, w in enumerate(widths))

    def weights(self) -> tuple[Tensor | None, ...]:
        """In the order of torch's parameters; None for the biases that are left out."""
        G = _GATES[self.cell] * self.H
        shapes: list[tuple[int, ...]] = [(G, self.I), (G, self.P), (G,), (G,)]
        if self.cell == "lstm_projected":
            shapes.append((self.P, self.H))
        # Of a spectral radius of at most about one: what expands, expands every rounding too, and no bound holds.
        scale = min(0.6, self.P**-0.5)
        drawn = [scale * self.draw(*shape, offset=10 + k) for k, shape in enumerate(shapes)]
        kept = [None if len(w.shape) == 1 and not self.bias else w.requires_grad_() for w in drawn]
        return tuple(kept)

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
        **options: Any,
    ) -> tuple[Tensor, ...]:
        """y and the last states, in one tuple."""
        if self.cell.startswith("lstm"):
            y, (h, c) = lstm(x, state, *weights, **options)  # type: ignore[arg-type]
            return y, h, c
        h_0 = None if state is None else state[0]
        if self.cell == "gru":
            return gru(x, h_0, *weights, **options)  # type: ignore[arg-type]
        nonlinearity = self.cell.removeprefix("rnn_")
        return rnn(x, h_0, *weights, nonlinearity=nonlinearity, **options)  # type: ignore[arg-type]


def problems(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Problem]:
    """Problems of every cell, from one step of one row to odd sizes, with and without bias."""
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "cell": st.sampled_from(CELLS),
        "B": st.integers(1, 4),
        "T": st.integers(1, 7),
        "I": st.integers(1, 5),
        "H": st.integers(1, 7),
        "bias": st.booleans(),
        "seed": st.integers(0, 1000).map(lambda n: 100 * n),
    }
    return st.builds(Problem, **(drawn | fixed))


def rungs(cell: str) -> tuple[str, ...]:
    """The backends that can run this cell in these dtypes on the CPU."""
    return RUNGS[1:] if cell == "lstm_projected" else RUNGS


def posed(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Problem, str]]:
    """A problem and a backend that can run it."""
    return problems(**fixed).flatmap(lambda p: st.tuples(st.just(p), st.sampled_from(rungs(p.cell))))


def present(*tensors: Tensor | None) -> list[Tensor]:
    return [t for t in tensors if t is not None]


def gradients(outputs: Iterable[Tensor], towards: Iterable[Tensor]) -> list[Tensor]:
    """The gradient towards each tensor, zeros where none arrives, with a random cotangent on each output."""
    generator = torch.Generator().manual_seed(0)
    pairs = [(o, torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)) for o in outputs]
    connected, cotangents = zip(*[pair for pair in pairs if pair[0].requires_grad], strict=True)
    return list(torch.autograd.grad(connected, list(towards), cotangents, allow_unused=True, materialize_grads=True))
