"""The laws of a causal layer with state, for outputs, final state and every gradient."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.convolution import causal_convolution, convolution
from tests.ops.convolution.cases import random
from tests.tolerances import close

BACKENDS = ["formula", "reference"]


@dataclass
class Case:
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    state: Tensor
    resets: Tensor | None
    lengths: Tensor | None
    dilation: int
    groups: int

    @property
    def leaves(self) -> list[Tensor]:
        return [each for each in (self.x, self.weight, self.bias, self.state) if each is not None]

    def run(self, backend: str = "formula") -> tuple[Tensor, Tensor]:
        return causal_convolution(
            self.x,
            self.weight,
            self.bias,
            state=self.state,
            resets=self.resets,
            lengths=self.lengths,
            dilation=self.dilation,
            groups=self.groups,
            backend=backend,
        )

    def piece(self, rows: slice, steps: slice, state: Tensor) -> "Case":
        """The same layer on some rows and steps, with nothing ragged."""
        resets = None if self.resets is None else self.resets[rows, steps]
        return replace(self, x=self.x[rows, :, steps], state=state, resets=resets, lengths=None)


@st.composite
def cases(draw: st.DrawFn, resets: bool | None = None, ragged: bool | None = None) -> Case:
    B, T, K, dilation = (draw(st.integers(*ends)) for ends in ((1, 3), (0, 9), (1, 4), (1, 3)))
    groups, c_in, c_out = (draw(st.integers(*ends)) for ends in ((1, 3), (1, 2), (1, 2)))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    with_resets = draw(st.booleans()) if resets is None else resets
    with_lengths = draw(st.booleans()) if ragged is None else ragged
    return Case(
        x=random(B, groups * c_in, T, contiguous=draw(st.booleans())),
        weight=random(groups * c_out, c_in, K),
        bias=random(groups * c_out) if draw(st.booleans()) else None,
        state=random(B, groups * c_in, dilation * (K - 1)),
        resets=torch.rand(B, T) < 0.3 if with_resets else None,
        lengths=torch.randint(0, T + 1, (B,)) if with_lengths else None,
        dilation=dilation,
        groups=groups,
    )


def agree(actual: Sequence[Tensor], expected: Sequence[Tensor], leaves: Sequence[Tensor]) -> None:
    """Outputs and states are equal, and so are all gradients of a random weighting of them."""
    cotangents = [torch.randn_like(each) for each in expected]

    def gradients(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        # An empty output may depend on nothing, which autograd refuses to differentiate: add each leaf, once.
        terms = [(y * dy).sum() for y, dy in zip(outputs, cotangents, strict=True)]
        return torch.autograd.grad(torch.stack([*terms, *(leaf.sum() for leaf in leaves)]).sum(), leaves)

    for one, other in zip(actual, expected, strict=True):
        close(one, other)
    for one, other in zip(gradients(actual), gradients(expected), strict=True):
        close(one, other)


@given(cases())
@settings(deadline=None, max_examples=200)
def test_formula_equals_reference(case: Case) -> None:
    agree(case.run("formula"), case.run("reference"), case.leaves)


@given(cases(resets=False, ragged=False))
@settings(deadline=None, max_examples=40)
def test_without_state_it_is_convolution_with_causal_padding(case: Case) -> None:
    if case.x.shape[-1] == 0:
        return
    y, _ = causal_convolution(case.x, case.weight, case.bias, dilation=case.dilation, groups=case.groups)
    expected = convolution(case.x, case.weight, case.bias, padding="causal", dilation=case.dilation, groups=case.groups)
    agree([y], [expected], case.leaves)


@pytest.mark.parametrize("backend", BACKENDS)
@given(case=cases(ragged=False), data=st.data())
@settings(deadline=None, max_examples=60)
def test_chunked_equals_whole(backend: str, case: Case, data: st.DataObject) -> None:
    T = case.x.shape[-1]
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, T), max_size=3))), T]
    pieces = []
    state = case.state
    for start, end in pairwise(cuts):
        y, state = case.piece(slice(None), slice(start, end), state).run(backend)
        pieces.append(y)
    agree([torch.cat(pieces, dim=-1), state], case.run(backend), case.leaves)


@pytest.mark.parametrize("backend", BACKENDS)
@given(case=cases(resets=False, ragged=False), data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_reset_equals_two_separate_sequences(backend: str, case: Case, data: st.DataObject) -> None:
    B, _, T = case.x.shape
    if T == 0:
        return
    t = data.draw(st.integers(0, T - 1))
    resets = (torch.arange(T) == t).expand(B, T)
    before, _ = case.piece(slice(None), slice(0, t), case.state).run(backend)
    after, state = case.piece(slice(None), slice(t, T), torch.zeros_like(case.state)).run(backend)
    agree(replace(case, resets=resets).run(backend), [torch.cat([before, after], dim=-1), state], case.leaves)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("backend", BACKENDS)
@given(case=cases(ragged=True))
@settings(deadline=None, max_examples=60)
def test_a_ragged_batch_equals_its_rows_one_by_one(backend: str, case: Case) -> None:
    """Whatever lies beyond a row's length, NaN here, is not read."""
    assert case.lengths is not None
    T = case.x.shape[-1]
    outputs = []
    states = []
    for b, length in enumerate(case.lengths.tolist()):
        row = slice(b, b + 1)
        y, state = case.piece(row, slice(0, length), case.state[row]).run(backend)
        outputs.append(torch.nn.functional.pad(y, (0, T - length)))
        states.append(state)
    beyond = torch.arange(T) >= case.lengths[:, None, None]
    poisoned = replace(case, x=case.x.masked_fill(beyond, torch.nan))
    agree(poisoned.run(backend), [torch.cat(outputs), torch.cat(states)], case.leaves)


