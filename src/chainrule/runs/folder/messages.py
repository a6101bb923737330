"""What a fit says of itself, by the logger "chainrule".

It is shown on standard error as it stands. A program has it otherwise by what it does to the logger: ``setLevel``
silences it, and a handler of its own, added before the first fit, takes the place of this one.
"""

import logging
import sys

__all__ = ["LOGGER", "say"]

LOGGER = logging.getLogger("chainrule")


class _StandardError(logging.Handler):
    """Writes to standard error as it is at the moment, since notebooks and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")
        sys.stderr.flush()


def say(text: str) -> None:
    """Tell a remark, of one line."""
    if not LOGGER.handlers:
        LOGGER.addHandler(_StandardError())
        LOGGER.propagate = False  # or a program that logs would show it twice
    if LOGGER.level == logging.NOTSET:
        LOGGER.setLevel(logging.INFO)
    LOGGER.info("%s", text)
