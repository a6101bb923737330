"""Scheduled sampling: what is read, and scored, is what the definition says, run step by step."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from chainrule.errors import ArgumentError
from chainrule.models import Carry, SeriesModel, series_model
from chainrule.models.predictions import Gaussian, StudentT
from chainrule.training import FreeRunningFeed, StreamFeed, Streams, TrainingConfig, TruncatedBPTT
from tests.models.cases import CONFIGS, TRANSFORMS
from tests.models.cases import series_model as built
from tests.tolerances import close
from tests.training.bptt.through_time import collected

STEPS = 8
VALUES = np.exp(np.random.default_rng(0).standard_normal((60, 2)) / 4)
SOME = torch.rand(2, STEPS, generator=torch.Generator().manual_seed(1)) < 0.5


@pytest.fixture
def medians(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that are the middle of a distribution, so that runs can be compared."""
    monkeypatch.setattr(Gaussian, "sample", lambda self: self.mean)
    monkeypatch.setattr(StudentT, "sample", lambda self: self.location)


def whole(first: int, rows: int = 2) -> Tensor:
    return torch.from_numpy(np.stack([VALUES[first + k : first + k + STEPS] for k in range(rows)]))


def by_steps(model: SeriesModel, x: Tensor, carry: Carry | None, own: Tensor) -> Tensor:
    """log p(x_t | what was read before it) as scheduled sampling is defined, one step after the other."""
    z = model.transform.apply(x, x[:, 0] if carry is None else carry.last[:, 0])
    read = torch.zeros_like(z[:, 0]) if carry is None else carry.last[:, 1]
    state = None if carry is None else carry.encoder
    scores = []
    for t in range(x.shape[1]):
        is_given = carry is None and model.transform.lag > 0 and t == 0
        features, state = model.encoder(read[:, None], state)
        prediction = model.head(features[:, 0])
        scores.append(torch.zeros(len(x)) if is_given else prediction.log_prob(z[:, t]))
        happened = torch.zeros_like(z[:, t]) if is_given else z[:, t]
        reads_own = own[:, t, None] & ~torch.tensor(is_given)
        read = torch.where(reads_own, prediction.sample(), happened).detach()
    jacobian = model.transform.log_jacobian(x)
    if carry is None and model.transform.lag:
        jacobian[:, 0] = 0
    return torch.stack(scores, dim=1) + jacobian


@pytest.mark.sampled(1)
@pytest.mark.usefixtures("medians")
@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("transform", ["none", "difference", "log-return"])
@pytest.mark.parametrize("name", ["ar1", "mlp1", "conv2", "gru2", "lstm with a learned start"])
def test_passes_over_all_steps_are_a_run_step_by_step(
    name: str, transform: str, carried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many passes as steps, and the gradient too; with fewer, as far as they reach."""
    model = built(CONFIGS[name], TRANSFORMS[transform]).eval()
    x = whole(20)
    carry = model.read(whole(20 - STEPS)) if carried else None
    expected = by_steps(model, x, carry, SOME)
    reach = SOME.cumsum(1).roll(1, 1)
    reach[:, 0] = 0
    for passes in (STEPS, 2):
        monkeypatch.setattr(series_model, "_PASSES", passes)
        log_prob, after, _ = model.predict(x, carry, own=SOME)
        within = reach <= passes
        close(log_prob[within], expected[within])
    assert (log_prob - expected).abs().max() > 1e-12, "two passes do not reach further"
    forced = model.forward(x, carry)[1]
    assert all(map(torch.equal, (after.last, *after.encoder), (forced.last, *forced.encoder)))  # type: ignore[misc]
    monkeypatch.setattr(series_model, "_PASSES", STEPS)
    expected.sum().backward()
    gradient = collected(model)
    model.predict(x, carry, own=SOME)[0].sum().backward()
    close(collected(model), gradient)


def test_it_rises_with_the_share_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    predict = SeriesModel.predict

    def told(self: SeriesModel, x: Tensor, carry: Carry | None = None, **given: Any) -> Any:
        if given.get("own") is not None:
            shares.append(given["own"].double().mean().item())
        return predict(self, x, carry, **given)

    monkeypatch.setattr(SeriesModel, "predict", told)
    model = built(CONFIGS["gru1"], TRANSFORMS["none"]).train()
    values = np.tile(VALUES, (40, 1))
    feed = FreeRunningFeed(Streams(values, 4, 600), probability=0.5)
    torch.manual_seed(0)
    for spent in (0.0, 0.5, 1.0, 1.5):
        feed.backward(model, spent)
    assert shares == pytest.approx([0.25, 0.5, 0.5], abs=0.05)
    feed.backward(model.eval(), 1.0)
    assert len(shares) == 3, "in evaluation mode nothing is drawn"


def test_without_draws_it_is_the_feed_of_streams() -> None:
    losses: list[list[tuple[float, int]]] = []
    for feed in (
        StreamFeed(Streams(VALUES, 2, 10), TruncatedBPTT(10)),
        FreeRunningFeed(Streams(VALUES, 2, 10), TruncatedBPTT(10), probability=0.9),
        FreeRunningFeed(Streams(VALUES, 2, 10), TruncatedBPTT(10), probability=0.0),
    ):
        model = built(CONFIGS["gru1"], TRANSFORMS["difference"]).train()
        spent = 1.0 if len(losses) == 2 else 0.0
        losses.append([feed.backward(model, spent) for _ in range(5)])
    assert losses[0] == losses[1] == losses[2]


def test_it_goes_on_where_it_was() -> None:
    model = built(CONFIGS["gru1"], TRANSFORMS["difference"]).train()

    def feed() -> FreeRunningFeed:
        return FreeRunningFeed(Streams(VALUES, 2, 10), probability=0.7)

    first = feed()
    for _ in range(2):
        first.backward(model, 1.0)
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    rest = feed()
    rest.restore(state)
    for _ in range(4):
        torch.manual_seed(0)
        expected = first.backward(model, 1.0)
        torch.manual_seed(0)
        assert rest.backward(model, 1.0) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bptt": "full"}, "`scheduled_sampling` runs free .* the full gradient has no windows"),
        ({"k1": 4, "k2": 8}, "`scheduled_sampling` needs k1 = k2"),
        ({"scheduled_sampling": 1.5}, "`scheduled_sampling` "),
    ],
)
def test_what_it_does_not_go_with_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingConfig(**{"scheduled_sampling": 0.5} | given)
