"""Kills: whatever write a fit dies at, going on ends with the weights and the records of one that did not die."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.data import Labelled
from chainrule.errors import WriteError
from chainrule.runs import Run
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.training import load_tensors
from tests.runs.cases import ar1, arranged, panel, same_weights, series, symbols

pytestmark = pytest.mark.usefixtures("without_figures")

Fit = Callable[..., Run]


def labelled(kind: str) -> Labelled:
    random = np.random.default_rng(0)
    labels = np.arange(24) % 2
    shape = (1, 8, 8) if kind == "images" else (2000,)
    inputs = (random.standard_normal((24, *shape)) + labels.reshape(-1, *[1] * len(shape))).astype(np.float32)
    inputs = np.clip(inputs, 0, 1)
    return Labelled(
        inputs if kind == "images" else [*inputs], labels, ("a", "b"), kind, kind, 8000 * (kind == "sound") or None
    )


DATA: dict[str, Callable[[], Data]] = {
    "symbols": lambda: symbols(600),
    "series": lambda: series(ar1(200)),
    "panel": lambda: panel(series=3, steps=40),
    "images": lambda: labelled("images"),
    "sound": lambda: labelled("sound"),
}


class Killed(BaseException):
    """In the place of a kill; nothing that is written after it comes through."""


class Writes:
    """Counts what is written to folders, and ends it all at one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int | None = None) -> None:
        self.count = 0
        self._last = last
        fsync = os.fsync
        replace = Path.replace
        unlink = Path.unlink

        def synced(file: int) -> None:
            self._write()
            fsync(file)

        def replaced(path: Path, target: Path) -> Path:
            if self._dead:
                raise Killed
            done = replace(path, target)
            self._write()  # a kill right after it
            return done

        def unlinked(path: Path, missing_ok: bool = False) -> None:
            self._write()
            unlink(path, missing_ok=missing_ok)

        patch.setattr(os, "fsync", synced)
        patch.setattr(Path, "replace", replaced)
        patch.setattr(Path, "unlink", unlinked)

    @property
    def _dead(self) -> bool:
        return self._last is not None and self.count > self._last

    def _write(self) -> None:
        self.count += 1
        if self._dead:
            raise Killed


def records(folder: Path, name: str) -> list[dict[str, Any]]:
    """All but what depends on the clock."""
    timed = ("seconds", "per_second", "reach")
    return [{k: v for k, v in record.items() if k not in timed} for record in read_metrics(folder, name)]


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> Fit:
    """A small fit and refit; without figures, which take the most of its time."""
    monkeypatch.setattr(
        "chainrule.runs.fitting.fit.write_report",
        lambda run, score, figures: write_json(run.path / "score.json", score.to_dict()),
    )

    def fits(kind: str, folder: Path, **options: Any) -> Run:
        given: dict[str, Any] = {"hidden": 4, "steps": 3, "batch": 8, "refit": True, "quiet": True, "out": folder}
        given |= {"window": 4} if kind in ("symbols", "series", "panel") else {}
        given |= {"horizon": 4} if kind == "panel" else {}
        given |= {"steps": 7} if kind == "symbols" else {}  # of which one is of the last stage
        return chainrule.fit(DATA[kind](), "conv" if kind == "images" else "gru", **arranged(given | options))

    return fits


@pytest.mark.sampled(0)
@pytest.mark.parametrize("kind", DATA)
def test_a_kill_at_any_write_loses_no_record_and_no_bit(kind: str, fit: Fit, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        writes = Writes(patch)
        whole = fit(kind, tmp_path / "whole")
    assert (whole.refit is None) == (kind == "symbols")
    every = 6 if kind == "symbols" else 3  # two stages write more often
    for last in range([*DATA].index(kind) % 3, writes.count, every):
        folder = tmp_path / str(last)
        with pytest.MonkeyPatch.context() as patch:
            Writes(patch, last)
            with pytest.raises(Killed):
                fit(kind, folder)
        resumed = fit(kind, folder, resume=(folder / "config.json").exists())
        same_weights(resumed.model.state_dict(), whole.model.state_dict())
        if whole.refit is not None:
            assert resumed.refit is not None
            same_weights(resumed.refit.model.state_dict(), whole.refit.model.state_dict())
        for name in ("metrics.jsonl", "refit.jsonl"):
            assert records(folder, name) == records(whole.path, name), (last, name)
        assert (folder / "score.json").read_text() == (whole.path / "score.json").read_text()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("kind", ["symbols", "series"])
def test_a_disk_that_fills_up_at_any_write_is_told_with_the_file_and_loses_nothing(
    kind: str, fit: Fit, tmp_path: Path
) -> None:
    whole = fit(kind, tmp_path / "whole")
    fsync = os.fsync
    for last in range(0, 16, 5):
        folder = tmp_path / str(last)
        left = [last]

        def fills(file: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(file)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fills)
            with pytest.raises(WriteError, match=rf"^{folder}/[\w-]+\.\w+ cannot be written: No space left on device"):
                fit(kind, folder)
        assert not list(folder.glob(".*"))
        resumed = fit(kind, folder, resume=(folder / "config.json").exists())
        same_weights(resumed.model.state_dict(), whole.model.state_dict())
        assert records(folder, "metrics.jsonl") == records(whole.path, "metrics.jsonl")


@pytest.mark.slow
def test_the_mean_losses_on_record_are_those_of_a_fit_that_did_not_die(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where records are rarer than steps, an interruption between two of them keeps the losses since the last."""
    monkeypatch.setattr("chainrule.runs.folder.metrics_log._RECORDS", 13)
    options = {"steps": 100, "refit": False}
    whole = fit("series", tmp_path / "whole", **options)
    backward = chainrule.training.StreamFeed.backward
    stop = {"at": 0}

    def interrupts(feed: chainrule.training.StreamFeed, model: Any, spent: float) -> tuple[float, int]:
        stop["at"] -= 1
        if stop["at"] == 0:
            os.kill(os.getpid(), 2)
        return backward(feed, model, spent)

    for died in (5, 36, 68, 90):
        folder = tmp_path / str(died)
        stop["at"] = died
        with monkeypatch.context() as patch:
            patch.setattr(chainrule.training.StreamFeed, "backward", interrupts)
            with pytest.raises(KeyboardInterrupt):
                fit("series", folder, **options)
        assert load_tensors(folder / "last.safetensors")[1]["step"] == died
        fit("series", folder, **options, resume=True)
        assert records(folder, "metrics.jsonl") == records(whole.path, "metrics.jsonl")
