"""The command line in this process, in an empty folder."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from chainrule.cli.app import app
from tests.conftest import draw_nothing
from tests.runs.cases import ar1, daily, text, write_csv

Command = Callable[[str], Result]
COMMANDS: tuple[str, ...] = tuple(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(here: Path) -> Command:
    """Runs a line such as "score runs/x"; its error, if there is one, is a message and never a traceback."""

    def run(line: str) -> Result:
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exception is None or isinstance(result.exception, SystemExit), line
        return result

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sources words.txt and noise.csv and the runs text, series and digits; none is changed."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "words.txt").write_text(text())
    write_csv(folder / "noise.csv", ar1(), daily(300))
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        for line in (
            "fit {0}/words.txt --hidden 8 --window 16 --steps 6 --batch 4 --out {0}/text --quiet",
            "fit {0}/noise.csv --model ar --window 3 --out {0}/series --quiet",
            "fit digits --hidden 4 --steps 4 --out {0}/digits --quiet",
        ):
            result = CliRunner().invoke(app, shlex.split(line.format(folder)))
            assert result.exit_code == 0, result.output
    return folder
