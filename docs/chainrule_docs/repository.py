"""Links from pages to files of the repository, which lead to other places on the site than on the forge.

A page of the site may show a file that lies outside of docs/, by an ``{include}``: links to that file lead to the page.
Any other file or folder of the repository that a page links to is shown by a page of its own: see code_pages.py.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

__all__ = ["ROOT", "linked_files", "setup", "shown_files"]

ROOT = Path(__file__).parents[2]
_INCLUDED = re.compile(r"^```\{include\} (\S+)$", re.MULTILINE)
_KIND = "repository-file"


def shown_files(pages: Path) -> dict[Path, str]:
    """The files that pages in this folder include, and the names of these pages."""
    found = dict.fromkeys(pages.rglob("README.md"), "index")  # what the site has its own entrance for
    for page in sorted(pages.rglob("*.md")):
        for target in _INCLUDED.findall(page.read_text(encoding="utf-8")):
            found[(page.parent / target).resolve()] = page.relative_to(pages).with_suffix("").as_posix()
    return found


def linked_files(env: BuildEnvironment) -> set[str]:
    """The files and folders of the repository that pages link to, and no page includes."""
    return {name for about in env.metadata.values() for name in about.get(_KIND, [])}


class RepositoryLinks(SphinxTransform):
    """Turn links to files that are no pages into references to where the site shows them."""

    default_priority = 5  # before Sphinx collects downloads

    def apply(self, **options: Any) -> None:
        """Replace each such link of a page."""
        shown = shown_files(Path(self.env.srcdir))
        links = [node for node in self.document.findall(addnodes.pending_xref) if _is_open(node)]
        for node in [*self.document.findall(addnodes.download_reference), *links]:
            target, _, fragment = node["reftarget"].partition("#")
            path = (Path(node.source or self.document["source"]).parent / target).resolve()
            if target.startswith("/"):  # a page that would lie outside of docs/, without its ending
                path = Path(f"{target}.md")
            if path in shown:
                page = {"refdomain": "doc", "reftype": "myst", "reftarget": shown[path]}
                self._replace(node, page | {"reftargetid": fragment or None})
            elif path.is_relative_to(ROOT) and path.exists():
                name = path.relative_to(ROOT).as_posix()
                self.env.metadata[self.env.docname].setdefault(_KIND, []).append(name)
                self._replace(node, {"refdomain": "", "reftype": _KIND, "reftarget": name})

    def _replace(self, node: nodes.Element, attributes: dict[str, Any]) -> None:
        link = addnodes.pending_xref("", *node.children, refdoc=self.env.docname, refexplicit=True, **attributes)
        link.source = node.source
        link.line = node.line
        node.replace_self(link)


def _is_open(node: addnodes.pending_xref) -> bool:
    """Whether MyST found no page for a link, from where the page is."""
    is_within = node["refdomain"] == "doc" and not str(node["reftarget"]).startswith("/")
    return node["reftype"] == "myst" and not is_within


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.reference | None:
    """Link to the page of a file."""
    if node["reftype"] != _KIND:
        return None
    uri = app.builder.get_relative_uri(node["refdoc"], f"code/{node['reftarget']}")
    return nodes.reference("", "", content, internal=True, refuri=uri)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform, and what resolves its references."""
    app.add_transform(RepositoryLinks)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
