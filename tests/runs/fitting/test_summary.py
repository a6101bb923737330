"""What a fit says before it trains, of every kind of data."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.training import TrainingConfig

pytestmark = pytest.mark.usefixtures("without_figures")

YEARS = "years, on the 1st of January (YS-JAN)"
SUNSPOTS = f"sunspots: 309 steps of SUNACTIVITY, 1700-01-01 to 2008-01-01, {YEARS}, a season of 11 steps."


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("source", "options", "lines"),
    [
        (
            "sunspots",
            {"model": "ar"},
            (
                SUNSPOTS,
                "Split in time order. 247 steps are fitted, the last 31 are scored. "
                "Then the weights are fitted again to all 309.",
                r"ar, window \d+ \(lowest BIC\), transform [\w-]+ \(.*within the training part.*\): solved exactly\.",
            ),
        ),
        (
            "sunspots",
            {
                "hidden": 4,
                "steps": 2,
                "training": {"refit": False},
                "reading": chainrule.Reading(transform="standardise"),
            },
            (
                SUNSPOTS,
                "Split in time order. 247 steps train, 31 choose the checkpoint, 31 are scored.",
                r"gru \(the default\), hidden size 4, window 30 \(a tenth of the steps\), transform standardise, "
                r"learning rate 0\.005; 2 steps\.",
            ),
        ),
        (
            "digits",
            {"steps": 1},
            (
                "digits: 1,797 images of 1x8x8 in 10 classes.",
                "Split at random, class by class. 1,458 examples train, 160 choose the checkpoint, 179 are scored.",
                r"conv \(the default\), hidden size 32 \(for labelled data\), learning rate 0\.005; 1 steps?\.",
            ),
        ),
    ],
)
def test_three_lines_say_what_was_read_held_out_and_chosen(
    source: str,
    options: dict[str, Any],
    lines: tuple[str, str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chainrule.fit(source, out=tmp_path / "run", **options)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [*lines[:2]]
    assert re.fullmatch(lines[2], said[2]), said[2]
    chainrule.fit(source, out=tmp_path / "quiet", quiet=True, **options)
    assert capsys.readouterr().err == ""


def test_files_that_are_passed_by_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "texts"
    (folder / "inside").mkdir(parents=True)
    for name in ("a.txt", "inside/b.txt", ".hidden"):
        (folder / name).write_text("all work and no play " * 20)
    options: dict[str, Any] = {"model": "ngram", "overwrite": True, "out": tmp_path / "run"}
    chainrule.fit(folder, **options)
    assert "of another kind" not in capsys.readouterr().err
    (folder / "bin.dat").write_bytes(b"1")
    chainrule.fit(folder, **options)
    assert capsys.readouterr().err.splitlines()[1] == "1 file of texts is of another kind, and not read: bin.dat."
    for name in ("x.pyc", "inside/y.pyc", "z.pyc"):
        (folder / name).write_bytes(b"1")
    chainrule.fit(folder, **options)
    assert "4 files of texts are of another kind, and not read: bin.dat, inside/y.pyc, x.pyc and 1 more." in (
        capsys.readouterr().err
    )


def test_groups_are_what_a_split_is_said_to_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = chainrule.data.read("digits")
    assert isinstance(data, chainrule.data.Labelled)
    groups = tuple("abcd"[i % 4] for i in range(len(data.labels)))
    chainrule.fit(replace(data, groups=groups, grouped_by="writer"), steps=1, hidden=2, out=tmp_path / "run")
    second = capsys.readouterr().err.splitlines()[1]
    assert re.match(r"Split by writer: 2 train, 1 validation, 1 test \([a-d]\)\. [\d,]+ examples train, ", second), (
        second
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fill": "forward"}, "24 steps of v, .*, no season, 2 missing values filled in."),
        ({"fill": "linear", "freq": "D"}, "25 steps of v, .*, no season, 3 missing values filled in."),
        ({"fill": "drop"}, "22 steps of v, .*, no season, 2 rows with missing values left out."),
        ({"fill": "forward", "columns": ("w",)}, "24 steps of w, .*, no season."),
    ],
)
def test_what_was_put_in_or_left_out_for_blanks_is_said(
    options: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(0).normal(size=(25, 2))
    frame = pd.DataFrame(values, pd.date_range("2024-01-01", periods=25, freq="D"), ["v", "w"])
    frame.iloc[[3, 4], 0] = np.nan
    given: dict[str, Any] = {"columns": ("v",), "season": 1} | options
    reading = chainrule.Reading(**given)
    chainrule.fit(frame.drop(frame.index[9]), "ar", window=1, reading=reading, out=tmp_path / "run")
    assert re.fullmatch(f"the data: {said}", capsys.readouterr().err.splitlines()[0])


def test_a_budget_of_minutes_says_what_it_is_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chainrule.fit("sunspots", "mlp", hidden=2, minutes=0.01, out=tmp_path / "run")
    third = capsys.readouterr().err.splitlines()[2]
    patient = "or fewer: it stops after 8 validations without improvement"
    assert third.endswith(f"; 0.01 min, half of them to fit again, {patient}.")
    assert TrainingConfig().patience == 0
