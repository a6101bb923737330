"""The recorder in a training loop of one's own."""

import gc
import json
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.lens import Recorder
from chainrule.lens.reach.horizon import of_lags
from chainrule.lens.recurrences.layer_calls import LayerCall
from chainrule.lens.recurrences.stack import Stack
from tests.lens.cases import LAYERS, B, I, T, close, inputs, layer_of, linear_rnn, look


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.memory = torch.nn.GRU(I, 8, batch_first=True)
        self.out = torch.nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.memory(x)[0])  # type: ignore[no-any-return]


def trained(record: bool) -> tuple[dict[str, Tensor], Recorder]:
    torch.manual_seed(0)
    net = Net()
    recorder = Recorder(net, every=3)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    if record:
        recorder.__enter__()
    for step in range(10):
        net.train()
        optimiser.zero_grad()
        net(inputs(step).float()).square().mean().backward()
        optimiser.step()
        net.eval()
        net(inputs(99).float())  # an evaluation is no training step
    recorder.__exit__(None, None, None)
    return net.state_dict(), recorder


def test_training_is_not_changed_by_a_bit() -> None:
    plain, _ = trained(record=False)
    watched, recorder = trained(record=True)
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    assert [record.step for record in recorder.records] == [3, 6, 9]


@pytest.mark.parametrize("name", [name for name in LAYERS if "zoned" not in name and "everything" not in name])
def test_a_record_is_what_the_lens_finds_for_its_targets(name: str) -> None:
    layer = layer_of(name).train()
    x = inputs()
    layer.dropout = 0.0
    generator = torch.Generator().manual_seed(3)
    with Recorder(layer, every=1) as recorder:
        y, _ = layer(x)
        weigh = torch.randn(y.shape, generator=generator, dtype=y.dtype)
        (y * weigh).sum().backward()
    (record,) = recorder.records
    reach = look(layer, x, lambda result: (result[0] * weigh).sum()).reach()
    norms = reach.parts_of_state.get(record.part, reach.norms)
    targets = np.array([T - 1, round((T - 1) * 0.875), round((T - 1) * 0.75)])
    own = norms[np.arange(B), targets][:, None]
    lagged = of_lags(own, targets[:, None])[:, 0]
    starts = np.where(np.isnan(lagged), np.nan, lagged[:, :1])
    expected = np.nansum(lagged, axis=0) / np.nansum(starts, axis=0) * lagged[:, 0].mean()
    close(record.by_lag, expected[: len(record.by_lag)])
    use = {gate.name: gate for gate in look(layer, x).gates().use}
    for gate in record.gates:
        assert gate.mean == pytest.approx(use[gate.name].mean)


def test_passes_that_are_never_taken_back_are_let_go() -> None:
    layer = torch.nn.GRU(I, 8, batch_first=True)
    passes: list[weakref.ref[Tensor]] = []
    gc.disable()
    try:
        with Recorder(layer, every=1) as recorder:
            for _ in range(3):
                passes.append(weakref.ref(layer(inputs().float())[0]))
            y, _ = layer(inputs().float())
        assert not any(each() is not None for each in passes)
        y.sum().backward()  # after the recorder has left
        assert not recorder.records
    finally:
        gc.enable()


def test_checkpointed_models_and_mixed_precision_are_looked_at() -> None:
    layer = torch.nn.GRU(I, 8, batch_first=True)
    x = inputs().float().requires_grad_()
    with Recorder(layer, every=1) as plain:
        layer(x)[0].sum().backward()
    with Recorder(layer, every=1) as checkpointed:
        for _ in range(2):
            checkpoint(lambda x: layer(x)[0], x, use_reentrant=False).sum().backward()
    for record in checkpointed.records:
        close(record.by_lag, plain.records[0].by_lag)
    assert len(checkpointed.records) == 2
    with Recorder(layer, every=1) as mixed, torch.autocast("cpu", torch.bfloat16):
        layer(x)[0].float().sum().backward()
        look(layer, x)
    np.testing.assert_allclose(mixed.records[0].by_lag, plain.records[0].by_lag, rtol=0.05)


def test_a_loss_that_is_nan_is_said_and_training_goes_on() -> None:
    layer = torch.nn.GRU(I, 8, batch_first=True)
    with Recorder(layer, every=1) as recorder:
        (torch.nan * layer(inputs().float())[0].sum()).backward()
    assert recorder.verdict.startswith("broken")
    str(recorder), recorder.plot(), json.dumps(recorder.to_dict(), allow_nan=False)


def test_a_loss_of_the_last_state_alone_is_seen() -> None:
    layer = linear_rnn(0.5).train()
    with Recorder(layer, every=1) as recorder:
        _, last = layer(torch.ones(4, 12, 1, dtype=torch.float64))
        last.sum().backward()
    close(recorder.records[0].by_lag, 0.5 ** np.arange(12))
    assert recorder.records[0].horizon == 7


