"""What is tried: from a folder to draw in, to a draw of cases, by name."""

from collections.abc import Callable
from pathlib import Path

from tests.fuzz.judge import Try
from tests.fuzz.targets.commands import COMMANDS
from tests.fuzz.targets.folders import FOLDERS
from tests.fuzz.targets.ops import OPS
from tests.fuzz.targets.readers import READERS

__all__ = ["NEED_RUNS", "TARGETS"]

TARGETS: dict[str, Callable[[Path], Try]] = {**READERS, **FOLDERS, **COMMANDS, **OPS}
NEED_RUNS = ("config", "folders", "resume", "commands")
