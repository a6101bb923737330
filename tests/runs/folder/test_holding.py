"""Holding a folder: one process writes there at a time, and who comes meanwhile is told which one does."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest

import chainrule
from chainrule.errors import RunError, WriteError
from chainrule.runs.folder.holding import holding
from tests.runs.cases import ar1, panel, series

pytestmark = pytest.mark.usefixtures("without_figures")

WRITERS: dict[str, Callable[[Path], object]] = {
    "fit": lambda folder: chainrule.fit(series(), "ar", window=2, out=folder, overwrite=True, quiet=True),
    "resume": lambda folder: chainrule.fit(series(), "ar", window=2, out=folder, resume=True, quiet=True),
    "update": lambda folder: chainrule.load(folder).update(series(ar1(320))),
    "compare": lambda folder: chainrule.compare(
        series(), ["ar"], window=2, out=folder.parent, overwrite=True, quiet=True
    ),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run, in the place where a comparison has its own."""
    return chainrule.fit(series(), "ar", window=2, out=tmp_path / "ar", quiet=True).path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.sampled(0)
@pytest.mark.parametrize("writer", WRITERS)
def test_nobody_writes_to_a_folder_that_another_holds(writer: str, run: Path) -> None:
    before = files(run)
    who = rf"{run} is being written to by process {os.getpid()} on {socket.gethostname()}, since 2\d\d\d-"
    with holding(run), pytest.raises(RunError, match=who):
        WRITERS[writer](run)
    assert files(run) == before
    WRITERS[writer](run)
    assert not (run / ".lock").exists()


def test_a_panel_is_not_updated_meanwhile_either(tmp_path: Path) -> None:
    data = panel(steps=40)
    run = chainrule.fit(data, "mlp", hidden=2, window=4, horizon=2, steps=1, out=tmp_path / "run", quiet=True)
    with holding(run.path), pytest.raises(RunError, match="is being written to"):
        run.update(data)


def test_a_comparison_holds_its_folder(tmp_path: Path) -> None:
    with holding(tmp_path), pytest.raises(RunError, match=f"{tmp_path} is being written to"):
        WRITERS["compare"](tmp_path / "ar")


@pytest.mark.slow
def test_what_is_killed_lets_go(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from chainrule.runs.folder.holding import holding\n"
        "with holding(Path(sys.argv[1])):\n"
        "    Path(sys.argv[1], '.best.safetensors.1234.partial').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], check=False)
    assert died.returncode == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock", ".best.safetensors.1234.partial"}
    with holding(tmp_path / "run"):
        assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock"}, "what it left half written is gone"


def test_nothing_is_left_of_a_folder_to_which_nothing_was_written(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("mine", "new"):
        with pytest.raises(KeyError), holding(tmp_path / name):
            raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(WriteError, match="cannot be written"), holding(tmp_path / "run"):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_folders_made_for_a_lock_that_cannot_be_taken_go_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(WriteError, match=r"run.*cannot be written"), holding(tmp_path / "new" / "run"):
        pytest.fail("it was not held")
    assert not (tmp_path / "new").exists()


def test_where_the_file_system_has_no_locks_a_warning_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.warns(UserWarning, match="has no locks: see to it"), holding(tmp_path / "run"):
        (tmp_path / "run" / "config.json").write_text("{}")
    assert (tmp_path / "run" / "config.json").exists()
