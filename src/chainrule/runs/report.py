"""What a fit leaves in the run's folder for people: the score and the figures."""

from typing import TYPE_CHECKING

from chainrule.lens.records import draw
from chainrule.runs.figures import confusion, loss_curve
from chainrule.runs.files import write_json
from chainrule.runs.folder import SCORE
from chainrule.runs.progress import read_metrics
from chainrule.runs.results import ClassScore, Score
from chainrule.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_report"]


def write_report(run: Run, score: Score | ClassScore) -> None:
    """Write score.json, loss.png, and reach.png, the forecast or the confusion matrix where there is one."""
    write_json(run.path / SCORE, score.to_dict())
    baselines = score.baseline_nats() if isinstance(score, Score) else {}
    if (figure := _loss(run, baselines)) is not None:
        figure.savefig(run.path / "loss.png")
    if looks := [r for r in read_metrics(run.path) if "reach" in r]:
        by_lag, horizons = ([r["reach"][name] for r in looks] for name in ("gradient_by_lag", "horizon"))
        drawn = draw([r["step"] for r in looks], by_lag, horizons).get_figure(root=True)
        assert drawn is not None
        drawn.savefig(run.path / "reach.png")
    if isinstance(score, ClassScore):
        confusion(score.confusion, score.classes).savefig(run.path / "confusion.png")
    run.draw()


def _loss(run: Run, baselines: dict[str, float]) -> "Figure | None":
    """The curves of metrics.jsonl; None for a fit in closed form, which has none."""
    records = read_metrics(run.path)
    trained = [r for r in records if r["loss"] is not None]
    validated = [r for r in records if "validation" in r]
    if not trained:
        return None
    return loss_curve(
        [r["step"] for r in trained],
        [r["loss"] for r in trained],
        [r["step"] for r in validated],
        [r["validation"] for r in validated],
        f"nats per {run.config.data.unit}",
        baselines,
    )
