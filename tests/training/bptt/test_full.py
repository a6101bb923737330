"""Full backpropagation: the same gradients whatever the memory, and no more memory than was given."""

import os
import re
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.training import FullBPTT
from chainrule.training.bptt.recomputation import Plan, plan, repeated, split
from chainrule.training.bptt.truncated import TruncatedBPTT
from tests.models.cases import Case, every_trained_case, every_trained_symbol_case
from tests.tolerances import close
from tests.training.bptt.test_truncated import Stacked
from tests.training.bptt.through_time import collected, nll

PLANS = [Plan(11, 1, 0), Plan(4, 3, 2), Plan(4, 3, 1), Plan(1, 11, 2), Plan(1, 11, 0), Plan(2, 6, 3)]


def planned(chosen: Plan, monkeypatch: pytest.MonkeyPatch) -> FullBPTT:
    monkeypatch.setattr(FullBPTT, "plan", lambda *_, **__: chosen)
    return FullBPTT("1GB")


@pytest.mark.sampled(1)
@every_trained_case
def test_any_plan_gives_the_gradient_of_the_whole(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    model = case.make()
    x = case.data(2, 11)
    loss, carry = FullBPTT()(model, nll, x, x)
    expected = collected(model)
    for chosen in PLANS:
        again, same = planned(chosen, monkeypatch)(model, nll, x, x)
        close(collected(model), expected)
        close(again.double(), loss.double())
        for one, other in zip(carry.encoder, same.encoder, strict=True):
            close(one, other)
    place = None  # and so does a window as long as the sequence
    total = torch.zeros_like(expected)
    for begin in range(0, 11, 5):
        part = x[:, begin : begin + 5]
        _, place = TruncatedBPTT(5, 20)(model, nll, part, part, place, scale=part.shape[1] / 11)
        total += collected(model)
    close(total, expected)


@pytest.mark.sampled(1)
@settings(deadline=None, max_examples=6)  # of each of the models of symbols
@given(
    data=st.data(),
    steps=st.integers(1, 14),
    rows=st.integers(1, 3),
    length=st.integers(1, 5),
    places=st.integers(0, 3),
)
@every_trained_symbol_case
def test_with_resets_and_ragged_rows(
    case: Case, data: st.DataObject, steps: int, rows: int, length: int, places: int
) -> None:
    model = case.make()
    x = case.data(rows, steps)
    flags = st.lists(st.booleans(), min_size=rows * steps, max_size=rows * steps)
    resets = torch.tensor(data.draw(flags)).view(rows, steps)
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows)))
    mask = torch.arange(steps) < lengths[:, None]
    if not mask.any():
        return
    model(x, resets=resets)[0][mask].mean().neg().backward()
    expected = collected(model)
    with pytest.MonkeyPatch.context() as patch:
        bptt = planned(Plan(length, -(-steps // length), places), patch)
        bptt(model, nll, x, x, resets=resets, mask=mask)
    close(collected(model), expected)


def test_somebody_s_own_model_and_a_state_that_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Stacked().double()
    x = torch.randn(2, 11, 2, dtype=torch.float64)
    y = torch.randn(2, 11, 3, dtype=torch.float64)
    start = {"one": tuple(torch.zeros(1, 2, 4).double().requires_grad_() for _ in range(2)),
             "two": torch.zeros(1, 2, 3).double().requires_grad_()}  # fmt: skip
    found = []
    for bptt in (FullBPTT(), planned(Plan(3, 4, 1), monkeypatch)):
        _, end = bptt(model, nn.functional.mse_loss, x, y, start)
        gradients = [s.grad for s in (*start["one"], start["two"])]
        found.append([collected(model), *gradients, *end["one"], end["two"]])
        for s in (*start["one"], start["two"]):
            s.grad = None
    for one, other in zip(*found, strict=True):
        close(one, other)


@pytest.mark.parametrize("chosen", PLANS, ids=str)
def test_a_loss_may_be_a_sum(chosen: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Stacked().double()
    total = nn.MSELoss(reduction="sum")
    x = torch.randn(2, 11, 2, dtype=torch.float64)
    y = torch.randn(2, 11, 3, dtype=torch.float64)
    mask = torch.arange(11) < torch.tensor([[9], [4]])
    total(model(x, None)[0][mask], y[mask]).backward()
    expected = collected(model)
    loss, _ = planned(chosen, monkeypatch)(model, total, x, y, mask=mask)
    close(collected(model), expected)
    close(loss, total(model(x, None)[0][mask], y[mask]).detach())
    mean, _ = planned(chosen, monkeypatch)(model, nn.functional.mse_loss, x, y, mask=mask)
    close(mean * mask.sum() * 3, loss)


def test_what_is_drawn_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout drops the same when segments are run again, and the generator is left where one pass leaves it."""

    class Dropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRU(2, 3, batch_first=True)

        def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
            y, h = self.cell(nn.functional.dropout(x), h)
            return nn.functional.dropout(y), h

    model = Dropped().double()
    x = torch.randn(2, 12, 2, dtype=torch.float64)
    torch.manual_seed(0)
    state = None
    outputs = []
    for part in x.split(3, dim=1):
        y, state = model(part, state)
        outputs.append(y)
    torch.cat(outputs, dim=1).square().mean().backward()
    expected = collected(model)
    next_drawn = torch.rand(1)
    torch.manual_seed(0)
    planned(Plan(3, 4, 1), monkeypatch)(model, lambda h, _: h.square().mean(), x, x)
    close(collected(model), expected)
    assert torch.equal(torch.rand(1), next_drawn)


def fewest(segments: int, places: int, known: dict[tuple[int, int], int]) -> int:
    """The least number of repeated segments, by trying every place for the next state."""
    if segments == 1:
        return 0
    if places == 0:
        return segments * (segments - 1) // 2
    if (segments, places) not in known:
        known[segments, places] = min(
            m + fewest(segments - m, places - 1, known) + fewest(m, places, known) for m in range(1, segments)
        )
    return known[segments, places]


def test_no_schedule_repeats_fewer_segments() -> None:
    known: dict[tuple[int, int], int] = {}
    for segments in range(1, 30):
        for places in range(7):
            assert repeated(segments, places) == fewest(segments, places, known)
            if segments > 1 and places:
                m = split(segments, places)
                behind = fewest(segments - m, places - 1, known) + fewest(m, places, known)
                assert m + behind == repeated(segments, places)


@settings(deadline=None, max_examples=200)
@given(
    steps=st.integers(1, 10_000_000),
    memory=st.integers(1, 10**10),
    step_bytes=st.floats(1, 1e6),
    state_bytes=st.integers(1, 10**6),
)
def test_a_plan_fits_its_memory(steps: int, memory: int, step_bytes: float, state_bytes: int) -> None:
    try:
        chosen = plan(steps, memory, step_bytes, state_bytes)
    except ArgumentError:
        assert memory < step_bytes + 2 * state_bytes + 1
        return
    assert (chosen.segments - 1) * chosen.length < steps <= chosen.segments * chosen.length
    assert chosen.length * step_bytes + chosen.places * state_bytes <= memory + state_bytes
    assert 0 <= chosen.places < max(1, chosen.segments)


MEASURED = """
import re, sys, torch
from pathlib import Path
from torch import nn
from chainrule import nn as cn
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.training import FullBPTT
torch.set_num_threads(1)
torch.manual_seed(0)
memory = int(sys.argv[1])
class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell = {"gru": cn.GRU, "lstm": cn.LSTM, "torch": nn.LSTM}[kind](4, 64, batch_first=True)
        self.out = nn.Linear(64, 50)
    def forward(self, x, h):
        y, h = self.cell(x, h)
        return self.out(y), h
def used(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
def measure(kind, steps, rows):
    bptt, x, y, resets = FullBPTT(memory), torch.randn(rows, steps, 4), torch.randint(50, (rows, steps)), None
    model, loss = None if kind == "documents" else Model(kind), nn.functional.cross_entropy
    if kind == "documents":  # from a state that is learned, which segments run by their lengths
        model = build_symbol_model(ModelConfig("gru", hidden=64, learned_start=True), 50)
        x, resets, loss = y, torch.rand(rows, steps) < 0.05, lambda log_prob, _: -log_prob.mean()
    bptt(model, loss, x[:, :64], y[:, :64])
    Path("/proc/self/clear_refs").write_text("5")
    before = used("VmRSS")
    bptt(model, loss, x, y, resets=resets)
    print(used("VmHWM") - before, bptt.plan(model, loss, x, y).segments)
for each in sys.argv[2:]:
    kind, *sizes = each.split(",")
    measure(kind, *map(int, sizes))
"""


# The C library gives every large block back at once, so that what it keeps for later does not count as memory used.
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from Linux's /proc")
def test_the_peak_is_within_the_memory() -> None:
    """In a process of their own: 48 MB, for what takes several hundred without a bound."""
    memory = 48_000_000
    kinds = ("gru,100000,1", "lstm,6000,16", "torch,20000,2", "documents,10000,4")  # steps and rows
    command = [sys.executable, "-c", MEASURED, str(memory), *kinds]
    environment = os.environ | GIVEN_BACK
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    for kind, found in zip(kinds, done.stdout.splitlines(), strict=True):
        peak, segments = map(int, found.split())
        assert segments > 5, kind
        assert peak <= 1.05 * memory, kind  # small blocks are kept, more or fewer from run to run


def test_bad_arguments_say_what_would_work() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    x = torch.randn(2, 40, 2)

    def mean(h: Tensor, _: Tensor) -> Tensor:
        return h.mean()

    with pytest.raises(ArgumentError, match=r"a memory of 100 bytes is too small for one step") as refused:
        FullBPTT(100)(model, mean, x, x)
    least = int(re.findall(r"takes about ([\d,]+)", str(refused.value))[0].replace(",", ""))
    FullBPTT(least)(model, mean, x, x)  # what it says would work does
    with pytest.raises(ArgumentError, match="too small for one step"):
        FullBPTT(least - 1)(model, mean, x, x)
    with pytest.raises(ArgumentError, match="memory is '12 parsecs'"):
        FullBPTT("12 parsecs")
    with pytest.raises(ArgumentError, match="the mask has no step whose loss counts"):
        FullBPTT()(model, mean, x, x, mask=torch.zeros(2, 40, dtype=torch.bool))
    assert repr(FullBPTT("1kB")) == "FullBPTT(1000)"
    assert FullBPTT().plan(model, mean, x, x) == Plan(40, 1, 0)
