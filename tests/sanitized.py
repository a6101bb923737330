"""A pytest plugin, used by `make sanitize`: the kernels' tests run an instrumented build of the extension modules.

    python -m pytest -p tests.sanitized ...

with the folder of the instrumented modules in CHAINRULE_SANITIZED and the sanitizers' libraries in LD_PRELOAD. They
stand in the place of the installed ones in this process and in those that it forks; nothing is overwritten.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

_NAME = "chainrule.ops.recurrence.backends.cpu._scan"
_NAMES = (_NAME, "chainrule.ops.convolution.backends.cpu._convolution")
# What must be found, or the run proves nothing: a number past the end of a buffer, and an address that is not aligned.
_PLANTED = {"heap-buffer-overflow": "17, x, y", "misaligned address": "8, x + 1, y"}


def pytest_configure() -> None:
    """Load the instrumented modules before anything imports chainrule."""
    for name in _NAMES:
        (path,) = Path(os.environ["CHAINRULE_SANITIZED"]).rglob(f"{name.rpartition('.')[2]}.*.so")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


def pytest_sessionstart() -> None:
    """Commit each planted error in a process of its own, and end the run if it goes unnoticed."""
    for finding, arguments in _PLANTED.items():
        code = (
            "import sys, tests.sanitized, torch; tests.sanitized.pytest_configure(); "
            "to, by = torch.zeros(16), torch.zeros(16); x, y = to.data_ptr(), by.data_ptr(); "
            f"sys.modules[{_NAME!r}].evaluate(0, False, True, {arguments})"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if result.returncode == 0 or finding not in result.stderr:
            pytest.exit(f"the sanitizers do not find a planted {finding}:\n{result.stderr}", returncode=1)
