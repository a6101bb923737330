"""Where output goes: results to standard output, everything said about them to standard error."""

import sys
from typing import Any

from rich.console import Console

__all__ = ["say", "show", "write"]


def show(renderable: Any) -> None:
    """A result, for people: a table or a line."""
    Console(highlight=False).print(renderable)


def write(text: str) -> None:
    """A result, exactly as it is."""
    sys.stdout.write(text)


def say(text: str, style: str | None = None) -> None:
    """A remark or an error, on standard error; never wrapped in a pipe, never read as markup."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style=style, markup=False)
