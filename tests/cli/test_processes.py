"""The real command, as a process: signals, kills, pipes and terminals."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule.errors import RunFormatError
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.training import load_tensors, loop
from tests.processes import Started
from tests.runs.cases import text

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "TERM": "xterm-256color"}
PATIENCE = 60  # seconds
SMALL: dict[str, Any] = {"hidden": 4, "window": 8, "mix": "none", "ngram_embedding": 2}
SMALL["training"] = {"batch": 4, "refit": False}


@contextmanager
def command(folder: Path, *arguments: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """``chainrule`` with these arguments, its own process to the end."""
    line = [sys.executable, "-m", "chainrule", *arguments]
    with subprocess.Popen(
        line, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def fit(folder: Path, steps: int, *more: str) -> list[str]:
    (folder / "words.txt").write_text(text(600))
    small = ["--hidden", "4", "--window", "8", "--batch", "4", "--steps", str(steps)]
    small += ["--ngram-embedding", "2"]  # longer ones have more rows in a process of its own: tests/conftest.py
    small += ["--mix", "none", "--no-refit"]  # so that every run takes all of its steps
    return ["fit", "words.txt", *small, "--out", "run", *more]


def wait_for(path: Path, process: subprocess.Popen[str] | Started) -> None:
    """Until the file is there and has something in it."""
    until = time.monotonic() + PATIENCE
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < until, f"no {path.name}"
        ended = process.returncode if isinstance(process, Started) else process.poll()
        assert ended is None, process.communicate(timeout=PATIENCE)[1]
        time.sleep(0.02)


@pytest.mark.slow
def test_ctrl_c_saves_exits_130_and_resume_goes_on_and_ends(tmp_path: Path) -> None:
    with command(tmp_path, *fit(tmp_path, 100_000)) as process:
        wait_for(tmp_path / "run" / "metrics.jsonl", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "to continue a fit, give its command again, with all options and --resume" in err
    folder = tmp_path / "run"
    with pytest.raises(RunFormatError, match="did not end, and its weights have not learned anything"):
        chainrule.load(folder)  # long before its first validation
    reached = load_tensors(folder / "last.safetensors")[1]["step"]
    with command(tmp_path, *fit(tmp_path, reached + 5, "--resume")) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "last tenth (test): 60 characters" in out
    steps = [record["step"] for record in read_metrics(folder)]
    assert steps == sorted(set(steps))
    assert steps[-1] == reached + 5


def _saving_without_pause(folder: Path) -> None:
    loop._VALIDATIONS = 10**9
    chainrule.fit(folder / "words.txt", steps=10**6, out=folder / "run", quiet=True, **SMALL)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("wait", [0.0, 0.15, 0.4])
def test_a_kill_at_any_moment_leaves_the_last_complete_checkpoint(wait: float, tmp_path: Path) -> None:
    """The checkpoints are written without pause, so that most kills hit a write."""
    (tmp_path / "words.txt").write_text(text(600))
    process = Started(_saving_without_pause, tmp_path)
    try:
        wait_for(tmp_path / "run" / "metrics.jsonl", process)
        time.sleep(wait)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    with pytest.warns(UserWarning, match="did not end: its weights are the best so far"):
        run = chainrule.load(tmp_path / "run")
    assert isinstance(run.sample(3), str)
    assert json.loads((run.path / "config.json").read_text())["data"]["kind"] == "symbols"
    reached = load_tensors(run.path / "last.safetensors")[1]["step"]
    source = tmp_path / "words.txt"
    resumed = chainrule.fit(source, steps=reached + 3, out=run.path, resume=True, quiet=True, **SMALL)
    steps = [record["step"] for record in read_metrics(resumed.path)]
    assert steps == sorted(set(steps))
    assert steps[-1] == reached + 3


@pytest.mark.slow
def test_on_a_terminal_a_bar_shows_loss_speed_and_time_left_in_80_columns(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with command(tmp_path, *fit(tmp_path, 40), stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed: the process is done
                break
        out, _ = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert process.returncode == 0
    assert "words.txt, last tenth" in out
    screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    frames = [frame for frame in re.split(r"[\r\n]+", screen) if "━" in frame]
    numbers = r"loss \d\.\d{3} held out \d\.\d{3}, horizon \S+, \S+/s, 0:00 left"
    assert re.search(rf"^lstm.*… ━{{10}} 100% {numbers}", frames[-1])
    assert max(map(len, frames)) <= 80


def test_help_starts_without_the_heavy_packages() -> None:
    code = (
        "import sys; from chainrule.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'pandas', 'matplotlib', 'scipy', 'sklearn', 'statsmodels', 'soundfile', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "Sequence models by the two chain rules" in result.stdout


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    with command(tmp_path, "data") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