@given(case=cases(ragged=False), data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_reset_is_not_reached_across(case: Case, data: st.DataObject) -> None:
    """Not even NaN before a reset, in x or in the state, is seen after it."""
    B, _, T = case.x.shape
    if T == 0:
        return
    t = data.draw(st.integers(0, T - 1))
    resets = (torch.arange(T) == t).expand(B, T)
    poisoned = replace(
        case,
        x=case.x.masked_fill(torch.arange(T) < t, torch.nan),
        state=torch.full_like(case.state, torch.nan),
        resets=resets,
    )
    y, state = poisoned.run()
    assert y[..., t:].isfinite().all()
    assert state.isfinite().all()


def test_first_and_second_derivatives_are_those_of_finite_differences() -> None:
    resets = torch.tensor([[False, True, False, False, False], [False, False, False, True, False]])
    lengths = torch.tensor([4, 5])

    def op(x: Tensor, weight: Tensor, bias: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return causal_convolution(x, weight, bias, state=state, resets=resets, lengths=lengths, dilation=2, groups=2)

    leaves = random(2, 2, 5), random(2, 1, 3), random(2), random(2, 2, 4)
    assert torch.autograd.gradcheck(op, leaves)
    assert torch.autograd.gradgradcheck(op, leaves)


def test_without_a_batch_it_is_a_batch_of_one() -> None:
    x = random(2, 7)
    weight = random(3, 2, 3)
    state = random(2, 2)
    resets = torch.tensor([False, False, True, False, False, False, False])
    y, last = causal_convolution(x, weight, state=state, resets=resets, lengths=torch.tensor(6))
    expected = causal_convolution(x[None], weight, state=state[None], resets=resets[None], lengths=[6])
    agree([y[None], last[None]], expected, [x, weight, state])


X = torch.zeros(2, 4, 9)
W = torch.zeros(6, 4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: causal_convolution(X, W, backend="fast"), ArgumentError, "unknown backend 'fast'"),
        (lambda: causal_convolution(X, W[..., None]), ShapeError, "weight has shape (6, 4, 3, 1); expected"),
        (
            lambda: causal_convolution(X, W, dilation=0),
            ArgumentError,
            "dilation is 0; expected a positive int",
        ),
        (
            lambda: causal_convolution(X, W, state=X[..., :3]),
            ShapeError,
            "state is torch.float32 of shape (2, 4, 3) on cpu; with this x it must be torch.float32",
        ),
        (
            lambda: causal_convolution(X, W, resets=torch.zeros(2, 8, dtype=torch.bool)),
            ShapeError,
            "resets is torch.bool of shape (2, 8); with this x it must be torch.bool of shape (2, 9)",
        ),
        (
            lambda: causal_convolution(X, W, resets=torch.zeros(2, 9)),
            ShapeError,
            "resets is torch.float32 of shape (2, 9)",
        ),
        (
            lambda: causal_convolution(X, W, lengths=torch.tensor([1.0, 2.0])),
            ShapeError,
            "lengths is torch.float32 of shape (2,); with this x it must be integers of shape (2,)",
        ),
        (
            lambda: causal_convolution(X, W, lengths=[1, 2, 3]),
            ShapeError,
            "lengths is torch.int64 of shape (3,)",
        ),
        (
            lambda: causal_convolution(X, W, lengths=[1, 10]),
            ArgumentError,
            "lengths are [1, 10]; each must lie between 0 and the 9 steps of x",
        ),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], tuple[Tensor, Tensor]], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()
