"""Feeds: an epoch's loss is the exact score, epochs start afresh, and a restored feed goes on with the same bits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.models import ConditionalModel, ModelConfig
from chainrule.training import (
    Feed,
    FullBPTT,
    Group,
    LabelledFeed,
    Piece,
    StreamFeed,
    Streams,
    TruncatedBPTT,
    load_tensors,
    log_probs,
    save_tensors,
)
from tests.models.cases import CONFIGS, TRANSFORMS, series_model, symbol_model, symbols, values
from tests.tolerances import close
from tests.training.bptt.through_time import collected

DOCUMENTS = [symbols(1, length, seed=length)[0].numpy() for length in (7, 1, 12, 5)]
SERIES = [values(1, 25)[0].numpy()]


def epoch(feed: StreamFeed, model: ConditionalModel) -> tuple[Tensor, int]:
    """The summed loss of an epoch, and over how many steps."""
    now = feed.streams.position[0]
    chunks = []
    while feed.streams.position[0] == now:
        chunks.append(feed.backward(model))
    return torch.tensor(sum(loss * count for loss, count in chunks)), sum(count for _, count in chunks)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("window", [1, 4, 100])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_one_row_s_loss_over_an_epoch_is_the_exact_score(config: ModelConfig, window: int) -> None:
    """Truncation changes gradients, not values."""
    for model, documents in (
        (symbol_model(config), DOCUMENTS),
        (series_model(config, TRANSFORMS["log-return"]), SERIES),
    ):
        feed = StreamFeed(Streams(documents, batch=1, window=window))
        exact = -np.concatenate(log_probs(model, [Piece(document) for document in documents])).sum()
        for _ in range(2):  # every epoch starts afresh
            loss, steps = epoch(feed, model)
            close(loss, torch.tensor(exact, dtype=loss.dtype))
            assert steps == sum(map(len, documents))


def test_gradients_stop_where_a_chunk_begins() -> None:
    model = symbol_model(CONFIGS["gru1"])
    feed = StreamFeed(Streams(DOCUMENTS[2:3], batch=1, window=4))
    feed.backward(model)
    model.zero_grad()
    feed.backward(model)
    gradient = model.embedding.single.weight.grad
    assert gradient is not None
    x = torch.from_numpy(DOCUMENTS[2])[None]
    with torch.no_grad():
        carry = model.read(x[:, :4])
    log_prob, _ = model(x[:, 4:8], carry)
    close(gradient, torch.autograd.grad(-log_prob.sum(), model.embedding.single.weight)[0])


def test_rows_score_as_documents_of_their_own() -> None:
    """A row that begins inside a document begins cold; the loss is the mean over real steps."""
    model = symbol_model(CONFIGS["lstm2"])
    x = DOCUMENTS[2][:11]
    loss, steps = epoch(StreamFeed(Streams([x], batch=2, window=3)), model)
    exact = -np.concatenate(log_probs(model, [Piece(x[:5]), Piece(x[5:])])).sum()
    close(loss, torch.tensor(exact, dtype=loss.dtype))
    assert steps == 11


def goes_on(model: nn.Module, feed: Feed, other: Feed, path: Path) -> None:
    """The other feed, restored from a file of the first one's state, gives the same losses."""
    save_tensors(path, feed.state(), {})
    other.restore(load_tensors(path)[0])
    for _ in range(9):
        loss, count = feed.backward(model)
        same, as_many = other.backward(model)
        assert loss == same
        assert count == as_many


@pytest.mark.sampled(1)
@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("config", [*CONFIGS.values(), ModelConfig("ar", window=1)], ids=[*CONFIGS, "ar of window 1"])
def test_a_restored_stream_goes_on(config: ModelConfig, before: int, tmp_path: Path) -> None:
    for model, documents in ((symbol_model(config), DOCUMENTS), (series_model(config, TRANSFORMS["none"]), SERIES)):
        feed, other = (StreamFeed(Streams(documents, batch=2, window=4)) for _ in range(2))
        for _ in range(before):
            feed.backward(model)
        other.backward(model)  # what it was before is forgotten
        goes_on(model, feed, other, tmp_path / "state.safetensors")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("before", [0, 3, 6])
