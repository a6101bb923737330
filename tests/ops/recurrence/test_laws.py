"""What holds for a causal layer with state: chunks, resets, ragged rows, padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.recurrence.problems import ALL, CELLS, OPTIONED, OTHERS, Problem, backends_of, gradients, posed, present
from tests.tolerances import close

EVERY = [(cell, backend) for cell in CELLS + OTHERS + OPTIONED for backend in backends_of(cell)]


@settings(deadline=None, max_examples=50)
@given(posed(T=st.integers(2, 8)), st.booleans(), st.data())
def test_chunked_equals_whole(case: tuple[Problem, str], reverse: bool, data: st.DataObject) -> None:
    """The state is carried, and gradients flow back through it; going in reverse, the last chunk is first."""
    problem, backend = case
    cuts = sorted(data.draw(st.sets(st.integers(1, problem.T - 1)), label="cuts"))
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    resets = problem.resets()
    resets[:, [0, *cuts]] &= not reverse  # going back, a chunk does not know the edge on its far side
    options = {"backend": backend, "reverse": reverse}
    whole = problem.run(x, state, weights, resets=resets, **options)
    edges = list(zip([0, *cuts], [*cuts, problem.T], strict=True))
    pieces = []
    carried = state
    for a, b in reversed(edges) if reverse else edges:
        y, *last = problem.run(x[:, a:b], carried, weights, ALL, slice(a, b), resets=resets[:, a:b], **options)
        pieces.append(y)
        carried = tuple(last)
    chunked = [torch.cat(pieces[::-1] if reverse else pieces, 1), *carried]
    towards = present(x, *state, *weights)
    for actual, expected in zip(
        [*chunked, *gradients(chunked, towards)], [*whole, *gradients(whole, towards)], strict=True
    ):
        close(actual, expected)


@settings(deadline=None, max_examples=50)
@given(posed(T=st.integers(2, 8)), st.booleans(), st.data())
def test_a_reset_equals_two_sequences(case: tuple[Problem, str], reverse: bool, data: st.DataObject) -> None:
    problem, backend = case
    cut = data.draw(st.integers(1, problem.T - 1), label="cut")
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    resets = torch.zeros(problem.B, problem.T, dtype=torch.bool)
    resets[:, cut] = True
    options = {"backend": backend, "reverse": reverse}
    whole = problem.run(x, state, weights, resets=resets, **options)
    first = problem.run(x[:, :cut], None if reverse else state, weights, ALL, slice(cut), **options)
    second = problem.run(x[:, cut:], state if reverse else None, weights, ALL, slice(cut, None), **options)
    parted = [torch.cat((first[0], second[0]), 1), *(first[1:] if reverse else second[1:])]
    towards = present(x, *state, *weights)
    for actual, expected in zip(
        [*whole, *gradients(whole, towards)], [*parted, *gradients(parted, towards)], strict=True
    ):
        close(actual, expected)


@settings(deadline=None, max_examples=50)
@given(posed(), st.booleans(), st.booleans())
def test_a_ragged_batch_equals_its_rows(case: tuple[Problem, str], reverse: bool, reset: bool) -> None:
    problem, backend = case
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    lengths = problem.lengths()
    resets = problem.resets() if reset else None
    options = {"backend": backend, "reverse": reverse}
    ragged = problem.run(x, state, weights, lengths=lengths, resets=resets, **options)
    rows = []
    for b, n in enumerate(lengths.tolist()):
        row_state = tuple(s[b : b + 1] for s in state)
        row_resets = None if resets is None else resets[b : b + 1, :n]
        part = slice(b, b + 1), slice(n)
        y, *last = problem.run(x[part], row_state, weights, *part, resets=row_resets, **options)
        padding = y.new_zeros(1, problem.T - n, problem.P)
        rows.append((torch.cat((y, padding), 1), *last))
    alone = [torch.cat(column) for column in zip(*rows, strict=True)]
    towards = present(x, *state, *weights)
    for actual, expected in zip(
        [*ragged, *gradients(ragged, towards)], [*alone, *gradients(alone, towards)], strict=True
    ):
        close(actual, expected)


@settings(deadline=None, max_examples=40)
@given(posed(), st.booleans(), st.booleans())
def test_nan_in_padding_reaches_nothing(case: tuple[Problem, str], reverse: bool, reset: bool) -> None:
    problem, backend = case
    state = problem.state()
    weights = problem.weights()
    lengths = problem.lengths()
    padding = torch.arange(problem.T) >= lengths[:, None]
    options = {"lengths": lengths, "resets": problem.resets() if reset else None, "reverse": reverse}
    outcomes = []
    for filler in (0.0, float("nan"), float("inf")):
        x = problem.inputs().detach().masked_fill(padding.unsqueeze(-1), filler).requires_grad_()
        outputs = problem.run(x, state, weights, backend=backend, **options)
        assert not outputs[0][padding].any()
        outcomes.append([*outputs, *gradients(outputs, present(x, *state, *weights))])
        assert not outcomes[-1][len(outputs)][padding].any()
    for clean, *filled in zip(*outcomes, strict=True):
        for other in filled:
            assert torch.equal(clean, other)


@pytest.mark.parametrize(("cell", "backend"), EVERY)
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_before_the_first_step_of_an_empty_state(cell: str, backend: str, reverse: bool) -> None:
    """Where a row begins in padding, or has no steps at all, states are still those of nothing."""
    problem = Problem(cell)
    x = problem.inputs()
    weights = problem.weights()
    options = {"lengths": torch.tensor([problem.T, 2, 0]), "reverse": reverse}
    outcomes = []
    for each in (backend, "reference"):
        outputs = problem.run(x, None, weights, backend=each, **options)
        outcomes.append([*outputs, *gradients(outputs, present(x, *weights))])
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
@pytest.mark.parametrize("reverse", [False, True])
def test_no_steps_return_the_state(cell: str, backend: str, reverse: bool) -> None:
    problem = Problem(cell, T=0)
    state = problem.state()
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "reverse": reverse}
    y, *last = problem.run(problem.inputs(), state, problem.weights(), backend=backend, **options)
    assert y.shape == (problem.B, 0, problem.P)
    assert all(torch.equal(a, b) for a, b in zip(last, state, strict=True))


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_no_rows(cell: str, backend: str) -> None:
    problem = Problem(cell, B=0)
    x = problem.inputs()
    weights = problem.weights()
    y, *_ = outputs = problem.run(x, problem.state(), weights, backend=backend)
    assert y.shape == (0, problem.T, problem.P)
    assert not any(g.any() for g in gradients(outputs, present(*weights)))


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_where_the_edges_lie(cell: str, backend: str) -> None:
    """A reset at step 0 discards the state a forward scan starts from; in reverse no scan crosses it."""
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    resets = torch.zeros(problem.B, problem.T, dtype=torch.bool)
    resets[:, 0] = True
    for reverse, same_as in ((False, None), (True, state)):
        options = {"backend": backend, "reverse": reverse}
        with_reset = problem.run(x, state, weights, resets=resets, **options)
        for a, b in zip(with_reset, problem.run(x, same_as, weights, **options), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_a_reset_stops_nan(cell: str, backend: str) -> None:
    problem = Problem(cell)
    state = tuple(torch.full_like(s, torch.nan).requires_grad_() for s in problem.state())
    weights = problem.weights()
    resets = torch.zeros(problem.B, problem.T, dtype=torch.bool)
    resets[:, 0] = True
    outputs = problem.run(problem.inputs(), state, weights, resets=resets, backend=backend)
    found = [*outputs, *gradients(outputs, present(*state, *weights))]
    assert all(t.isfinite().all() for t in found)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_the_same_call_gives_the_same_bits(cell: str, backend: str) -> None:
    problem = Problem(cell, B=8, T=20, I=16, H=33, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "backend": backend}
    first, second = (
        [*outputs, *gradients(outputs, present(x, *state, *weights))]
        for outputs in (problem.run(x, state, weights, **options) for _ in range(2))
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("cell", CELLS + OTHERS + OPTIONED)
def test_outputs_may_be_changed_in_place(cell: str) -> None:
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    y, *last = problem.run(x, state, weights)
    expected = gradients([2 * y, *(2 * s for s in last)], present(x, *state, *weights))
    y, *last = problem.run(x, state, weights)
    changed = [y.mul_(2), *(s.mul_(2) for s in last)]
    for a, b in zip(gradients(changed, present(x, *state, *weights)), expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_autocast_scans_in_the_dtype_of_the_weights(cell: str, backend: str, low: torch.dtype) -> None:
    """Products may be of bfloat16, which has tests of its own; all else is float32."""
    problem = Problem(cell, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    towards = present(x, *state, *weights)
    plain = problem.run(x, state, weights, backend=backend)
    expected = [*plain, *gradients(plain, towards)]
    with torch.autocast("cpu", dtype=low):
        outputs = problem.run(x, state, weights, backend=backend)
    after = [*outputs, *gradients(outputs, towards)]
    assert all(a.dtype == torch.float32 for a in after)
    if low == torch.float16 or backend == "reference" or cell == "leaky":
        assert all(torch.equal(a, b) for a, b in zip(after, expected, strict=True))


@pytest.mark.parametrize("cell", CELLS + OTHERS + OPTIONED)
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_backward_under_autocast_keeps_the_dtype_too(cell: str, low: torch.dtype) -> None:
    """Whether the inputs come in the lower dtype or not."""
    problem = Problem(cell, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    towards = present(x, *state, *weights)
    low_x = x.to(low)
    low_state = tuple(s.to(low) for s in state)
    with torch.autocast("cpu", dtype=low):
        plain = problem.run(low_x.float(), tuple(s.float() for s in low_state), weights)
        expected = gradients(plain, towards)
        outputs = problem.run(low_x, low_state, weights)
        found = gradients(outputs, towards)
    assert all(torch.equal(a, b) for a, b in zip([*outputs, *found], [*plain, *expected], strict=True))


@settings(deadline=None, max_examples=60)
@given(
    posed(T=st.integers(2, 8)),
    *(st.booleans() for _ in range(3)),
    st.sampled_from([torch.nan, torch.inf, 1e30, 1e5]),
    st.data(),
)
def test_outputs_depend_on_no_later_input(
    case: tuple[Problem, str], reverse: bool, ragged: bool, reset: bool, filler: float, data: st.DataObject
) -> None:
    """The same bits before t whatever comes from t on, and after t in reverse; gradients the other way round."""
    problem, backend = case
    t = data.draw(st.integers(1, problem.T - 1), label="t")
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    options = {"backend": backend, "reverse": reverse}
    options |= {"lengths": problem.lengths()} if ragged else {}
    options |= {"resets": problem.resets()} if reset else {}
    future = torch.arange(problem.T) < t if reverse else torch.arange(problem.T) >= t
    y, *_ = problem.run(x, state, weights, **options)
    changed, *_ = problem.run(x.detach().masked_fill(future[:, None], filler), state, weights, **options)
    assert torch.equal(changed[:, ~future], y[:, ~future])
    dy = problem.draw(*y.shape, offset=40)
    dx, changed_dx = (
        torch.autograd.grad(problem.run(x, state, weights, **options)[0], x, each)[0]
        for each in (dy, dy.masked_fill(~future[:, None], filler))
    )
    assert torch.equal(changed_dx[:, future], dx[:, future])


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
@pytest.mark.parametrize("reverse", [False, True])
def test_large_layers_see_no_future_either(cell: str, backend: str, reverse: bool) -> None:
    problem = Problem(cell, B=9, T=24, I=19, H=37, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    future = torch.arange(24) < 11 if reverse else torch.arange(24) >= 11
    y, *_ = problem.run(x, state, weights, backend=backend, reverse=reverse)
    for filler in (torch.nan, 1e30):
        filled = x.detach().masked_fill(future[:, None], filler)
        changed, *_ = problem.run(filled, state, weights, backend=backend, reverse=reverse)
        assert torch.equal(changed[:, ~future], y[:, ~future])
