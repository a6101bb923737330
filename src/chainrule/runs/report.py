"""What a fit leaves in the run's folder for people: the score and the figures."""

from chainrule.display import new_figure
from chainrule.lens.recorder.record import draw_norms
from chainrule.runs.folder.contents import SCORE
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.runs.run import Run
from chainrule.runs.scoring import Result
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.scores import Score
from chainrule.runs.watching.curves import of_test_part

__all__ = ["write_report"]


def write_report(run: Run, score: Result, *, figures: bool = True) -> None:
    """Write score.json; draw loss.png, and reach.png, the forecast or the confusion matrix where there is one."""
    write_json(run.path / SCORE, score.to_dict())
    if not figures:
        return
    if run.drawable:
        levels = {score.model: score.nats} | score.baseline_nats() if isinstance(score, Score) else {}
        run.plot(baselines=of_test_part(levels)).savefig(run.path / "loss.png")
    inspected = [record for record in read_metrics(run.path) if "reach" in record]
    if inspected:
        figure = new_figure(4.0)
        draw_norms(
            figure.axes[0],
            steps=[record["step"] for record in inspected],
            by_lag=[record["reach"]["gradient_by_lag"] for record in inspected],
            horizons=[record["reach"]["horizon"] for record in inspected],
        )
        figure.savefig(run.path / "reach.png")
    if isinstance(score, ClassScore):
        score.plot().savefig(run.path / "confusion.png")
    run.draw()
