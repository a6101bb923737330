"""Checks of what Sphinx has built.

Every link within the site leads to a file and, where it names one, to an element of it; and no page loads anything
from elsewhere: no script, style, font or picture. Links that a reader may follow may lead anywhere.
"""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["problems"]

_LOADS = {"audio", "embed", "iframe", "img", "link", "object", "script", "source", "track", "video"}
_POINTS_ONLY = {"author", "canonical", "index", "next", "prev", "search"}  # a <link> that loads nothing


class _Page(HTMLParser):
    """The identifiers of a page, what it links to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.identifiers: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        self.identifiers |= {found[name] for name in ("id", "name") if name in found}
        target = found.get("href") or found.get("src") or found.get("data")
        if target is None:
            return
        points_only = found.get("rel") in _POINTS_ONLY
        (self.loads if tag in _LOADS and not points_only else self.links).append(target)


@cache
def _page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(folder: Path) -> list[str]:
    """What is wrong with the pages in ``folder``, one line each."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder)
        page = _page(path)
        found += [f"{name} loads {target}" for target in page.loads if _is_elsewhere(target)]
        near = [target for target in page.loads + page.links if not _is_elsewhere(target)]
        found += [f"{name}: {target} leads nowhere" for target in near if not _leads_somewhere(path, target)]
    return found


def _is_elsewhere(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.scheme or parts.netloc) and parts.scheme != "data"


def _leads_somewhere(page: Path, target: str) -> bool:
    parts = urlsplit(target)
    if parts.scheme == "data":
        return True
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not path.is_file():
        return False
    fragment = unquote(parts.fragment)
    return not fragment or path.suffix != ".html" or fragment in _page(path).identifiers
