"""The table of a text, plain text within 80 columns."""

import math

from benchmarks.learning.entrants import ENTRANTS, TWENTY_LINES
from benchmarks.learning.results import Found, OnText, verdicts

__all__ = ["table"]

_BUSY = 0.05  # of the processors: other work that slows an entrant


def table(on: OnText) -> str:
    """A row an entrant, the targets, and whether the machine was quiet."""
    text = on.text
    lines = [
        f"{text.name}: {len(text.symbols):,} characters, {text.alphabet} different; the last {text.scored:,} scored",
        "nats per character: frozen, with the standard deviation over seeds; adaptive,",
        "learning from each character once it is scored; seconds of training, and those",
        "until the curve reaches the final score of torch's LSTM",
        f"{'':<36}{'frozen':>15}{'adaptive':>10}{'seconds':>9}{'reaches':>9}",
    ]
    reference = on.ran(TWENTY_LINES)
    lines += [_row(name, found, reference) for name, found in on.found.items()]
    if targets := verdicts(on):
        lines += ["targets, for 90 seconds on two quiet cores", *targets]
    if on.others > _BUSY:
        lines.append(f"NOT QUIET: other processes took up to {on.others:.0%} of the processors.")
    return "\n".join(lines)


def _row(name: str, found: Found, reference: Found | None) -> str:
    label = f"{ENTRANTS[name].label:<36}"
    if found.failed:
        return f"{label} FAILED: {found.failed[0]}"
    if found.not_run is not None:
        return f"{label} not run: {found.not_run}"
    spread = "" if math.isnan(found.spread) else f" ±{found.spread:.4f}"
    reaches = None if reference is None else found.reaches(reference.nats)
    cells = (
        f"{found.nats:.4f}{spread or '        '}",
        _number(found.adaptive, ".4f"),
        _number(found.seconds, ".1f"),
        _number(reaches, ".1f"),
    )
    return f"{label}{cells[0]:>15}{cells[1]:>10}{cells[2]:>9}{cells[3]:>9}".rstrip()


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
