"""Folders: what may be overwritten, what never is removed, and what a fit that did not end leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule import Reading, Run
from chainrule.errors import ArgumentError, DataError, RunExistsError, RunFormatError
from chainrule.training import StreamFeed
from tests.runs.cases import ar1, arranged, same_weights, series

pytestmark = pytest.mark.usefixtures("without_figures")


def fit(folder: Path, **options: Any) -> Run:
    given: dict[str, Any] = {"window": 4, "quiet": True, "out": folder}
    given |= {} if options.get("model") == "ar" else {"hidden": 4, "steps": 4}
    return chainrule.fit(series(ar1(200)), **arranged(given | options))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_run_is_replaced_and_what_else_is_in_its_folder_stays(tmp_path: Path) -> None:
    run = fit(tmp_path / "run")
    run.update(series(ar1(220)))
    (run.path / "notes.txt").write_text("mine")
    (run.path / "deeper").mkdir()
    with pytest.raises(RunExistsError, match="`resume=True`, or replace it with `overwrite=True`"):
        fit(run.path, model="ar")
    new = fit(run.path, model="ar", overwrite=True)
    other = fit(tmp_path / "other", model="ar")
    assert {*files(run.path)} == {*files(other.path), "notes.txt"}, "nothing of the network, and no update, is left"
    same_weights(chainrule.load(run.path).model.state_dict(), other.model.state_dict())
    assert new.forecast(2, paths=3).history.shape == (200, 1)
    assert (run.path / "deeper").is_dir()


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "gruu"}, ArgumentError),
        ({"window": 500}, DataError),
        ({"reading": Reading(fill="linear")}, ArgumentError),
        ({"bptt": "full", "memory": "1KB"}, ArgumentError),
        ({"resume": True}, ArgumentError),
    ],
    ids=str,
)
def test_what_is_refused_leaves_the_old_run_as_it_was(
    options: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    run = fit(tmp_path / "run")
    before = files(run.path)
    with pytest.raises(error):
        fit(run.path, overwrite=True, **options)
    assert files(run.path) == before


def test_what_is_no_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text('{"mine": true}')
    for folder in (tmp_path / "mine", tmp_path / "mine" / "config.json"):
        with pytest.raises(RunExistsError, match="not a run's folder, and only a run's is overwritten"):
            fit(folder, overwrite=True)
    assert files(tmp_path / "mine") == {"config.json": b'{"mine": true}'}
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        assert fit(tmp_path / name, overwrite=True).path.name == name


@pytest.mark.slow
def test_a_comparison_is_replaced(tmp_path: Path) -> None:
    def compare(overwrite: bool) -> Any:
        return chainrule.compare(
            series(ar1(200)), ["ar"], window=2, out=tmp_path / "c", overwrite=overwrite, quiet=True
        )

    first = compare(False)
    (tmp_path / "c" / "notes.txt").write_text("mine")
    with pytest.raises(RunExistsError, match=r"a comparison overwrites nothing.*overwrite=True"):
        compare(False)
    assert compare(True).rows[0] == first.rows[0]
    assert (tmp_path / "c" / "notes.txt").read_text() == "mine"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(RunExistsError, match="holds other files, and a comparison has a folder of its own"):
        chainrule.compare(series(), ["ar"], out=tmp_path / "mine", overwrite=True, quiet=True)


def test_a_fit_that_fails_before_it_has_weights_does_not_block_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(task: object, model: object) -> float:
        raise DataError("of this kind of data")

    with monkeypatch.context() as patch:
        patch.setattr("chainrule.runs.kinds.series.task.SeriesTask.validate", fails)
        with pytest.raises(DataError):
            fit(tmp_path / "run")
    with pytest.raises(RunFormatError, match=r"best\.safetensors is missing"):
        chainrule.load(tmp_path / "run")
    assert chainrule.load(fit(tmp_path / "run").path).score() is not None


def test_weights_that_have_learned_nothing_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(feed: StreamFeed, model: object, spent: float) -> tuple[float, int]:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(StreamFeed, "backward", fails)
        with pytest.raises(MemoryError):
            fit(tmp_path / "run")
    with pytest.raises(RunFormatError, match=r"have not learned anything.*resume=True"):
        chainrule.load(tmp_path / "run")
    whole = fit(tmp_path / "whole")
    resumed = fit(tmp_path / "run", resume=True)
    np.testing.assert_array_equal(resumed.forecast(2, paths=3).paths, whole.forecast(2, paths=3).paths)
