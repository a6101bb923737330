"""Losses of parts put together: of every loss of torch's, the value and the gradient of the whole."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.errors import ArgumentError
from chainrule.training import FullBPTT, TruncatedBPTT, estimate
from chainrule.training.bptt.loss_shares import shares
from chainrule.training.bptt.losses import evaluate, loss_of
from chainrule.training.bptt.recomputation import Plan
from tests.tolerances import close
from tests.training.bptt.test_trees import planned
from tests.training.bptt.through_time import collected

ROWS = 2
STEPS = 12
CLASSES = 4
CLASS_WEIGHTS = torch.tensor([0.2, 3.0, 1.0, 7.0], dtype=torch.float64)
PLANS = [Plan(4, 3, 2), Plan(5, 3, 1), Plan(1, 12, 2)]


def labels(ignored: int | None = None, seed: int = 0) -> Tensor:
    """Classes; of the last steps, and of one in the middle, none that count."""
    y = torch.randint(CLASSES, (ROWS, STEPS), generator=torch.Generator().manual_seed(seed))
    if ignored is not None:
        y[:, 8:] = ignored
        y[0, 2:5] = ignored
    return y


def values(seed: int = 1) -> Tensor:
    return torch.randn(ROWS, STEPS, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair_of_masked(h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    there = ~y.isnan()
    return (h - y.nan_to_num()).square()[there].sum(), there.sum()


def masked_mean(h: Tensor, y: Tensor) -> Tensor:
    return (h - y)[~y.isnan()].abs().mean()


def holed() -> Tensor:
    y = values()
    y[:, 8:] = float("nan")
    y[1, 1:6] = float("nan")
    return y


def nll(h: Tensor, y: Tensor, **options: Any) -> Tensor:
    return F.nll_loss(h.log_softmax(1), y, **options)


def gaussian(h: Tensor, y: Tensor, **options: Any) -> Tensor:
    return F.gaussian_nll_loss(h, y, 0.1 + h.square(), **options)


def divergence(h: Tensor, y: Tensor, **options: Any) -> Tensor:
    return F.kl_div(h.log_softmax(1), y, **options)


def binary(h: Tensor, y: Tensor, **options: Any) -> Tensor:
    return F.binary_cross_entropy(h.sigmoid(), y, **options)


def embedding(h: Tensor, y: Tensor, **options: Any) -> Tensor:
    return F.cosine_embedding_loss(h, h.flip(1) + 1, 2 * y - 1, **options)


SHARED = values(3).softmax(-1)
LOSSES: dict[str, tuple[Callable[..., Any], Tensor]] = {
    "cross entropy": (F.cross_entropy, labels()),
    "ignored": (F.cross_entropy, labels(-100)),
    "ignored 0": (partial(F.cross_entropy, ignore_index=0), labels(0)),
    "ignored 2": (nn.CrossEntropyLoss(ignore_index=2), labels(2)),
    "weighed": (partial(F.cross_entropy, weight=CLASS_WEIGHTS), labels()),
    "smoothed": (partial(F.cross_entropy, label_smoothing=0.1), labels()),
    "all of it": (partial(F.cross_entropy, weight=CLASS_WEIGHTS, label_smoothing=0.1), labels(-100)),
    "shared": (F.cross_entropy, SHARED),
    "shared, weighed": (partial(F.cross_entropy, weight=CLASS_WEIGHTS), SHARED),
    "nll": (nll, labels()),
    "nll, weighed": (partial(nll, weight=CLASS_WEIGHTS), labels(-100)),
    "mse": (F.mse_loss, values()),
    "l1": (F.l1_loss, values()),
    "smooth l1": (partial(F.smooth_l1_loss, beta=0.5), values()),
    "huber": (partial(F.huber_loss, delta=0.7), values()),
    "logits": (F.binary_cross_entropy_with_logits, SHARED.round()),
    "logits, weighed": (
        partial(F.binary_cross_entropy_with_logits, pos_weight=CLASS_WEIGHTS, weight=CLASS_WEIGHTS.flip(0)),
        SHARED.round(),
    ),
    "probabilities": (binary, SHARED),
    "gaussian": (gaussian, values()),
    "poisson": (F.poisson_nll_loss, SHARED),
    "soft margin": (F.soft_margin_loss, values().sign()),
    "multilabel": (F.multilabel_soft_margin_loss, SHARED.round()),
    "multi margin": (F.multi_margin_loss, labels()),
    "hinge": (F.hinge_embedding_loss, values().sign()),
    "cosine": (embedding, labels() % 2),
    "holes": (masked_mean, holed()),
}
SUMMED = [name for name in LOSSES if name not in ("holes",)]
CASES = [(name, loss, y) for name, (loss, y) in LOSSES.items()]
CASES += [(f"{name}, summed", partial(LOSSES[name][0], reduction="sum"), LOSSES[name][1])
          for name in SUMMED if not isinstance(LOSSES[name][0], nn.Module)]  # fmt: skip
CASES += [
    ("a pair", pair_of_masked, holed()),
    ("divergence", partial(divergence, reduction="batchmean"), SHARED),
    ("divergence, summed", partial(divergence, reduction="sum"), SHARED),
]
every_loss = pytest.mark.parametrize(("loss", "y"), [pytest.param(loss, y, id=name) for name, loss, y in CASES])


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.cell = nn.GRU(2, 4, batch_first=True).double()
        self.out = nn.Linear(4, CLASSES).double()

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h, state = self.cell(x, state)
        return self.out(h), state


X = torch.randn(ROWS, STEPS, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def whole(model: nn.Module, loss: Callable[..., Any], y: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The loss and the gradient as torch has them, of all steps at once."""
    live = torch.ones(ROWS, STEPS, dtype=torch.bool) if mask is None else mask
    found = loss(model(X, None)[0][live], y[live])
    value = found[0] / found[1] if isinstance(found, tuple) else found
    value.backward()
    return value.detach(), collected(model)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("chosen", PLANS, ids=str)
