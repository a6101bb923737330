"""A command's process keeps the memory that it has freed."""

import os
import platform
import subprocess
import sys

import pytest

from chainrule.cli.memory import ASKED_FOR

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc has what is set here")

FAULTS = """
import resource
import torch
from chainrule.cli.memory import keep_memory

keep_memory()
for call in range(40):
    if call == 30:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step = torch.ones(6 << 20) + torch.ones(6 << 20)
    del step
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """How often the system hands out a page while 72 megabytes are taken and freed ten times."""
    line = [sys.executable, "-c", FAULTS]
    others = {name: value for name, value in os.environ.items() if name not in ASKED_FOR}
    return int(subprocess.check_output(line, env={**others, **environment}))


def test_what_was_freed_is_used_again() -> None:
    assert faults() < 100


def test_the_users_own_setting_stays() -> None:
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > 100
