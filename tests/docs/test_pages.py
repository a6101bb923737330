"""The README and the pages of docs/: their commands and code blocks run as they stand, their links lead somewhere.

A page runs from top to bottom in one folder, empty at first, and one namespace. Blocks of ``sh`` are commands, blocks
of ``python`` are code; an ``output`` that follows is what they print, to the letter. Blocks of ``text`` illustrate what
depends on the machine or takes long; fits are given five steps, and the doctor no time.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from chainrule.cli.app import app
from tests.house.sampling import unless

pytestmark = pytest.mark.usefixtures("without_figures", "short_english")

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# A page with directives is the site's: `make docs` runs it.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(page for page in DOCS if "```{" not in page.read_text())]
LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "src").rglob("README.md"))]
LANGUAGES = {"sh", "python", "output", "text"}
# Other tests run these: they install, build, measure, serve, or start several processes.
NOT_RUN = ("make ", "pip ", "jupyter ", "git ", "python -m ", "pytest", "ruff ", "mypy", "lint-imports", "torchrun ")
SERVES = "chainrule studio "
BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$|`(?P<inline>chainrule [a-z]+ [^`]*)`", re.M | re.S)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")  # as in `chainrule score RUN`
NAMED = {str(page.relative_to(ROOT)): page for page in PAGES}
# They fit much, or record programs.
_LONG = ("cells", "command_line", "export", "gallery", "lens", "panels", "series")
LONG = {"README.md", *(f"docs/{name}.md" for name in _LONG)}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Languages and texts of the blocks, in order; commands within the text are blocks of one line."""
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["inline"] is None:
            yield match["language"], match["text"]
        elif not PLACEHOLDER.search(match["inline"]):
            yield "sh", match["inline"] + "\n"


def run_commands(text: str) -> None:
    for line in text.splitlines():
        command = line.split(" #")[0].strip()
        if not command or command.startswith((*NOT_RUN, SERVES)):
            continue
        few = re.sub(r"--(minutes|steps) [\d.]+", "--steps 5", command)
        arguments = shlex.split(re.sub(r"--seconds [\d.]+", "--seconds 0", few))
        assert arguments[0] == "chainrule", f"{command}: neither run nor among NOT_RUN"
        result = CliRunner().invoke(app, arguments[1:])
        print(result.stdout, end="")  # noqa: T201
        assert result.exit_code == 0, f"{command}: {result.stderr}"
        assert not re.search(r"error|warning", result.stderr), f"{command}: {result.stderr}"


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=name, marks=unless(name not in LONG)) for name, page in NAMED.items()]
)
def test_pages_run_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": page.stem}
    printed = ""
    for language, text in blocks(page):
        assert language in LANGUAGES, f"a block of {language!r}: {text}"
        if language == "sh":
            run_commands(text)
        elif language == "python":
            code = re.sub(r"\bminutes=[\d.]+", "steps=5", dedent(text))
            exec(compile(ast.parse(code), page.name, "exec"), names)
        elif language == "output":
            assert printed == text
        printed = capsys.readouterr().out


NUMBER = re.compile(r"\d[\d,.]*(?:e-?\d+)?")


def test_what_the_lens_shows_of_a_run_is_what_look_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own commands, all steps of them: the words to the letter, the numbers up to a machine's rounding."""
    monkeypatch.chdir(tmp_path)
    shown = list(blocks(ROOT / "docs" / "lens.md"))
    at = next(k for k, (_, text) in enumerate(shown) if "look runs/inspected" in text)
    (_, commands), (language, expected) = shown[at : at + 2]
    assert language == "text"
    for command in commands.splitlines():
        result = CliRunner(env={"COLUMNS": "80"}).invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.stderr
    assert " ".join(NUMBER.sub("#", expected).split()) in " ".join(NUMBER.sub("#", result.stdout).split())
    first = result.stdout.index(expected.splitlines()[0])
    shown_numbers = _numbers(expected)
    np.testing.assert_allclose(_numbers(result.stdout[first:])[: len(shown_numbers)], shown_numbers, rtol=0.1)


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "").rstrip(".")) for number in NUMBER.findall(text)]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    near = [target for target in targets if "://" not in target]
    assert [target for target in near if not (page.parent / target).exists()] == []


def test_the_environment_variables_that_are_read_are_listed() -> None:
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get)?[(\[]\"(\w+)\"", source))
    assert len(read) > 3
    assert {name for name in read if f"`{name}" not in page} == set()


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    near = [page.name for page in PAGES if page.parent == ROOT / "docs"]
    assert [name for name in near if f"({name})" not in index] == ["README.md"]


def test_no_two_pages_or_helps_make_one_folder_of_a_run() -> None:
    """Whoever tries one after the other would be refused the second time."""
    made = re.compile(r"(?:--out\"?,? |out=)\"?(runs/[\w-]+)")
    texts = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *DOCS)}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        texts[name] = command.epilog
    makers: dict[str, set[str]] = {}
    for name, text in texts.items():
        for folder in made.findall(text):
            makers.setdefault(folder, set()).add(name)
    assert {folder: names for folder, names in makers.items() if len(names) > 1} == {}
    assert {"fit", "README.md"} <= set().union(*makers.values())
