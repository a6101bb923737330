"""How fits went, from their records: what there is, and what is refused where there is nothing."""

from pathlib import Path

import pytest

from chainrule import Run
from chainrule.errors import ArgumentError
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.runs.watching.beside import CurvesBeside
from chainrule.runs.watching.curves import TrainingCurves
from chainrule.runs.watching.looks import TrainingLooks


def test_curves_are_the_records_of_the_run(text_run: Run) -> None:
    curves = TrainingCurves.of_folder(text_run.path, text_run.config)
    records = read_metrics(text_run.path)
    assert [row[0] for row in curves.table().rows] == [record["step"] for record in records]
    least = min(record["validation"] for record in records if "validation" in record)
    assert curves.best is not None
    assert curves.best["validation"] == least
    assert f"The least validation loss is {least:.4f}" in str(curves)


def test_a_fit_that_has_just_begun_has_no_curves_yet(text_run: Run, tmp_path: Path) -> None:
    curves = TrainingCurves.of_folder(tmp_path, text_run.config)
    assert (curves.drawable, curves.best) == (False, None)
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
