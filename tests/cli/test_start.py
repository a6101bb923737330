"""What a command line costs before it does anything: help and completion import neither torch nor pandas nor NumPy."""

import subprocess
import sys

import typer

from chainrule.cli.app import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
HEAVY = ("torch", "numpy", "pandas", "matplotlib", "scipy", "sklearn")


def test_help_imports_no_torch() -> None:
    """Of all commands in one process: what one of them imports would be seen by those after it."""
    code = f"""
import sys
from typer.testing import CliRunner
from chainrule.cli.app import app
for command in ([], *([name] for name in {COMMANDS!r})):
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output, (command, result.output)
    found = sorted({set(HEAVY)!r} & sys.modules.keys())
    assert not found, (command, found)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
