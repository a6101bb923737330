"""Runs that many tests look at and none changes, fitted once."""

from pathlib import Path

import pytest

import chainrule
from chainrule import Run
from tests.runs.cases import ar1, daily, text, write_csv


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A GRU of a text file, a few steps old."""
    folder = tmp_path_factory.mktemp("text")
    source = folder / "words.txt"
    source.write_text(text())
    return chainrule.fit(source, hidden=8, window=16, steps=12, training={"batch": 4}, out=folder / "run", quiet=True)


@pytest.fixture(scope="session")
def series_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A linear AR(3) of a daily AR(1) process in a CSV file."""
    folder = tmp_path_factory.mktemp("series")
    source = write_csv(folder / "noise.csv", ar1(), daily(300))
    return chainrule.fit(source, "ar", window=3, out=folder / "run", quiet=True)


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A classifier of the built-in digits, a few steps old."""
    return chainrule.fit("digits", hidden=4, steps=4, out=tmp_path_factory.mktemp("digits") / "run", quiet=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
