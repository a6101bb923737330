"""What looking inside costs: the map of all pairs of steps, and looks during training."""

import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.claims import Claim
from chainrule.lens import Recorder, ThroughTime, through_time
from chainrule.models import ModelConfig, build_symbol_model

__all__ = ["claims"]


def claims(*, quick: bool) -> Iterator[Claim]:
    """Measure both."""
    yield _map(turns=3 if quick else 7)
    yield _looks(seconds=20 if quick else 60)


def _map(turns: int) -> Claim:
    """512 x 512 of a GRU(128) in float64, checks included, beside the time that as many passes would take."""
    torch.manual_seed(0)
    layer = torch.nn.GRU(128, 128, batch_first=True).double()
    x = torch.randn(1, 512, 128, dtype=torch.float64)
    maps = []
    passes = []
    for _ in range(turns):
        look = through_time(layer, x)
        assert isinstance(look, ThroughTime)
        began = time.perf_counter()
        look.reach()
        maps.append(time.perf_counter() - began)
        y = layer(x)[0].sum((0, 2))
        began = time.perf_counter()
        for t in (127, 255, 383, 511):
            torch.autograd.grad(y[t], list(layer.parameters()), retain_graph=True)
        passes.append((time.perf_counter() - began) * 128)
    seconds = statistics.median(maps)
    peer = statistics.median(passes)
    measured = f"{seconds:.2f} s; 512 passes of torch's autograd {peer:.1f} s, without the states' gradients"
    return Claim("map of 512 x 512 steps, GRU(128)", measured, "<= 2 s", seconds <= 2)


def _looks(seconds: float) -> Claim:
    """A character model, GRU(256), 32 rows of 64 steps, with a recorder left to itself at one hundredth of the time."""
    torch.manual_seed(0)
    text = torch.from_numpy(np.random.default_rng(0).integers(0, 90, (32, 1_000_000)))
    model = build_symbol_model(ModelConfig("gru", hidden=256), symbols=90).train()
    optimiser = torch.optim.AdamW(model.parameters())
    carry = None
    began = time.perf_counter()
    step = 0
    with Recorder(model, share=0.01) as recorder:
        while time.perf_counter() - began < seconds:
            optimiser.zero_grad()
            log_prob, carry = model(text[:, 64 * step : 64 * (step + 1)], carry)
            (-log_prob.mean()).backward()
            carry = carry.detach()
            optimiser.step()
            step += 1
    share = recorder.seconds / (time.perf_counter() - began)
    measured = f"{share:.2%} of the time, {len(recorder.records)} looks in {step} steps"
    return Claim("looks during training, GRU(256)", measured, "<= 2 %", share <= 0.02)
