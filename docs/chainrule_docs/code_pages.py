"""Pages under ``code/`` with files of the repository: those that pages link to, and the source of every public name."""

import inspect
from collections.abc import Iterator, Mapping
from functools import reduce
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

from chainrule_docs.repository import ROOT, linked_files

__all__ = ["setup", "source_link"]

_LANGUAGES = {".py": "python", ".cpp": "cpp", ".hpp": "cpp", ".js": "javascript", ".toml": "toml"}


def source_link(domain: str, info: Mapping[str, str]) -> str | None:
    """Where the source of a public name begins, from a page of the reference; None of one that has no source."""
    found = _source(info["module"], info["fullname"])
    if found is None:
        return None
    path, line = found
    return f"../code/{path}.html#L-{line}"


def _source(module: str, name: str) -> tuple[str, int] | None:
    """The file that defines ``name`` of ``module``, from the repository's root, and the line."""
    try:
        found = reduce(getattr, name.split("."), import_module(module))
        found = found.fget if isinstance(found, property) else found
        path = Path(inspect.getsourcefile(found) or "")
        line = inspect.getsourcelines(found)[1]
    except (AttributeError, TypeError, OSError):  # a field of a dataclass, a constant, or made by a decorator
        return None
    return (path.relative_to(ROOT).as_posix(), line) if path.is_relative_to(ROOT) else None


def _public_sources(app: Sphinx) -> set[str]:
    """The files that define what the reference lists."""
    objects = app.env.domains.python_domain.objects
    modules = [name for name, entry in objects.items() if entry.objtype == "module"]
    found = set()
    for name in objects.keys() - set(modules):
        module = max((each for each in modules if name.startswith(f"{each}.")), key=len)
        source = _source(module, name.removeprefix(f"{module}."))
        found |= {source[0]} if source else set()
    return found


def _code_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """A page for each file and folder, and for each file in such a folder."""
    linked = linked_files(app.env)
    within = {_name(path) for name in linked for path in _code_in(ROOT / name)}
    for name in sorted(linked | within | _public_sources(app)):
        path = ROOT / name
        body = _listed(path) if path.is_dir() else _highlighted(app, path)
        yield f"code/{name}", {"title": name, "body": f"<h1>{escape(name)}</h1>{body}"}, "page.html"


def _code_in(folder: Path) -> list[Path]:
    """The files of code in a folder; none of a file."""
    return sorted(path for path in folder.glob("**/*") if path.suffix in _LANGUAGES)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _listed(folder: Path) -> str:
    names = [escape(path.relative_to(folder.parent).as_posix()) for path in _code_in(folder)]
    return "<ul>" + "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in names) + "</ul>"


def _highlighted(app: Sphinx, path: Path) -> str:
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    language = _LANGUAGES.get(path.suffix, "text")
    return app.builder.highlighter.highlight_block(path.read_text(encoding="utf-8"), language, lineanchors="L")


def _without_tree(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """No tree of all pages beside code: to render it would take most of the time of a build."""
    if name.startswith("code/"):
        context.pop("toctree", None)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the pages."""
    app.connect("html-collect-pages", _code_pages)
    app.connect("html-page-context", _without_tree, priority=400)  # the theme's comes later
    return {"parallel_read_safe": True, "parallel_write_safe": True}
