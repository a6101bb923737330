"""The laws of a conditional model, stated once and held by all: pieces make the whole, no step sees its future."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.models import Carry, ConditionalModel, MixtureModel, SeriesModel
from chainrule.models.encoders.symbol_window import SymbolWindow
from tests.models.cases import SYMBOLS, Case, every_case, every_series_case, every_symbol_case, symbols
from tests.tolerances import close

STEPS = 9
few = settings(deadline=None, max_examples=4)  # of each of sixty models


def gradients(model: ConditionalModel, log_prob: Tensor) -> list[Tensor]:
    """Of every parameter, under a fixed random cotangent."""
    learned = [p for p in model.parameters() if p.requires_grad]
    if not learned:
        return []
    cotangent = torch.randn(log_prob.shape, dtype=log_prob.dtype, generator=torch.Generator().manual_seed(2))
    return list(torch.autograd.grad(log_prob, learned, cotangent, materialize_grads=True))


def parts(carry: Carry) -> list[Tensor]:
    assert carry.encoder is not None
    return [carry.last, *carry.encoder]


def all_close(actual: list[Tensor], expected: list[Tensor]) -> None:
    for a, e in zip(actual, expected, strict=True):
        close(a, e) if e.is_floating_point() else torch.testing.assert_close(a, e)


@pytest.mark.sampled(1)
@every_case
@few
@given(cuts=st.sets(st.integers(1, STEPS - 1)))
def test_chunks_give_what_the_whole_gives(case: Case, cuts: set[int]) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    whole, last = model(x)
    chunks = []
    carry = None
    for chunk in x.tensor_split(sorted(cuts), dim=1):
        log_prob, carry = model(chunk, carry)
        chunks.append(log_prob)
    assert carry is not None
    pieces = torch.cat(chunks, dim=1)
    close(pieces, whole)
    all_close(parts(carry), parts(last))
    all_close(gradients(model, pieces), gradients(model, whole))


@pytest.mark.sampled(1)
@every_symbol_case
@few
@given(starts=st.tuples(st.integers(1, STEPS - 1), st.integers(1, STEPS - 1)))
def test_a_reset_makes_two_documents(case: Case, starts: tuple[int, int]) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    resets = torch.zeros(2, STEPS, dtype=torch.bool)
    apart = []
    for b, start in enumerate(starts):
        resets[b, start] = True
        apart.append(torch.cat([model.log_prob(x[b : b + 1, :start]), model.log_prob(x[b : b + 1, start:])], dim=1))
    together, carry = model(x, resets=resets)
    close(together, torch.cat(apart))
    all_close(gradients(model, together), gradients(model, torch.cat(apart)))
    for b, start in enumerate(starts):
        _, alone = model(x[b : b + 1, start:])
        all_close(parts(carry.rows(torch.tensor([b]))), parts(alone))


@every_symbol_case
def test_a_reset_at_a_chunk_s_start_discards_the_carry(case: Case) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    _, carry = model(x[:, :4])
    resets = torch.zeros(2, STEPS - 4, dtype=torch.bool)
    resets[:, 0] = True
    after, _ = model(x[:, 4:], carry, resets=resets)
    close(after, model.log_prob(x[:, 4:]))


@pytest.mark.sampled(1)
@every_case
def test_a_streamed_encoder_goes_on_from_a_state_and_starts_rows_afresh(case: Case) -> None:
    model = case.make()
    encoder = (model.network if isinstance(model, MixtureModel) else model).encoder
    if isinstance(encoder, SymbolWindow):
        x = symbols(2, STEPS)
    else:
        width = next(p for p in encoder.parameters() if p.ndim > 1).shape[1]  # type: ignore[attr-defined]
        x = torch.randn(2, STEPS, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    resets = torch.zeros(2, STEPS, dtype=torch.bool)
    resets[0, 5] = resets[1, 4] = True
    whole, _ = encoder(x, resets=resets)
    _, state = encoder(x[:, :4])
    encode = encoder.streamed(state, 2)
    features = []
    for t in range(4, STEPS):
        y, state = encode(x[:, t : t + 1], state, resets=resets[:, t : t + 1])
        features.append(y)
    all_close([torch.cat(features, dim=1)], [whole[:, 4:]])


@pytest.mark.sampled(1)
@every_case
def test_a_batch_is_its_rows(case: Case) -> None:
    model = case.make()
    x = case.data(3, STEPS)
    close(model.log_prob(x), torch.cat([model.log_prob(row[None]) for row in x]))


@pytest.mark.sampled(1)
@every_case
@few
@given(t=st.integers(0, STEPS - 1))
def test_no_step_sees_its_future(case: Case, t: int) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    other = x.clone()
    other[:, t] = (x[:, t] + 1) % SYMBOLS if x.dtype == torch.int64 else 1.5 * x[:, t]
    before = model.log_prob(x)
    after = model.log_prob(other)
    assert torch.equal(before[:, :t], after[:, :t])
    assert not torch.equal(before[:, t:], after[:, t:])


@pytest.mark.sampled(1)
@every_symbol_case
def test_probabilities_sum_to_one(case: Case) -> None:
    model = case.make()
    x = case.data(1, STEPS)
    for t in range(STEPS):
        nexts = torch.cat([x[:, :t].expand(SYMBOLS, t), torch.arange(SYMBOLS)[:, None]], dim=1)
        close(model.log_prob(nexts)[:, t].exp().sum(), torch.tensor(1.0, dtype=torch.float64))


@pytest.mark.sampled(1)
@every_symbol_case
@pytest.mark.parametrize("streamed", [False, True])
def test_the_predictions_of_step_multiply_to_the_whole_symbols(case: Case, streamed: bool) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    carry = model.start(2)
    log_probs = []
    encode = model.encoder.streamed(None, 2) if streamed else None
    for t in range(STEPS):
        prediction, state = model.step(carry, encode)
        log_probs.append(prediction.log_prob(x[:, t]))
        _, carry = model.observe(x[:, t], carry, state)
    close(torch.stack(log_probs, dim=1), model.log_prob(x))


@pytest.mark.sampled(1)
@every_series_case
@pytest.mark.parametrize("streamed", [False, True])
def test_the_predictions_of_step_multiply_to_the_whole_series(case: Case, streamed: bool) -> None:
    model = case.make()
    x = case.data(2, STEPS)
    assert isinstance(model, SeriesModel)
    lag = model.transform.lag
    carry = model.read(x[:, :1]) if lag else model.start(2)
    log_probs = [torch.zeros(2, dtype=torch.float64)] * lag  # the first x is given
    encode = model.encoder.streamed(carry.encoder, 2) if streamed else None
    for t in range(lag, STEPS):
        prediction, state = model.step(carry, encode)
        z = model.transform.apply(x[:, t : t + 1], carry.last[:, 0])[:, 0]
        log_probs.append(prediction.log_prob(z) + model.transform.log_jacobian(x[:, t : t + 1])[:, 0])
        undone, carry = model.observe(z, carry, state)
        close(undone, x[:, t])
    close(torch.stack(log_probs, dim=1), model.log_prob(x))
