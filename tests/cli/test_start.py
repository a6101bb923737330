"""What a command line costs before it does anything: help and completion import neither torch nor NumPy."""

import subprocess
import sys

from tests.cli.conftest import COMMANDS

HEAVY = ("torch", "numpy", "pandas", "matplotlib", "scipy", "sklearn")
TYPED = {
    "chainrule fo": "forecast",
    "chainrule fit x.csv --mod": "--model",
    "chainrule fit x.csv --model mi": "mingru",
    "chainrule fit x.csv --transform log": "log-return",
    "chainrule compare x.csv --optimiser m": "muon",
}


def test_help_and_completion_import_no_torch() -> None:
    """Of all commands in one process: what one of them imports is seen by those after it."""
    code = f"""
import sys
from typer.testing import CliRunner
from chainrule.cli.app import app
def check(what):
    found = sorted({set(HEAVY)!r} & sys.modules.keys())
    assert not found, (what, found)
for command in ([], *([name] for name in {COMMANDS!r})):
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output, (command, result.output)
    check(command)
for typed, offered in {TYPED!r}.items():
    asked = {{"_CHAINRULE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}}
    result = CliRunner().invoke(app, [], env=asked, prog_name="chainrule")
    assert result.output.split() == [offered], (typed, result.output)
    check(typed)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
