"""The published table of tolerances, rendered from the file that the tests compare with: tests/tolerances.py."""

import ast
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from chainrule_docs.repository import ROOT
from chainrule_docs.tables import table

__all__ = ["Tolerances", "setup", "tolerances"]

_SOURCE = ROOT / "tests" / "tolerances.py"


def tolerances() -> list[list[str]]:
    """The rows of the table, its heading first. A row begins where a dtype is named; later lines go on with it."""
    docstring = ast.get_docstring(ast.parse(_SOURCE.read_text(encoding="utf-8"))) or ""
    rows: list[list[str]] = []
    for line in docstring.splitlines():
        if not line.startswith("| "):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[1]:
            rows.append(cells)
        else:
            rows[-1] = [f"{before} {cell}".strip() for before, cell in zip(rows[-1], cells, strict=True)]
    return rows


class Tolerances(SphinxDirective):
    """``{tolerances}``: the table."""

    def run(self) -> list[nodes.Node]:
        """Read it anew whenever its file has changed."""
        self.env.note_dependency(str(_SOURCE))
        head, *rows = tolerances()
        return [table(head, rows)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("tolerances", Tolerances)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
