"""Terminals: names and text that would steer one are spelt out there, and files and pipes get them as they are."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.cli.app import app
from chainrule.cli.console import emit
from tests.cli.conftest import Command
from tests.runs.cases import ar1, daily, text

STEERS = "\x1b]0;mine\x07"  # sets the title of a terminal
TABLE = f"noise{STEERS}.csv"
TEXT = f"words{STEERS}.txt"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Called in a test, sends both streams to the terminal that it returns; pytest puts its own back before each."""

    def attach() -> Terminal:
        screen = Terminal()
        for stream in ("stdout", "stderr"):
            monkeypatch.setattr(sys, stream, screen)
        return screen

    return attach


@pytest.fixture
def sources(here: Path) -> Path:
    values = ar1(120)[:, 0]
    rows = "\n".join(f"{str(day)[:10]},{value}" for day, value in zip(daily(120), values, strict=True))
    (here / TABLE).write_text(f"date,price{STEERS}\n{rows}\n")
    (here / TEXT).write_text(text(600).replace(" ", STEERS))
    return here


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    "lines",
    [
        [
            ["fit", TABLE, "--model", "ar", "--window", "2", "--out", "r"],
            ["score", "r"],
            ["backtest", "r", "--horizon", "3"],
        ],
        [["fit", TABLE, "--columns", STEERS]],
        [["fit", f"none{STEERS}"]],
        [
            ["fit", TABLE, "--model", "rnn", "--hidden", "2", "--steps", "3", "--out", f"r{STEERS}"],
            ["look", f"r{STEERS}"],
        ],
        [
            ["fit", TEXT, "--model", "gru", "--hidden", "2", "--window", "4", "--steps", "3", "--out", "r"],
            ["sample", "r"],
        ],
        [["compare", TABLE, "--models", "ar", "--window", "2", "--out", "r"]],
        [["data", "english", "--out", f"{STEERS}.txt"]],
        [["look", STEERS]],
    ],
    ids=["series", "column", "source", "folder", "text", "compare", "data", "look"],
)
@pytest.mark.usefixtures("without_figures")
def test_nothing_that_steers_a_terminal_reaches_it(
    lines: list[list[str]], sources: Path, terminal: Callable[[], Terminal]
) -> None:
    screen = terminal()
    for line in lines:
        with pytest.raises(SystemExit):
            app(line)
    shown = screen.getvalue()
    assert "\\x1b]0;mine\\x07" in shown
    assert not {"\x1b]", "\x07"} & {shown[i : i + n] for n in (1, 2) for i in range(len(shown))}


def test_results_are_as_they_are_in_files_and_pipes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit(STEERS, None)
    assert capsys.readouterr().out == STEERS
    emit(STEERS, here / "x.txt")
    assert (here / "x.txt").read_text() == STEERS
    assert STEERS not in capsys.readouterr().err


def test_lines_and_tabs_stay(terminal: Callable[[], Terminal]) -> None:
    screen = terminal()
    emit("a\tb\n\x9b1m", None)
    emit(b"c\xff\x00\n", None)
    assert screen.getvalue() == "a\tb\n\\x9b1mc\\xff\\x00\n"


def test_a_full_disk_is_named(command: Command, here: Path) -> None:
    """/dev/full takes nothing."""
    Path("full.csv").symlink_to("/dev/full")
    command("fit sunspots --model ar --window 2 --out r --quiet")
    result = command("forecast r --horizon 2 --out full.csv")
    assert result.exit_code == 2
    assert "error: full.csv cannot be written: No space left on device. Make room" in result.stderr
