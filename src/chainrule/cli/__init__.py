"""The command line: a face over runs, without mathematics of its own."""

from chainrule._optional import require
from chainrule.errors import MissingExtraError

__all__ = ["main"]


def main() -> None:
    """The ``chainrule`` command."""
    try:
        require("typer")
        require("rich")
    except MissingExtraError as error:
        raise SystemExit(f"error: {error}") from None
    from chainrule.cli.app import app  # needs typer to be imported at all

    app()
