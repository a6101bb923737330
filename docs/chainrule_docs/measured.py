"""Tables of what was measured, from the JSON that ``python -m benchmarks`` wrote, with its machine and date."""

import json
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from chainrule_docs.measurements import provenance, rows
from chainrule_docs.repository import ROOT
from chainrule_docs.tables import table

__all__ = ["Measured", "setup"]


class Measured(SphinxDirective):
    """``{measured} FILE``: the table of a JSON file of the repository, or that nothing has been measured yet."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read it anew whenever it has changed."""
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        if not path.exists():
            return [_paragraph("No run on a quiet machine has been committed yet.")]
        found = json.loads(path.read_text(encoding="utf-8"))
        head, *body = rows(found)
        numeric = [number for number in range(len(head)) if _is_numeric(cells[number] for cells in body)]
        return [_paragraph(provenance(found)), table(head, body, numeric)]


def _is_numeric(cells: Iterable[str]) -> bool:
    return all(not cell or cell.replace(".", "").isdigit() for cell in cells)


def _paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph(text, text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