@pytest.mark.parametrize("bptt", [TruncatedBPTT(4, 11), FullBPTT("1MB"), "auto", None], ids=str)
@pytest.mark.parametrize("name", ["conv2", "lstm2"])
def test_a_restored_stream_goes_on_however_far_gradients_go(
    name: str, bptt: TruncatedBPTT | FullBPTT | str | None, before: int, tmp_path: Path
) -> None:
    model = symbol_model(CONFIGS[name])
    window = 100 if isinstance(bptt, FullBPTT) else 4

    def make() -> StreamFeed:
        random = bptt is None
        return StreamFeed(Streams(DOCUMENTS, 2, window, shuffle=True, random_windows=random), bptt, state_dropout=0.3)

    feed = make()
    other = make()
    for _ in range(before):
        feed.backward(model)
    save_tensors(tmp_path / "state", feed.state(), {})
    other.restore(load_tensors(tmp_path / "state")[0])
    gradients = []
    for one in (feed, other):
        torch.manual_seed(0)
        model.zero_grad()
        gradients.append(([one.backward(model) for _ in range(9)], collected(model).tolist()))
    assert gradients[0] == gradients[1]


def test_a_state_that_is_always_forgotten_makes_every_chunk_a_document() -> None:
    model = symbol_model(CONFIGS["gru1"])
    x = DOCUMENTS[2]
    feed = StreamFeed(Streams(x, batch=1, window=5), state_dropout=1 - 1e-12)
    loss, _ = epoch(feed, model)
    exact = -np.concatenate(log_probs(model, [Piece(x[:5]), Piece(x[5:10]), Piece(x[10:])])).sum()
    close(loss, torch.tensor(exact, dtype=loss.dtype))


def test_half_a_window_has_half_the_learning_rate() -> None:
    model = symbol_model(CONFIGS["gru1"])
    feed = StreamFeed(Streams(symbols(1, 3000)[0].numpy(), batch=1, window=30, random_windows=True))
    steps = [(feed.backward(model)[1], feed.rate) for _ in range(60)]
    assert all(rate == count / 30 for count, rate in steps)
    assert len(set(steps)) > 5


def test_the_window_is_chosen_by_what_it_loses() -> None:
    """An AR of three steps needs no more than the shortest; its gradient does not go back through time at all."""
    model = symbol_model(CONFIGS["ar1"])
    feed = StreamFeed(Streams(symbols(1, 60_000)[0].numpy(), batch=2, window=64), "auto")
    windows = [feed.chosen_window]
    for _ in range(51):
        feed.backward(model)
        windows.append(feed.chosen_window)
    assert windows == [64] * 51 + [16]
    assert StreamFeed(Streams(np.arange(9), 1, 4)).chosen_window is None


@pytest.mark.parametrize("left", [1, 15, 40, 511])
def test_no_window_is_chosen_by_the_little_that_is_left_of_an_epoch(left: int) -> None:
    """Chunk 51, before which the window is measured, is where ``left`` steps are left, and one less in some rows."""
    model = symbol_model(CONFIGS["gru1"])
    feed = StreamFeed(Streams(symbols(1, 3 * (50 * 64 + left) - 1)[0].numpy(), batch=3, window=64), "auto")
    for _ in range(52):
        feed.backward(model)
        assert feed.chosen_window == 64


def test_of_several_processes_the_first_one_chooses_the_window() -> None:
    """The second one has nothing to say: its streams would not tell the same."""

    class Of256(Group):
        def sum(self, numbers: Sequence[float]) -> list[float]:
            assert list(numbers) == [0]
            return [256.0]

    model = symbol_model(CONFIGS["ar1"])
    group = Of256(rank=1, size=2)
    feed = StreamFeed(Streams(symbols(1, 60_000)[0].numpy(), batch=2, window=64), "auto", group=group)
    for _ in range(51):
        feed.backward(model)
    assert feed.chosen_window == 256


def _labelled(seed: int) -> tuple[LabelledFeed, list[int]]:
    """A feed of ten numbered examples, and the order in which it asked for them."""
    asked: list[int] = []

    def batch_of(index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        asked.extend(index.tolist())
        return (index[:, None].float(),), index % 2

    return LabelledFeed(10, 4, batch_of, seed), asked


def test_labelled_examples_come_once_an_epoch_in_an_order_of_their_own() -> None:
    model = nn.Linear(1, 2)
    feed, asked = _labelled(seed=0)
    assert [feed.backward(model)[1] for _ in range(6)] == [4, 4, 2] * 2
    first = asked[:10]
    second = asked[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    again, asked_again = _labelled(seed=0)
    for _ in range(6):
        again.backward(model)
    assert asked_again == asked


@pytest.mark.parametrize("before", [0, 2, 3, 4])
def test_a_restored_labelled_feed_goes_on(before: int, tmp_path: Path) -> None:
    model = nn.Linear(1, 2)
    feed, _ = _labelled(seed=3)
    for _ in range(before):
        feed.backward(model)
    goes_on(model, feed, _labelled(seed=3)[0], tmp_path / "state.safetensors")
