"""The documentation's site, as far as it can be held to without building it: `make docs` does the rest.

Every page of docs/ is in a toctree, every public name in the reference, and nothing in the site's own files is loaded
from elsewhere.
"""

import importlib
import json
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import chainrule
from chainrule_docs.built_site import problems
from chainrule_docs.measurements import Rows, forecast, learned, provenance, timed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
MODULES = [
    "chainrule",
    *(f"chainrule.{each.name}" for each in pkgutil.iter_modules(chainrule.__path__) if not each.name.startswith("_")),
]
# The commands and the studio have their own help, and ops are public as functional.
PRIVATE = {"chainrule.__main__", "chainrule.cli", "chainrule.ops", "chainrule.studio"}
PUBLIC = sorted(set(MODULES) - PRIVATE)
DIRECTIVE = re.compile(
    r"^\.\. (?:auto|py:)(?:class|data|exception|function):: (?P<names>\w+(?:\n {13}\w+)*)", re.MULTILINE
)
TOCTREE = re.compile(r"```\{toctree\}\n(?P<body>.*?)```", re.DOTALL)


def listed(module: str) -> list[str]:
    """The names in a module's page of the reference."""
    page = (REFERENCE / f"{module.replace('.', '_')}.rst").read_text(encoding="utf-8")
    return [name for match in DIRECTIVE.finditer(page) for name in match["names"].split()]


def pages() -> set[str]:
    found = {path for ending in ("md", "rst", "ipynb") for path in DOCS.rglob(f"*.{ending}")}
    return {str(path.relative_to(DOCS).with_suffix("")) for path in found if path.name not in ("README.md", "index.md")}


def in_toctrees() -> Iterator[str]:
    for page in DOCS.rglob("index.*"):
        text = page.read_text(encoding="utf-8")
        bodies = [match["body"] for match in TOCTREE.finditer(text)] or [text.partition(".. toctree::")[2]]
        for line in "\n".join(bodies).splitlines():
            entry = line.strip()
            if entry and not entry.startswith(":"):
                found = page.parent.glob(entry if "*" in entry else f"{entry}.*")
                yield from (str(path.relative_to(DOCS).with_suffix("")) for path in found)


@pytest.mark.parametrize("module", PUBLIC)
def test_the_reference_lists_every_public_name_once(module: str) -> None:
    found: ModuleType = importlib.import_module(module)
    names = [name for name in found.__all__ if not isinstance(getattr(found, name), ModuleType)]
    assert sorted(listed(module)) == sorted(names)


def test_every_page_is_in_a_toctree() -> None:
    assert pages() - set(in_toctrees()) == set()


def test_nothing_of_the_site_itself_is_loaded_from_elsewhere() -> None:
    for folder in ("_static", "_templates"):
        for path in (each for each in (DOCS / folder).rglob("*") if each.is_file()):
            assert not re.search(r"https?://|url\((?!data:)|@import", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("page", sorted((DOCS / "tutorials").glob("*.md")), ids=lambda path: path.stem)
def test_tutorials_are_executed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("---\nfile_format: mystnb\n")
    assert text.count("```{code-cell} python\n") >= 4
    assert set(re.findall(r"^```(\S+)", text, re.MULTILINE)) <= {"{code-cell}", "sh", "text"}


def test_what_the_site_is_built_with_is_an_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {re.split(r"[>=]", each)[0] for each in extras["docs"]} >= {"sphinx", "furo", "myst-nb"}
    assert "make docs" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ('<h1 id="a">A</h1><a href="#a">near</a><a href="b.html#b">far</a><a href="https://example.org">away</a>', []),
        ('<link rel="next" href="b.html"><img src="data:image/png;base64,AA==">', []),
        ('<a href="#c">near</a>', ["a.html: #c leads nowhere"]),
        ('<a href="b.html#a">far</a>', ["a.html: b.html#a leads nowhere"]),
        ('<a href="c.html">far</a>', ["a.html: c.html leads nowhere"]),
        ('<script src="https://cdn.example.org/x.js"></script>', ["a.html loads https://cdn.example.org/x.js"]),
        ('<link rel="stylesheet" href="//example.org/x.css">', ["a.html loads //example.org/x.css"]),
    ],
)
def test_links_and_loads_of_a_built_page_are_checked(body: str, wrong: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<h2 id="b">B</h2>')
    assert problems(tmp_path) == wrong


ABOUT = {"date": "2026-11-27T21:03:11+00:00", "machine": "a machine", "threads": 2, "versions": {"torch": "2.13.0"}}


def test_what_was_measured_has_machine_and_date() -> None:
    assert provenance(ABOUT) == "Measured on 27 November 2026 on a machine on 2 threads, with torch 2.13.0."
    for name in ("date", "machine", "versions"):
        with pytest.raises(ValueError, match=f"no {name}"):
            provenance({key: value for key, value in ABOUT.items() if key != name})


@pytest.mark.parametrize(("of", "table"), [("learning", learned), ("forecasting", forecast)])
def test_committed_measurements_have_a_table(of: str, table: Callable[[Mapping[str, Any]], Rows]) -> None:
    found = json.loads((ROOT / "benchmarks" / of / "measured.json").read_text(encoding="utf-8"))
    head, *rows = table(found)
    assert provenance(found)
    assert rows
    assert {len(cells) for cells in rows} == {len(head)}


def test_losses_are_in_the_table_of_times() -> None:
    ways = {"best": "plain", "ways": {"plain": {"median": 2e-3}}}
    fast = {"best": "eager", "ways": {"eager": {"median": 1e-3}}}
    point = {"task": "forward", "cell": "lstm", "shape": {"T": 256, "B": 1}, "ratio": 0.5, "fastest_peer": "torch"}
    points = [point | {"engines": {"chainrule": ways, "torch": fast}}, {"task": "forward", "problem": "they disagree"}]
    assert timed(ABOUT | {"points": points})[1:] == [["forward", "lstm", "T=256 B=1", "2", "torch", "1", "0.50"]]
