"""The tables printed, plain text within 80 columns."""

import statistics
from collections.abc import Sequence

from benchmarks.learning.texts import Text
from benchmarks.recipe.trial import Score

__all__ = ["heading", "row"]


def heading(text: Text) -> str:
    """What the rows below it are of."""
    return (
        f"{text.name}: {len(text.symbols):,} characters, {text.alphabet} different\n"
        "nats per character of the ninth tenth, with the standard deviation over seeds;\n"
        "of the last steps' training; steps, and seconds that they took\n"
        f"{'':<36}{'judged':>15}{'training':>10}{'steps':>9}{'seconds':>9}"
    )


def row(name: str, scores: Sequence[Score]) -> str:
    """The means over the seeds of one variant; a name that is too long has a line to itself."""
    nats = [score.nats for score in scores]
    spread = f" ±{statistics.stdev(nats):.4f}" if len(nats) > 1 else " " * 8
    learned = statistics.fmean(score.learned for score in scores)
    seconds = statistics.fmean(score.seconds for score in scores)
    label = f"{name:<36}" if len(name) < 36 else f"{name}\n{'':<36}"
    judged = f"{statistics.fmean(nats):.4f}{spread}"
    return f"{label}{judged:>15}{learned:>10.4f}{scores[0].steps:>9}{seconds:>9.1f}"
