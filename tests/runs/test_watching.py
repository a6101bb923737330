"""How fits went, from their records: what there is, and what is refused where there is nothing."""

from pathlib import Path

import numpy as np
import pytest

from chainrule import Run
from chainrule.display import new_figure
from chainrule.errors import ArgumentError
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.runs.watching.beside import CurvesBeside
from chainrule.runs.watching.curves import TrainingCurves, of_test_part
from chainrule.runs.watching.looks import TrainingLooks
from chainrule.training import BEST, saved_progress


def test_curves_are_the_records_of_the_run(text_run: Run) -> None:
    curves = TrainingCurves.of_folder(text_run.path, text_run.config)
    records = read_metrics(text_run.path)
    assert [row[0] for row in curves.table().rows] == [record["step"] for record in records]
    assert records[0]["step"] == 0
    least = min(record["validation"] for record in records[1:] if "validation" in record)
    assert curves.chosen is not None
    assert curves.chosen["validation"] == least
    assert saved_progress(text_run.path / BEST).best_step == curves.chosen["step"] == text_run.best_step
    assert f"Chosen: the weights of step {curves.chosen['step']}, with a validation loss of {least:.4f}" in str(curves)


def told(*validations: tuple[float, float], **more: float) -> TrainingCurves:
    """Curves of validations: of each the loss, and what counts beside it."""
    records = [
        {"step": step, "loss": None if step == 0 else 2.0, "validation": loss, "beside": beside, **more}
        for step, (loss, beside) in enumerate(validations)
    ]
    return TrainingCurves(Path("run"), "gru of x", "nats per step", records, of_test_part({"i.i.d.": 4.0}))


def test_what_counts_beside_the_loss_chooses_too_and_the_figure_marks_that_step() -> None:
    curves = told((3.0, 0.0), (2.5, 0.5), (2.75, 0.0))
    assert curves.chosen is not None
    assert curves.chosen["step"] == 2
    assert "Chosen: the weights of step 2, with a validation loss of 2.7500." in str(curves)
    assert "Beside it +0.0000 counts" in " ".join(str(curves).split())
    axes = new_figure(4.5).axes[0]
    curves.draw_on(axes)
    assert axes.get_title("left") == "Weights of step 2 chosen: held-out loss 2.750 nats per step"
    drawn = [np.asarray(line.get_xydata()).tolist() for line in axes.lines]
    assert [[2, 2.75]] in drawn
    assert [[0, 3.0], [1, 3.0], [2, 2.75]] in drawn
    assert {"selection criterion", "i.i.d., test part 4.000"} <= {text.get_text() for text in axes.texts}


def test_weights_of_the_start_are_told_but_of_a_mixture_not_chosen_where_there_are_others() -> None:
    vain = told((2.0, 0.0), (2.5, 0.0))
    assert "training never improved on the held-out loss" in " ".join(str(vain).lower().split())
    assert "Beside it" not in str(vain)
    mixture = told((2.0, 0.0), (2.5, 0.0), alone=5.0)
    assert mixture.chosen is not None
    assert mixture.chosen["step"] == 1


def test_a_fit_that_has_just_begun_has_no_curves_yet(text_run: Run, tmp_path: Path) -> None:
    curves = TrainingCurves.of_folder(tmp_path, text_run.config)
    assert (curves.drawable, curves.chosen) == (False, None)
    assert "has not begun" in str(curves)
    assert "<img" not in curves.to_html()
    beside = CurvesBeside(
        {"one": curves, "two": TrainingCurves.of_folder(text_run.path, text_run.config)}, {"one": 2.0}
    )
    assert [row[0] for row in beside.table().rows] == ["one", "two"]
    assert beside.drawable


def test_one_run_stands_beside_none(text_run: Run) -> None:
    curves = TrainingCurves.of_folder(text_run.path, text_run.config)
    with pytest.raises(ArgumentError, match="expected two of different names"):
        CurvesBeside({"one": curves}, {})


def test_looks_are_those_that_were_recorded(text_run: Run) -> None:
    records = [record for record in read_metrics(text_run.path) if "reach" in record]
    looks = TrainingLooks.of_records("x", read_metrics(text_run.path))
    assert [look.step for look in looks.looks] == [record["step"] for record in records]
    assert [look.horizon for look in looks.looks] == [record["reach"]["horizon"] for record in records]
    with pytest.raises(ArgumentError, match="has not looked at its gradients"):
        TrainingLooks.of_records("x", [{"step": 1, "loss": 1.0}])
    still = [{"step": step, "loss": 0.0, "gradient_norm": 0.0} for step in (1, 2)]
    with pytest.raises(ArgumentError, match="every gradient is zero"):
        TrainingLooks.of_records("x", still)
    with pytest.raises(ArgumentError, match="just begun, took too few steps"):
        TrainingLooks.of_records("x", [*still, {"step": 3, "loss": 0.0, "gradient_norm": 0.5}])
