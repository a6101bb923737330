"""The kernels tried on this machine: what they compute beside the definition, their speed beside torch's."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from chainrule._devices import CPU, own_gpu
from chainrule.doctor.cases import CASES, Case, Problem
from chainrule.errors import BackendError
from chainrule.nn import explain
from chainrule.ops.convolution.dispatch import BACKENDS as OF_CONVOLUTION
from chainrule.ops.recurrence.backends import BACKENDS as OF_RECURRENCE

__all__ = ["Tried", "try_backends"]

_NOT_TRIED = ("reference", "exported")  # what the others are compared with, and what is for recordings alone
_BACKENDS = {
    "recurrence": [name for name in OF_RECURRENCE if name not in _NOT_TRIED],
    "convolution": [name for name in OF_CONVOLUTION if name not in _NOT_TRIED],
}
_FEWEST = 3  # pairs of timings


@dataclass(frozen=True)
class Tried:
    """One backend on one operation.

    Attributes:
        operation, shape, device, backend: what was run, where, by what.
        chosen: whether ``backend="auto"`` takes it for this call.
        difference: the largest error of y and of the gradients in float32, relative to the largest number; infinite
            where one is no number, None where the backend cannot run the call.
        bound: what is allowed.
        seconds, torch_seconds: of a forward and a backward pass, the fastest of runs by turns.
        why_not: why it cannot run the call, else None.
    """

    operation: str
    shape: str
    device: str
    backend: str
    chosen: bool = False
    difference: float | None = None
    bound: float | None = None
    seconds: float | None = None
    torch_seconds: float | None = None
    why_not: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether it computes what the definition does; also of one that cannot run."""
        return self.difference is None or self.bound is None or self.difference <= self.bound

    @property
    def speed(self) -> float | None:
        """How many times as fast as torch's own it is."""
        if self.seconds is None or self.torch_seconds is None:
            return None
        return self.torch_seconds / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """The attributes and properties as JSON has them: an infinite difference is null, and does not agree."""
        known = self.difference is not None and math.isfinite(self.difference)
        difference = self.difference if known else None
        return asdict(self) | {"difference": difference, "agrees": self.agrees, "speed": self.speed}


def try_backends(seconds: float, advance: Callable[[float], None]) -> Iterator[Tried]:
    """Try every backend but the definition on every operation, on the CPU and on a GPU if there is one.

    ``seconds`` is about what all timings take together, 0 for none; ``advance`` is called with the share that is done.
    """
    devices = [device for device in (CPU, own_gpu()) if device is not None]
    share = seconds / sum(len(_BACKENDS[case.op]) for case in CASES) / len(devices)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for done, case in enumerate(CASES, 1):
            small = case.small()
            large = case.large()
            expected = _passes(lambda x, run=small.run: run("reference", x), small.to(torch.float64, CPU))  # type: ignore[misc]
            for device in devices:
                chosen = _chosen(large, device)
                for backend in _BACKENDS[case.op]:
                    about = Tried(case.name, large.shape, device.type, backend, backend == chosen)
                    yield _tried(about, case, small=small, large=large, expected=expected, device=device, seconds=share)
            advance(done / len(CASES))


def _chosen(problem: Problem, device: torch.device) -> str:
    """The backend that "auto" takes."""
    explanation = explain(problem.run, "auto", problem.to(torch.float32, device))
    return next(iter(explanation.calls)).backend


def _tried(
    about: Tried,
    case: Case,
    *,
    small: Problem,
    large: Problem,
    expected: Sequence[Tensor],
    device: torch.device,
    seconds: float,
) -> Tried:
    """One backend's row."""

    def run(tensors: Sequence[Tensor], problem: Problem = large) -> Tensor:
        return problem.run(about.backend, tensors)

    if about.backend == "triton" and device.type != "cuda":  # there may be its interpreter, which takes minutes
        return Tried(**vars(about) | {"why_not": "the Triton kernels run on a GPU"})
    try:
        found = _passes(lambda tensors: run(tensors, small), small.to(torch.float32, device))
    except BackendError as error:
        return Tried(**vars(about) | {"why_not": str(error).partition(": ")[2]})
    compared = {"difference": _difference(found, expected), "bound": case.bound(about.backend)}
    if not seconds:
        return Tried(**vars(about) | compared)
    given = large.to(torch.float32, device)
    own, torchs = _timed((lambda: _passes(run, given), lambda: _passes(large.torchs, given)), device, seconds)
    return Tried(**vars(about) | compared | {"seconds": own, "torch_seconds": torchs})


def _passes(run: Callable[[Sequence[Tensor]], Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    """y, and the gradients of the sum of its squares' halves."""
    y = run(tensors)
    return [y.detach(), *torch.autograd.grad(y, tensors, y.detach())]


def _difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest error, relative to the largest number of its tensor; infinite where one is no number."""
    pairs = zip(found, expected, strict=True)
    errors = [(one.cpu().double() - other).abs().max() / other.abs().max().clamp(min=1.0) for one, other in pairs]
    return torch.stack(errors).max().nan_to_num(nan=math.inf, posinf=math.inf).item()


def _timed(calls: Sequence[Callable[[], object]], device: torch.device, seconds: float) -> list[float]:
    """The least time of each of the calls, made by turns for so many seconds after one that warms up."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while len(times[0]) < _FEWEST or time.perf_counter() < end:
        for call, taken in zip(calls, times, strict=True):
            _wait(device)
            began = time.perf_counter()
            call()
            _wait(device)
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
