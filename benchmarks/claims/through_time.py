"""What training through time costs: exact gradients in bounded memory, streams, truncated BPTT, the loop itself.

Peers are the same layers in a bare loop, and torch's layers in a loop written out by hand; both sides take turns in one
process. Peaks of memory are of processes of their own.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims import Claim
from chainrule import nn as cn
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.training import FullBPTT, StreamFeed, Streams, TrainingConfig, TruncatedBPTT, train

__all__ = ["claims"]

_SYMBOLS = 256


class Language(nn.Module):
    """Symbols in, scores of the next out, by one recurrent layer of a library."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_SYMBOLS, layer.input_size)
        self.layer = layer
        self.out = nn.Linear(layer.hidden_size, _SYMBOLS)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = self.layer(self.embedding(x), state)
        return self.out(y), state


def claims(*, quick: bool) -> Iterator[Claim]:
    """Measure all of it."""
    yield from _full(100_000 if quick else 1_000_000)
    yield from _streams(2**26 if quick else 2**30, quick=quick)
    yield from _truncated("gru", quick=quick)
    yield from _truncated("lstm", quick=quick)
    yield _loop(quick=quick)


def _in_turns(calls: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median seconds of each, after one call that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def _full(steps: int) -> Iterator[Claim]:
    """The gradient of one long sequence: GRU, hidden 64, one row."""
    found: dict[str, list[tuple[float, float]]] = {"64MB": [], "": []}
    for _ in range(3):
        for memory, runs in found.items():
            line = [sys.executable, "-m", "benchmarks.claims.through_time", str(steps), "float32", memory]
            out = subprocess.run(line, check=True, capture_output=True, text=True).stdout
            taken, peak = map(float, out.split())
            runs.append((taken, peak))
    bounded, unbounded = (statistics.median(taken for taken, _ in runs) for runs in found.values())
    peak = max(peak for _, peak in found["64MB"])
    what = f"exact gradient, {steps:,} steps"
    yield Claim(f"{what}: peak", f"{peak / 1e6:.0f} MB", "<= 64 MB", peak <= 64e6)
    without = found[""][0][1] / 1e6
    took = f"{bounded / unbounded:.2f}x ({bounded:.2f} s; {unbounded:.2f} s in {without:,.0f} MB)"
    yield Claim(f"{what}: time", took, "<= 1.6x", bounded <= 1.6 * unbounded)
    difference = _difference(min(steps, 200_000))
    yield Claim(f"{what}: float64", f"differs by {difference:.0e}", "<= 1e-10", difference <= 1e-10)


def _long(steps: int, dtype: torch.dtype) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = cn.GRU(1, 64, batch_first=True)
            self.out = nn.Linear(64, 1)

        def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
            y, h = self.layer(x, h)
            return self.out(y), h

    return Model().to(dtype), torch.randn(1, steps, 1, dtype=dtype), torch.randn(1, steps, 1, dtype=dtype)


def _difference(steps: int) -> float:
    """How far the gradients in 64 MB and in unbounded memory are apart, in float64."""
    model, x, y = _long(steps, torch.float64)
    gradients = []
    for memory in ("64MB", None):
        model.zero_grad()
        FullBPTT(memory)(model, F.mse_loss, x, y)
        gradients.append(_gradient(model))
    return _largest_difference(*gradients)


def _gradient(model: nn.Module) -> Tensor:
    """Of all parameters, as one vector."""
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def _largest_difference(a: Tensor, b: Tensor) -> float:
    """The largest entry of a - b, relative to the largest of b."""
    return float((a - b).abs().max() / b.abs().max())


def _streams(size: int, *, quick: bool) -> Iterator[Claim]:
    """Chunks of 64 from a mapped file, and a training step of LSTM(256) with 32 rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text")
        rng = np.random.default_rng(0)
        with path.open("wb") as file:
            for _ in range(size >> 24):
                file.write(rng.integers(32, 127, 2**24, dtype=np.uint8).tobytes())
        streams = Streams(np.memmap(path, np.uint8, "r"), batch=32, window=64)
        model = Language(cn.LSTM(64, 256, batch_first=True))
        optimiser = torch.optim.AdamW(model.parameters())
        bptt = TruncatedBPTT(64)
        place = None

        def by_streams() -> None:
            nonlocal place
            x, y, _, mask = streams.read()
            optimiser.zero_grad()
            _, place = bptt(model, F.cross_entropy, x, y, place, mask=mask)
            optimiser.step()

        x, y, _, _ = streams.peek(64)
        state: Any = None

        def bare() -> None:
            nonlocal state
            optimiser.zero_grad()
            output, state = model(x, state)
            F.cross_entropy(output.flatten(0, 1), y.flatten()).backward()
            state = tuple(s.detach() for s in state)
            optimiser.step()

        seconds = _in_turns({"streams": by_streams, "bare": bare}, 40 if quick else 200)
        ratio = seconds["streams"] / seconds["bare"]
        took = f"+{ratio - 1:.1%} ({1e3 * seconds['streams']:.2f} ms; {1e3 * seconds['bare']:.2f} ms)"
        yield Claim("mapped stream, LSTM(256): overhead", took, "<= +5 %", ratio <= 1.05)
        resident = []
        for n in range(3_000 if quick else 40_000):
            streams.read()
            if n % 500 == 499:
                resident.append(_used("VmRSS"))
        growth = resident[-1] - resident[1]
        yield Claim("mapped stream: resident memory", f"{growth / 1e6:+.1f} MB", "flat (8 MB)", growth <= 8e6)


def _truncated(cell: str, *, quick: bool) -> Iterator[Claim]:
    """BPTT(16, 128) beside a loop by hand over torch's layer: 32 rows, hidden 128."""
    torch.manual_seed(0)
    of_torch = Language({"gru": nn.GRU, "lstm": nn.LSTM}[cell](64, 128, batch_first=True))
    ours = Language({"gru": cn.GRU, "lstm": cn.LSTM}[cell](64, 128, batch_first=True))
    ours.load_state_dict(of_torch.state_dict())
    chunks = torch.randint(_SYMBOLS, (20, 2, 32, 16))
    for dtype in (torch.float64, torch.float32):
        bptt = _by_bptt(ours.to(dtype), chunks)
        by_hand = _by_hand(of_torch.to(dtype), chunks)
        for _ in range(10):  # until there are 128 steps to go back through
            next(bptt)
            next(by_hand)
        if dtype == torch.float64:
            difference = _largest_difference(_gradient(ours), _gradient(of_torch))
            what = f"{cell}, k1=16, k2=128: float64"
            yield Claim(what, f"differs by {difference:.0e}", "<= 1e-10", difference <= 1e-10)
        else:
            calls: dict[str, Callable[[], object]] = {"ours": partial(next, bptt), "by hand": partial(next, by_hand)}
            seconds = _in_turns(calls, 10 if quick else 40)
            ratio = seconds["by hand"] / seconds["ours"]
            took = f"{ratio:.2f}x ({1e3 * seconds['ours']:.1f} ms; {1e3 * seconds['by hand']:.1f} ms)"
            yield Claim(f"{cell}, k1=16, k2=128: torch by hand", took, ">= 3x", ratio >= 3)


def _by_bptt(model: nn.Module, chunks: Tensor) -> Iterator[None]:
    bptt = TruncatedBPTT(16, 128)
    place = None
    for x, y in cycle(chunks):
        model.zero_grad()
        _, place = bptt(model, F.cross_entropy, x, y, place)
        yield


def _by_hand(model: nn.Module, chunks: Tensor) -> Iterator[None]:
    """The same definition: the last 128 steps are kept with the state before each 16 of them."""
    past: list[tuple[Tensor, Any]] = []
    state: Any = None
    for x, y in cycle(chunks):
        model.zero_grad()
        past = [*past, (x, state)][-8:]
        output, state = model(torch.cat([piece for piece, _ in past], dim=1), past[0][1])
        F.cross_entropy(output[:, -16:].flatten(0, 1), y.flatten()).backward()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        yield


def _loop(*, quick: bool) -> Claim:
    """The library's loop beside a bare one over the same model: LSTM(256), 32 rows, chunks of 64."""
    torch.manual_seed(0)
    text = np.random.default_rng(0).integers(0, 90, 2_000_000)
    model = build_symbol_model(ModelConfig("lstm", hidden=256), symbols=90)
    steps: dict[str, list[float]] = {"train": [], "bare": []}

    def by_train(count: int) -> None:
        ends: list[float] = []
        config = TrainingConfig(steps=count)
        with tempfile.TemporaryDirectory() as folder:
            feed = StreamFeed(Streams(text, 32, 64))
            train(model, feed, lambda: 1.0, config, Path(folder), lambda _: ends.append(time.perf_counter()))
        steps["train"] += [after - before for before, after in pairwise(ends)]

    def bare(count: int) -> None:
        optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98))
        model.train()
        carry = None
        ends = []
        for x in torch.from_numpy(text)[: 32 * 64 * count].view(count, 32, 64):
            optimiser.zero_grad()
            log_prob, carry = model(x, carry)
            (-log_prob.mean()).backward()
            carry = carry.detach()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            ends.append(time.perf_counter())
        steps["bare"] += [after - before for before, after in pairwise(ends)]

    for _ in range(2 if quick else 5):
        by_train(200)
        bare(200)
    # medians leave out the steps at which train() writes its checkpoints, twenty in a budget of any length
    ours, plain = (statistics.median(taken) for taken in steps.values())
    took = f"{ours / plain - 1:+.1%} ({1e3 * ours:.2f} ms; {1e3 * plain:.2f} ms a step)"
    return Claim("train() beside a bare loop", took, "<= +3 %", ours <= 1.03 * plain)


def _used(field: str) -> float:
    """Bytes, as Linux counts them."""
    found = re.search(field + r":\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024.0 * int(found[1])


def _measure_full(steps: int, dtype: str, memory: str) -> None:
    """In a process of its own: seconds, and bytes beyond what was there before."""
    model, x, y = _long(steps, getattr(torch, dtype))
    bptt = FullBPTT(memory or None)
    bptt(model, F.mse_loss, x[:, :4096], y[:, :4096])
    model.zero_grad()
    Path("/proc/self/clear_refs").write_text("5")
    before = _used("VmRSS")
    began = time.perf_counter()
    bptt(model, F.mse_loss, x, y)
    sys.stdout.write(f"{time.perf_counter() - began} {_used('VmHWM') - before}\n")


if __name__ == "__main__":
    _measure_full(int(sys.argv[1]), *sys.argv[2:])
