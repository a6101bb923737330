"""Every method of a run, given every kind of source: a right answer, or an error of our own that says what it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError, ChainruleError, ColumnError, DataError, ShapeError
from tests.runs.cases import ar1

pytestmark = pytest.mark.usefixtures("without_figures")

RUNS = ("text_run", "series_run", "digits_run")
SOURCES: dict[str, Any] = {
    "none": None,
    "a file that is not there": "gone.txt",
    "a folder": ".",
    "text": "the built-in that there is not",
    "an empty string": "",
    "bytes": b"the cat",
    "a built-in of text": "english",
    "a built-in series": "sunspots",
    "a path of a built-in name": Path("digits"),
    "a number": 3,
    "a float": 0.5,
    "true": True,
    "nothing": [],
    "a list": [1.0, 2.0, 3.0],
    "a list of strings": ["a", "b"],
    "a list of lists": [[1.0, 2.0]],
    "a dict": {"a": [1.0]},
    "a set": {1.0},
    "no dimension": np.array(1.0),
    "one dimension": ar1(60)[:, 0],
    "two dimensions": ar1(60),
    "two columns": ar1(60, columns=2),
    "three dimensions": np.zeros((2, 8, 8)),
    "four dimensions": np.zeros((2, 1, 8, 8)),
    "no steps": np.zeros((0, 1)),
    "no columns": np.zeros((5, 0)),
    "whole numbers": np.arange(60),
    "true and false": np.arange(60) % 2 == 0,
    "complex numbers": np.ones(60, dtype=complex),
    "objects": np.array([object()] * 60),
    "strings": np.array(["a", "b"]),
    "dates": np.arange(60).astype("datetime64[D]"),
    "NaN": np.full(60, np.nan),
    "infinite": np.full(60, np.inf),
    "a Series": pd.Series(ar1(60)[:, 0]),
    "a Series by another name": pd.Series(ar1(60)[:, 0], name="b"),
    "a Series by the name": pd.Series(ar1(60)[:, 0], name="a"),
    "an empty Series": pd.Series([], dtype=float),
    "a DataFrame": pd.DataFrame({"a": ar1(60)[:, 0]}),
    "a DataFrame of two": pd.DataFrame({"a": ar1(60)[:, 0], "b": ar1(60)[:, 0]}),
    "a DataFrame of text": pd.DataFrame({"a": ["x"] * 60}),
    "an empty DataFrame": pd.DataFrame(),
    "a tensor": torch.zeros(60),
    "a tensor of an image": torch.zeros(8, 8),
    "a picture": Image.new("L", (8, 8)),
    "a function": len,
    "an iterator": iter([np.zeros((8, 8))]),
}
METHODS: dict[str, Callable[[Run, Any], Any]] = {
    "score": lambda run, source: run.score(source),
    "look": lambda run, source: run.look(source, steps=4),
    "backtest": lambda run, source: run.backtest(source, horizon=2, paths=4),
    "read": lambda run, source: run.read(source),
    "sample": lambda run, source: run.sample(3, prompt=source),
    "classify": lambda run, source: run.classify(source),
}


def refusal(ask: Callable[[], Any]) -> str | None:
    """What an error of our own says; None where there is an answer."""
    try:
        ask()
    except ChainruleError as error:
        return str(error)
    return None


@pytest.mark.sampled(2)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", RUNS)
def test_a_right_answer_or_an_error_of_our_own(
    name: str, method: str, source: str, request: pytest.FixtureRequest, here: Path
) -> None:
    run: Run = request.getfixturevalue(name)
    if source == "a built-in of text" and name == "text_run" and method in ("score", "look"):
        pytest.skip("its characters are not the run's, and it is long")
    said = refusal(lambda: METHODS[method](run, SOURCES[source]))
    assert said is None or (len(said) > 20 and "--" not in said)


@pytest.mark.parametrize("source", SOURCES)
def test_what_can_be_fitted(source: str, here: Path) -> None:
    if isinstance(SOURCES[source], str | Path) and SOURCES[source] not in ("", "gone.txt", "."):
        pytest.skip("a built-in set, which the examples fit")
    said = refusal(lambda: chainrule.fit(SOURCES[source], "ar", window=2, out=here / "run", quiet=True))
    assert said is None or (len(said) > 20 and "--" not in said)
    assert (here / "run").exists() == (said is None)


def test_an_array_has_no_names_so_that_its_columns_are_taken_in_order(series_run: Run, tmp_path: Path) -> None:
    values = ar1(60, seed=1)
    expected = series_run.score(pd.DataFrame({"a": values[:, 0]})).nats
    for source in (values, values[:, 0], pd.Series(values[:, 0], name="a")):
        assert series_run.score(source).nats == expected
    with pytest.raises(ShapeError, match="the array has 2 columns; expected as many as are named: a"):
        series_run.score(np.hstack([values, values]))
    with pytest.raises(ColumnError, match="has no column 'a'"):
        series_run.score(pd.DataFrame({"b": values[:, 0]}))
    named = chainrule.Reading(columns=("low", "high"))
    run = chainrule.fit(ar1(80, columns=2), "ar", window=2, reading=named, out=tmp_path / "run", quiet=True)
    assert run.config.data.columns == ("low", "high")
    both = pd.DataFrame(ar1(60, columns=2), columns=["high", "low"])
    assert run.score(both).nats == run.score(both[["low", "high"]].to_numpy()).nats


def test_of_a_frame_of_two_columns_it_is_said_what_to_pass(here: Path) -> None:
    frame = pd.DataFrame(ar1(80, columns=2), columns=["Adj Close", "Close"])
    with pytest.raises(ColumnError) as caught:
        chainrule.fit(frame, "ar", window=2, out=here / "run", quiet=True)
    assert '`columns=("Adj Close",)`' in str(caught.value)


def test_arrays_are_classified_as_files_are(digits_run: Run, tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    path = tmp_path / "x.png"
    Image.fromarray(pixels).save(path)
    (expected,) = digits_run.classify(path)
    assert digits_run.classify([str(path)])[0] == digits_run.classify(str(path))[0] == expected
    batch = np.stack([pixels, pixels])
    found = [
        *digits_run.classify(pixels),
        *digits_run.classify(pixels[None]),
        *digits_run.classify(pixels[..., None].astype(np.float64)),
        *digits_run.classify([pixels, Image.open(path), torch.from_numpy(pixels)]),
        *digits_run.classify(batch),
        *digits_run.classify(torch.from_numpy(batch[:, None])),
        *digits_run.classify((pixels / 255).astype(np.float32)),
    ]
    assert len(found) == 11
    for one in found:
        assert one.label == expected.label
        assert one.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert [one.file for one in digits_run.classify(batch)] == ["image 1", "image 2"]
    with pytest.raises(ShapeError, match=r"image 1 has the shape \(9, 8\); the model was fitted to \(1, 8, 8\)"):
        digits_run.classify([np.zeros((9, 8))])
    with pytest.raises(ArgumentError, match="cannot classify a int; expected paths of images, or arrays of pixels"):
        digits_run.classify(3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="image 1 has the mode P"):
        digits_run.classify(Image.new("P", (8, 8)))
    for other in (np.full((8, 8), "a"), np.zeros((8, 8), complex)):
        with pytest.raises(DataError, match=r"image 1 has images of type .*; expected numbers"):
            digits_run.classify([other])


def test_a_run_of_a_built_in_set_reads_it_whatever_lies_here_today(here: Path) -> None:
    run = chainrule.fit("builtin:sunspots", "ar", window=2, out="run", quiet=True)
    assert run.config.source == "sunspots"
    (here / "sunspots").write_text("value\n1\n")
    assert chainrule.load("run").score().nats == run.score().nats
    digits = chainrule.fit("digits", hidden=2, steps=1, out="digits-run", quiet=True)
    (here / "digits").mkdir()
    assert digits.score().count == chainrule.load("digits-run").score().count
