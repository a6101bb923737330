"""What is aimed at, on two threads and against the fastest peer at each point, and whether the run met it."""

import math
from collections.abc import Callable, Mapping

from benchmarks.peers.memory import GRAIN
from benchmarks.peers.results import Result

__all__ = ["every", "mean", "verdicts"]

_Value = Callable[[Result], float]


def verdicts(results: list[Result], limits: Mapping[str, float]) -> list[str]:
    """A line a target; those of which the run measured nothing are left out."""
    good = [r for r in results if r.problem is None]
    lines: list[str] = []
    for cell, target, least in (("rnn", 2.5, 1.3), ("gru", 2.5, 1.3), ("lstm", 1.5, 1.0)):
        chosen = [r for r in good if r.point.task == "training" and r.point.cell.startswith(cell)]
        lines += mean(f"training {cell}", chosen, target)
        lines += every(f"training {cell}, hidden <= 256", [r for r in chosen if r.point.shape.H <= 256], least)
        lines += every(f"training {cell}, hidden > 256", [r for r in chosen if r.point.shape.H > 256], 1.0)
    forward = [r for r in good if r.point.task == "forward"]
    lines += mean("forward", forward, 1.5)
    lines += every("forward", forward, 1.0)
    large = [r for r in good if r.point.task == "training" and 128 <= r.point.shape.H <= 512 and r.point.shape.B >= 32]
    lines += every("share of limit, hidden 128-512", large, 0.6, lambda r: r.share(limits))
    step = [r for r in good if r.point[:2] == ("stream", "gru")]
    lines += every("streamed GRU, ONNX Runtime", step, 2.5, lambda r: r.ratio_to("onnxruntime"))
    lines += every("streamed GRU, torch", step, 10.0, lambda r: r.ratio_to("torch"))
    rounded = [r for r in good if r.point.task == "bfloat16"]
    lines += every("bfloat16 beside own float32", rounded, 1.6, lambda r: r.gain)
    lines += every("bfloat16, hidden >= 256", rounded, 1.6)
    return lines + _costs(good) + _memory(good)


def mean(what: str, chosen: list[Result], target: float) -> list[str]:
    """The geometric mean of the ratios to the fastest peer; no line where nothing was measured."""
    if not chosen:
        return []
    value = math.exp(sum(math.log(r.ratio) for r in chosen) / len(chosen))
    return [_line(f"{what}, mean", f">= {target:g}x", f"{value:.2f}x", value >= target)]


def every(what: str, chosen: list[Result], target: float, value: _Value = lambda r: r.ratio) -> list[str]:
    """The least of the values."""
    if not chosen:
        return []
    worst = min(chosen, key=value)
    got = f"{value(worst):.2f} ({worst.point.cell} {worst.point.shape})"
    return [_line(what, f">= {target:g}", got, value(worst) >= target)]


def _costs(good: list[Result]) -> list[str]:
    """The most that an option adds."""
    lines = []
    for option, most in (("resets", 0.03), ("layer norm", 0.15)):
        found = [(r.costs()[option], r.point) for r in good if r.point.task == "options" and option in r.costs()]
        if found:
            cost, point = max(found)
            lines.append(
                _line(f"{option} on", f"<= {most:.0%}", f"{cost:+.1%} ({point.cell} {point.shape})", cost <= most)
            )
    return lines


def _memory(good: list[Result]) -> list[str]:
    """The most that a call takes above torch's, where the counter can tell the two apart."""
    found = [
        (r.engines["chainrule"].peak / max(r.engines["torch"].peak, GRAIN), r.point)
        for r in good
        if "torch" in r.engines and r.engines["chainrule"].peak > r.engines["torch"].peak + GRAIN
    ]
    if not any("torch" in r.engines for r in good):
        return []
    worst = max(found, default=None)
    got = f"{worst[0]:.2f}x ({worst[1].task} {worst[1].cell} {worst[1].shape})" if worst else "at every point"
    return [_line("peak memory", "<= torch's", got, worst is None)]


def _line(what: str, target: str, got: str, met: bool) -> str:
    """One target and what the run got."""
    return f"{'met' if met else 'NOT MET':<8}{what:<31}{target:<11}{got}"
