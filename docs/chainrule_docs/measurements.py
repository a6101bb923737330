"""What ``python -m benchmarks`` wrote as JSON: when and where it was measured, and the rows of its table."""

import statistics
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["forecast", "learned", "provenance", "rows", "timed"]

Rows = list[list[str]]


def provenance(found: Mapping[str, Any]) -> str:
    """When, where and with what it was measured, as a sentence.

    Raises:
        ValueError: the file does not say so; then its numbers are not shown.
    """
    if missing := [name for name in ("date", "machine", "versions") if not found.get(name)]:
        raise ValueError(f"what was measured has no {', '.join(missing)}: write it again by `python -m benchmarks`.")
    day = datetime.fromisoformat(found["date"])
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    threads = ""
    if "threads" in found:
        threads = f" on {found['threads']} thread{'s' * (found['threads'] != 1)}"
    return f"Measured on {day.day} {day:%B %Y} on {found['machine']}{threads}, with {versions}."


def learned(found: Mapping[str, Any]) -> Rows:
    """Of ``python -m benchmarks learning``: what each entrant learned of each text."""
    rows = [["text", "entrant", "seeds", "seconds", "nats per character", "± sd", "adapting"]]
    for text in found["texts"]:
        for entrant in text["entrants"].values():
            if not entrant["runs"]:
                continue
            runs = entrant["runs"]
            nats = [run["nats"] for run in runs]
            adapting = [score for run in runs for score in run["adaptive"].values()]
            rows.append(
                [
                    text["name"],
                    entrant["label"],
                    str(len(runs)),
                    f"{statistics.fmean(run['seconds'] for run in runs):.1f}",
                    f"{statistics.fmean(nats):.3f}",
                    f"{statistics.stdev(nats):.3f}" if len(nats) > 1 else "",
                    f"{statistics.fmean(adapting):.3f}" if adapting else "",
                ]
            )
    return rows


def forecast(found: Mapping[str, Any]) -> Rows:
    """Of ``python -m benchmarks forecasting``: what each entrant forecast of each set, or why it did not."""
    heading = ["set", "entrant", "MASE", "WQL", "in 80 %", "width", "steps", "trained, s", "forecast, s", "worked, s"]
    rows = [[*heading, "others"]]
    for on in found["sets"]:
        for name, entrant in on["entrants"].items():
            rows.append([on["name"], name, *_forecast_cells(entrant)])
    return rows


def _forecast_cells(entrant: Mapping[str, Any]) -> list[str]:
    metrics = entrant["metrics"]
    if metrics is None:
        why = f"failed: {entrant['failed']}" if entrant["failed"] else f"not run: {entrant['not_run']}"
        return [why, *[""] * 8]
    errors = [f"{metrics['mase']:.3f}", f"{metrics['wql']:.4f}"]
    intervals = [f"{metrics['coverage_80']:.0%}", f"{metrics['width_80']:.4g}"]
    if "training" not in entrant:
        return errors + intervals + [""] * 5
    spent = [f"{entrant[name]:.0f}" for name in ("steps", "training", "forecasting", "processor")]
    return errors + intervals + spent + [f"{entrant['others']:.0%}"]


def timed(found: Mapping[str, Any]) -> Rows:
    """Of ``python -m benchmarks recurrent`` and ``convolution``: every point beside its fastest peer, losses too."""
    rows = [["task", "of", "shape", "chainrule, ms", "fastest peer", "ms", "times as fast"]]
    for point in found["points"]:
        if "ratio" not in point:
            continue
        engines = point["engines"]
        peer = point["fastest_peer"]
        rows.append(
            [
                point["task"],
                point["cell"],
                " ".join(f"{name}={size}" for name, size in point["shape"].items()),
                _milliseconds(engines["chainrule"]),
                peer,
                _milliseconds(engines[peer]),
                f"{point['ratio']:.2f}",
            ]
        )
    return rows


def _milliseconds(engine: Mapping[str, Any]) -> str:
    return f"{engine['ways'][engine['best']]['median'] * 1e3:.3g}"


def rows(found: Mapping[str, Any]) -> Rows:
    """The table of a file, its heading first: which one, what the file holds says."""
    if "texts" in found:
        return learned(found)
    return forecast(found) if "sets" in found else timed(found)
