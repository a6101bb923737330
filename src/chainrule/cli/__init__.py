"""The command line: a face over runs, without mathematics of its own."""

import io
import signal
import sys

from chainrule._optional import require
from chainrule.errors import MissingExtraError

__all__ = ["main"]


def main() -> None:
    """The ``chainrule`` command."""
    try:
        require("typer")
        require("rich")
    except MissingExtraError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a symbol that the terminal's encoding lacks is no reason to stop
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.default_int_handler)  # which the studio sends to stop a fit
    from chainrule.cli.app import app  # needs typer to be imported at all

    app()
