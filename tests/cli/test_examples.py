"""Every example of every command's help, in order, in one folder that is empty at first."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chainrule.cli.app import app
from tests.cli.conftest import COMMANDS
from tests.docs.test_pages import run_commands

pytestmark = pytest.mark.usefixtures("without_figures", "short_english")


def examples(command: str) -> list[str]:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    return re.findall(r"^ \$ (chainrule .*?)\s*$", result.output, re.MULTILINE)


@pytest.mark.slow
def test_the_examples_of_the_helps_work_in_order(here: Path) -> None:
    for command in COMMANDS:
        lines = examples(command)
        assert any(shlex.split(line)[1] == command for line in lines)
        for line in lines:
            run_commands(line)