def test_packed_sequences_and_lengths_end_where_they_end() -> None:
    layer = linear_rnn(0.5).train()
    x = torch.ones(3, 6, 1, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor([4, 6, 2]), batch_first=True, enforce_sorted=False)
    with Recorder(layer, every=1) as recorder:
        layer(packed)[0].data.sum().backward()
    nn.swap(layer)
    with recorder:
        layer(x, lengths=[4, 6, 2])[0].sum().backward()
    first, second = recorder.records
    close(first.by_lag, 0.5 ** np.arange(len(first.by_lag)))
    close(second.by_lag, first.by_lag)


def test_left_to_itself_it_keeps_to_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that gives a step 100 ms and a look 30."""
    now = 0.0
    monkeypatch.setattr("chainrule.lens.recorder.pacing.time.perf_counter", lambda: now)
    layer = linear_rnn(0.5).train()
    right = Recorder._inspect

    def slow(self: Recorder, *args: Any) -> None:
        nonlocal now
        right(self, *args)
        now += 0.03

    monkeypatch.setattr(Recorder, "_inspect", slow)
    with Recorder(layer, share=0.02) as recorder:
        for _ in range(100):
            now += 0.1
            layer(torch.ones(1, 3, 1, dtype=torch.float64))[0].sum().backward()
    assert len(recorder.records) == 6  # 0.02 * 10 s / 30 ms, rounded down
    assert recorder.seconds <= 0.02 * now


@pytest.mark.slow
def test_of_a_wide_layer_few_rows_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    right = LayerCall.stack

    def stack(self: LayerCall, taken: slice = slice(None), steps: slice = slice(None)) -> Stack:
        found = right(self, taken, steps)
        rows.append((found.rows, found.steps))
        return found

    monkeypatch.setattr(LayerCall, "stack", stack)
    for hidden, steps in ((8, 64), (512, 64), (8, 600), (512, 500)):
        layer = torch.nn.GRU(3, hidden, batch_first=True)
        with Recorder(layer, every=1):
            layer(torch.randn(20, steps, 3))[0].sum().backward()
    assert rows == [(16, 64), (4, 64), (16, 512), (1, 500)]


@pytest.mark.parametrize("packed", [False, True])
def test_the_short_end_of_an_epoch_is_passed_over(packed: bool) -> None:
    layer = torch.nn.GRU(I, 4, batch_first=not packed)
    with Recorder(layer, every=3) as recorder:
        for length in (20, 20, 4) * 3:
            x = torch.randn(3, length, I)
            y, _ = layer(pack_padded_sequence(x, torch.full((3,), length), batch_first=True) if packed else x)
            (y.data if packed else y).sum().backward()
    assert [record.step for record in recorder.records] == [4, 7]
    assert {len(record.by_lag) for record in recorder.records} == {20}


def test_told_how_far_training_is_it_looks_at_the_end() -> None:
    layer = torch.nn.GRU(I, 4, batch_first=True)
    with Recorder(layer, share=0.0) as recorder:
        for step in range(40):
            layer(inputs().float())[0].sum().backward()
            recorder.progress((step + 1) / 40)
    assert [record.step for record in recorder.records] == [39]


def test_what_it_shows_and_refuses() -> None:
    layer = linear_rnn(0.9).train()
    recorder = Recorder(layer, every=1, window=5)
    assert recorder.verdict.startswith("nothing was recorded")
    str(recorder), recorder.plot()
    with recorder:
        layer(torch.ones(2, 60, 1, dtype=torch.float64))[0].sum().backward()
        with pytest.raises(ArgumentError, match="in use already"):
            recorder.__enter__()
    assert not layer._forward_hooks
    assert "too short to learn" in recorder.verdict
    json.dumps(recorder.to_dict())
    assert recorder.table().rows[0][:3] == (1, 44, 7)
    image = recorder.plot().axes[0].images[0].get_array()
    assert image is not None
    np.testing.assert_allclose(np.ma.getdata(image)[:, 0], recorder.records[0].by_lag)
    with torch.no_grad(), recorder:
        layer(torch.ones(2, 6, 1, dtype=torch.float64))
    assert len(recorder.records) == 1
    with pytest.raises(ArgumentError, match="has no recurrent layer"):
        Recorder(torch.nn.Linear(1, 1))
    with pytest.raises(ArgumentError, match="every is 0"):
        Recorder(layer, every=0)


def test_a_summed_loss_has_the_horizon_of_its_mean() -> None:
    records = []
    for reduction in ("mean", "sum"):
        torch.manual_seed(0)
        net = Net().double()
        x = torch.randn(3, 40, I).double()
        y = torch.randn(3, 40, 1).double()
        with Recorder(net, every=1) as recorder:
            torch.nn.MSELoss(reduction=reduction)(net(x), y).backward()
        records.append(recorder.records[0])
    of_mean, of_sum = records
    assert (of_mean.horizon, of_mean.half, of_mean.verdict) == (of_sum.horizon, of_sum.half, of_sum.verdict)
    np.testing.assert_allclose(of_mean.by_lag * y.numel(), of_sum.by_lag)