@every_loss
def test_parts_make_the_whole(
    loss: Callable[..., Any], y: Tensor, chosen: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    for mask in (None, torch.arange(STEPS) < torch.tensor([[STEPS], [6]])):
        value, gradient = whole(model, loss, y, mask)
        found, _ = planned(chosen, monkeypatch)(model, loss, X, y, mask=mask)
        close(found, value)
        close(collected(model), gradient)


@pytest.mark.sampled(1)
@every_loss
def test_chunks_are_their_own_losses(loss: Callable[..., Any], y: Tensor) -> None:
    """Of a chunk in which nothing counts, the loss is zero, and so is the gradient."""
    model = Model()
    place = None
    state = None
    for begin in range(0, STEPS, 4):
        part = slice(begin, begin + 4)
        output, after = model(X[:, part], state)
        expected = evaluate(loss, output.flatten(0, 1), y[:, part].flatten(0, 1))
        if expected is not None:
            expected.backward()
        gradient = collected(model)
        state = after.detach()
        value, place = TruncatedBPTT(4)(model, loss, X[:, part], y[:, part], place)
        assert value.isfinite()
        close(value, torch.zeros(()).double() if expected is None else expected.detach())
        close(collected(model), gradient)


@pytest.mark.parametrize("name", ["ignored", "ignored 0", "ignored 2", "all of it", "holes"])
def test_a_mean_over_nothing_is_nothing(name: str) -> None:
    loss, y = LOSSES[name]
    output = torch.randn(ROWS, 4, CLASSES, dtype=torch.float64)
    assert loss(output.flatten(0, 1), y[:, 8:].flatten(0, 1)).isnan()
    assert loss_of(loss, output, y[:, 8:], None) is None
    with pytest.raises(ArgumentError, match="no target counts"):
        FullBPTT()(Model(), loss, X[:, 8:], y[:, 8:])


def test_a_loss_that_is_nan_stays_nan() -> None:
    model = Model()
    for bptt in (FullBPTT(), TruncatedBPTT(STEPS)):
        assert bptt(model, lambda h, y: (h - 1e3).log().mean(), X, values())[0].isnan()
    with torch.no_grad():
        model.out.bias.fill_(float("nan"))
    assert TruncatedBPTT(STEPS)(model, F.cross_entropy, X, labels())[0].isnan()


def test_nan_in_one_part_is_nan_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    y = values()
    y[0, 10] = float("nan")
    assert planned(Plan(4, 3, 2), monkeypatch)(Model(), F.mse_loss, X, y)[0].isnan()


def root(h: Tensor, y: Tensor) -> Tensor:
    return (h - y).square().mean().sqrt()


def correlation(h: Tensor, y: Tensor) -> Tensor:
    return -torch.corrcoef(torch.stack([h.flatten(), y.flatten()]))[0, 1]


def alignment(h: Tensor, y: Tensor) -> Tensor:
    return F.ctc_loss(h.log_softmax(-1)[:, None], torch.tensor([[1, 2]]), torch.tensor([len(h)]), torch.tensor([2]))


def sum_and_more(h: Tensor, y: Tensor) -> Tensor:
    return (h - y).square().sum() + 3.0


@pytest.mark.parametrize("loss", [root, correlation, alignment, sum_and_more])
def test_what_is_neither_mean_nor_sum_is_refused(loss: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with pytest.raises(ArgumentError, match=r"neither a mean nor a sum|shares of parts cannot be told"):
        planned(Plan(4, 3, 2), monkeypatch)(model, loss, X, values())
    assert not collected(model).any()
    value, _ = FullBPTT()(model, loss, X, values())  # whole, it may be anything
    close(value, whole(model, loss, values())[0])


def test_pairs_that_are_none_are_refused() -> None:
    def with_count(count: object, h: Tensor, _: Tensor) -> tuple[Tensor, object]:
        return h.sum(), count

    for count in (-1, float("nan"), "12", torch.ones(2)):
        with pytest.raises(ArgumentError, match="expected a number of at least 0"):
            FullBPTT()(Model(), partial(with_count, count), X, values())
    with pytest.raises(ArgumentError, match=r"the mean or sum over its steps, or the pair \(sum, count\)"):
        FullBPTT()(Model(), lambda h, y: (h, 3), X, values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shares_are_told_in_little_precision(dtype: torch.dtype) -> None:
    y = labels(-100).flatten()
    steps = torch.randn(len(y), CLASSES).to(dtype)
    parts = list(y.split(4)) * 200  # thousands of steps
    found = shares(F.cross_entropy, steps, y, parts)
    counts = torch.tensor([float((part != -100).sum()) for part in parts])
    assert found is not None
    torch.testing.assert_close(torch.tensor(found), counts / counts.sum(), rtol=1e-5, atol=1e-9)


def test_windows_are_compared_by_the_targets_that_count() -> None:
    """The window of all is the whole, and chunks of which one is ignored lose no more than others."""
    y = labels(-100)
    some, every = estimate(Model(), F.cross_entropy, X, y, windows=[(4, 12), (12, 12)])
    assert some.lost < 1e-12
    assert every.lost < 1e-12


UNLIKE = [[1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 1.5, 1.0], [2.0, 0.5, 0.5, 1.0], [0.0, 1.0, 1.0, 1.0]]


@pytest.mark.parametrize("weights", UNLIKE)
def test_classes_are_told_apart_by_their_weights(weights: list[float]) -> None:
    """Also where they are one on average."""
    w = torch.tensor(weights).double()
    y = labels(seed=4).flatten()
    parts = [y[:5], y[5:6], y[6:]]
    steps = torch.randn(len(y), CLASSES, dtype=torch.float64)
    found = shares(partial(F.cross_entropy, weight=w), steps, y, parts)
    assert found is not None
    close(torch.tensor(found, dtype=torch.float64), torch.stack([w[part].sum() for part in parts]) / w[y].sum())
