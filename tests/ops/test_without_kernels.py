"""Kernels that are switched off or not installed: it is said, and all else works (without_kernels.py)."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chainrule.errors import ArgumentError
from chainrule.ops import compiled

HERE = Path(__file__).parent


@pytest.mark.slow
def test_what_holds_without_them() -> None:
    environment = {**os.environ, "CHAINRULE_NO_KERNELS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", str(HERE / "without_kernels.py")]
    result = subprocess.run(command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("Root-Is-Purelib: true\nTag: py3-none-any", "this install has no kernels, as it was made with CHAINRULE_NO_"),
        ("Root-Is-Purelib: false\nTag: cp312-abi3-linux_x86_64", None),
    ],
)
def test_an_install_says_whether_it_has_them(tag: str, why: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "distribution", lambda name: SimpleNamespace(read_text=lambda file: tag))
    monkeypatch.setenv("CHAINRULE_NO_KERNELS", "0")
    found = compiled._why_absent()
    assert found is None if why is None else str(found).startswith(why)


def test_a_folder_on_the_path_is_taken_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_NO_KERNELS", raising=False)
    monkeypatch.setattr(compiled, "_PACKAGE", "no-such-distribution")
    assert compiled._why_absent() is None


def test_a_value_that_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_NO_KERNELS", "perhaps")
    with pytest.raises(ArgumentError, match="CHAINRULE_NO_KERNELS is 'perhaps'; expected 1, or 0"):
        compiled._why_absent()
