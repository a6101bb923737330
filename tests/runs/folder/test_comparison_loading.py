"""The table of a comparison, of sequences or of a panel, is read as it was written, and nothing else is."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import RunFormatError
from chainrule.runs import Comparison, ComparisonRow, PanelScores, load_comparison
from chainrule.runs.scoring.panels import score_panel
from tests.runs.scoring.panels.cases import LEVELS, guesses, last_origins, panel_of


def of_sequences() -> Comparison:
    rows = (ComparisonRow("i.i.d.", 2.0, 0.0, math.inf), ComparisonRow("ar", 1.5, 0.5, 0.2, parameters=5, seconds=1.0))
    return Comparison("noise", "step", 30, rows)


def of_a_panel(count: int = 20, series: int = 2) -> PanelScores:
    """Of series and one without a scale; of two models, an ensemble and a baseline."""
    panel = panel_of(*([float(step % 7 + k) for step in range(40)] for k in range(series)), np.full(60, 3.0))
    at = last_origins(panel, count, 4)
    forecasts = {name: guesses(at, k) for k, name in enumerate(("gru", "ar", "ensemble", "naive"))}
    facts = {"gru": {"parameters": 7, "seconds": 1.5}, "ensemble": {"gru": 1.0, "ar": 0.0}}
    return score_panel(panel, at.series, at.rows, forecasts, LEVELS, 4, models=3, facts=facts).scores


WRITTEN: dict[str, Comparison | PanelScores] = {
    "sequences": of_sequences(),
    "a panel": of_a_panel(),
    "a panel, too few forecasts to test": of_a_panel(count=3),
    "a panel without scales": of_a_panel(series=0),
}


def write(folder: Path, values: Any) -> None:
    (folder / "comparison.json").write_text(values if isinstance(values, str) else json.dumps(values, allow_nan=False))


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_comparison_is_loaded_as_it_was_written(kind: str, tmp_path: Path) -> None:
    made = WRITTEN[kind]
    write(tmp_path, made.to_dict())
    found = load_comparison(tmp_path)
    assert found == made
    assert (str(found), repr(found)) == (str(made), repr(made))
    found.plot()


@pytest.mark.parametrize("kind", ["sequences", "a panel"])
def test_what_is_no_comparison_is_refused(kind: str, tmp_path: Path) -> None:
    values = WRITTEN[kind].to_dict()
    fields = values.keys() - {"verdict"}  # which is found anew
    wrong = [{**values, name: other} for name in fields for other in (True, [True], {"x": 1})]
    wrong += [{name: values[name] for name in values if name != left_out} for left_out in fields]
    wrong += [{**values, "rows": type(values["rows"])()}, {**values, "more": 1}]
    if kind == "a panel":
        by_horizon = {name: {key: [1.0] for key in found} for name, found in values["by_horizon"].items()}
        wrong += [{**values, "models": 0}, {**values, "by_horizon": by_horizon}]
    for content in ("{", "[]", "{}", "", *wrong):
        write(tmp_path, content)
        with pytest.raises(RunFormatError, match="is not a comparison that chainrule wrote"):
            load_comparison(tmp_path)


def test_a_folder_without_a_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFormatError, match="is not a comparison that chainrule wrote"):
        load_comparison(tmp_path)
