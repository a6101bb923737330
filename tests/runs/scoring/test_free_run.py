"""Free runs: what leaves the data's range, or float64, is said."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.runs.scoring.free_run import FreeRun, free_run

VALUES = np.linspace(0.0, 1.0, 20)[:, None]
BEYOND = "That is beyond the data's range by more than its own width"


def run_of(paths: np.ndarray, columns: tuple[str, ...] = ("a",)) -> FreeRun:
    """The free run of a model that draws these paths (n, 60, C)."""
    model: Any = SimpleNamespace(forecast=lambda *args, **options: torch.from_numpy(paths), device=torch.device("cpu"))
    return free_run(model, np.repeat(VALUES, len(columns), axis=1), 1, columns)


def test_paths_within_the_range_of_the_data_are_said_without_more() -> None:
    run = run_of(np.full((200, 60, 1), 0.5))
    assert run.leaves() == []
    assert str(run) == ("free-running 60 steps: 95 % of the paths stay within 0.5 and 0.5; the data lie within 0 and 1")


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf, 1.7e308, 9.0, -8.0])
@pytest.mark.parametrize("share", [0.02, 0.03, 0.5, 1.0])
def test_paths_that_leave_the_range_are_said_whatever_they_become(lost: float, share: float) -> None:
    paths = np.full((200, 60, 1), 0.5)
    paths[: round(200 * share), 30:] = lost
    run = run_of(paths)
    assert np.isfinite([*run.low, *run.high]).all()
    assert run.leaves() == (["a"] if share > 0.025 else [])
    assert str(run).endswith(f"{BEYOND}.") == (share > 0.025)


def test_both_ends_of_float64_at_once_have_a_band() -> None:
    paths = np.full((200, 60, 1), np.inf)
    paths[:5] = -np.inf
    assert run_of(paths).leaves() == ["a"]


def test_of_several_columns_those_that_leave_are_named() -> None:
    paths = np.full((200, 60, 3), 0.5)
    paths[..., 1] = np.nan
    said = str(run_of(paths, ("a", "b", "c")))
    assert said.endswith(f"{BEYOND}, in b.")
    assert re.search(r"of the paths of b stay within 8.988e\+307 and 8.988e\+307; the data lie within 0 and 1\.", said)
