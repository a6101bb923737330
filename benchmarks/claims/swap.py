"""What `swap` does to the speed of nets that people use: before and after, in turns, in one process."""

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from benchmarks.claims import Claim
from benchmarks.claims.nets import NETS, Net
from chainrule.nn import swap

__all__ = ["claims"]

_WORST = 0.97  # of torch's own speed, which a swapped net may have
_AGREE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}  # of the norm


def claims(names: tuple[str, ...], *, quick: bool) -> Iterator[Claim]:
    """Measure the nets of these names: training and inference, both formats, both dtypes."""
    for name in names:
        net = NETS[name]
        for dtype in (torch.float32, torch.bfloat16):
            for channels_last in (False, True) if net.has_formats else (False,):
                try:
                    yield from _net(name, net, dtype, channels_last, seconds=1 if quick else 4)
                except ImportError as error:
                    yield Claim(name, f"not run: {error}", "to be installed", met=False)


def _net(name: str, net: Net, dtype: torch.dtype, channels_last: bool, seconds: float) -> Iterator[Claim]:
    torch.manual_seed(0)
    before = net.make()
    x = net.draw()
    if channels_last:
        before = before.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = x.to(memory_format=torch.channels_last)
    after = copy.deepcopy(before)
    swap(after)
    suffix = f"{str(dtype).removeprefix('torch.')}{', channels last' if channels_last else ''}"
    for task, run in (("training", _training), ("inference", _inference)):
        calls = {"before": run(before, x, dtype), "after": run(after, x, dtype)}
        if (problem := _differs(calls, dtype)) is not None:
            yield Claim(f"{name}, {task}", problem, "the same results", met=False)
            continue
        ratio, spread, took = _ratio(calls, seconds)
        measured = f"{suffix}: {ratio:.2f} of torch's speed (quartiles {spread}), {took * 1e3:.1f} ms"
        yield Claim(f"{name}, {task}", measured, f">= {_WORST}", met=ratio >= _WORST)


def _casting(dtype: torch.dtype) -> AbstractContextManager[object]:
    return nullcontext() if dtype == torch.float32 else torch.autocast("cpu", dtype=dtype)


def _training(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Callable[[], Tensor]:
    def run() -> Tensor:
        model.train()
        model.zero_grad()
        torch.manual_seed(0)  # dropout
        with _casting(dtype):
            y: Tensor = model(x)
        y.float().square().mean().backward()
        return y.detach()

    return run


def _inference(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Callable[[], Tensor]:
    def run() -> Tensor:
        model.eval()
        with torch.inference_mode(), _casting(dtype):
            y: Tensor = model(x)
        return y

    return run


def _differs(calls: dict[str, Callable[[], Tensor]], dtype: torch.dtype) -> str | None:
    expected, actual = (call().float() for call in calls.values())
    difference = float((actual - expected).norm() / expected.norm())
    return None if difference <= _AGREE[dtype] else f"results differ by {difference:.1e} of the norm"


def _ratio(calls: dict[str, Callable[[], Tensor]], seconds: float) -> tuple[float, str, float]:
    """The median over turns of how many times as fast the second is, its quartiles, and the second's time."""
    ratios: list[float] = []
    took: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(ratios) < 5:
        turn = []
        order = list(calls.values()) if len(ratios) % 2 else list(calls.values())[::-1]
        for call in order:
            start = time.perf_counter()
            call()
            turn.append(time.perf_counter() - start)
        first, second = turn if len(ratios) % 2 else turn[::-1]
        ratios.append(first / second)
        took.append(second)
    quartiles = statistics.quantiles(ratios, n=4)
    return statistics.median(ratios), f"{quartiles[0]:.2f} to {quartiles[2]:.2f}", statistics.median(took)
