"""What pages call ``output`` is highlighted as what a console prints."""

from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the name of the language."""
    app.add_lexer("output", TextLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
