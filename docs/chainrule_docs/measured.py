"""Tables of what was measured, rendered from the JSON that ``python -m benchmarks`` wrote, with its machine and date."""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from chainrule_docs.repository import ROOT
from chainrule_docs.tables import table

__all__ = ["Measured", "learned", "provenance", "setup", "timed"]

Rows = list[list[str]]


def provenance(found: Mapping[str, Any]) -> str:
    """When, where and with what it was measured, as a sentence.

    Raises:
        ExtensionError: the file does not say so; then its numbers are not shown.
    """
    if missing := [name for name in ("date", "machine", "versions") if not found.get(name)]:
        raise ExtensionError(
            f"what was measured has no {', '.join(missing)}: write it again by `python -m benchmarks`."
        )
    day = datetime.fromisoformat(found["date"])
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    threads = f" on {found['threads']} threads" if "threads" in found else ""
    return f"Measured on {day.day} {day:%B %Y} on {found['machine']}{threads}, with {versions}."


def learned(found: Mapping[str, Any]) -> Rows:
    """Of ``python -m benchmarks learning``: what each entrant learned of each text."""
    rows = [["text", "entrant", "seeds", "seconds", "nats per character", "± sd", "adapting"]]
    for text in found["texts"]:
        for entrant in text["entrants"].values():
            if not entrant["runs"]:
                continue
            runs = entrant["runs"]
            nats = [run["nats"] for run in runs]
            adapting = [score for run in runs for score in run["adaptive"].values()]
            rows.append(
                [
                    text["name"],
                    entrant["label"],
                    str(len(runs)),
                    f"{statistics.fmean(run['seconds'] for run in runs):.1f}",
                    f"{statistics.fmean(nats):.3f}",
                    f"{statistics.stdev(nats):.3f}" if len(nats) > 1 else "",
                    f"{statistics.fmean(adapting):.3f}" if adapting else "",
                ]
            )
    return rows


def timed(found: Mapping[str, Any]) -> Rows:
    """Of ``python -m benchmarks recurrent`` and ``convolution``: every point beside its fastest peer, losses included."""
    rows = [["task", "of", "shape", "chainrule, ms", "fastest peer", "ms", "times as fast"]]
    for point in found["points"]:
        if "ratio" not in point:
            continue
        engines = point["engines"]
        peer = point["fastest_peer"]
        rows.append(
            [
                point["task"],
                point["cell"],
                " ".join(f"{name}={size}" for name, size in point["shape"].items()),
                _milliseconds(engines["chainrule"]),
                peer,
                _milliseconds(engines[peer]),
                f"{point['ratio']:.2f}",
            ]
        )
    return rows


def _milliseconds(engine: Mapping[str, Any]) -> str:
    return f"{engine['ways'][engine['best']]['median'] * 1e3:.3g}"


_RENDERERS: dict[str, Callable[[Mapping[str, Any]], Rows]] = {"texts": learned, "points": timed}


class Measured(SphinxDirective):
    """``{measured} FILE``: the table of a JSON file of the repository, or that nothing has been measured yet."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Choose the table by what the file holds."""
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        if not path.exists():
            return [_paragraph("No run on a quiet machine has been committed yet.")]
        found = json.loads(path.read_text(encoding="utf-8"))
        render = next(render for key, render in _RENDERERS.items() if key in found)
        head, *rows = render(found)
        numeric = [number for number, name in enumerate(head) if _is_numeric(row[number] for row in rows)]
        return [_paragraph(provenance(found)), table(head, rows, numeric)]


def _is_numeric(cells: Iterable[str]) -> bool:
    return all(not cell or cell.replace(".", "").isdigit() for cell in cells)


def _paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph(text, text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
