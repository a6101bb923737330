"""The notebooks of docs/lecture run as they stand, and the two languages are one lecture.

A notebook's code is the same program in both, comments apart, so that one of them is run.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

LECTURE = Path(__file__).parents[2] / "docs" / "lecture"
NAMES = ["1_convolution", "2_convolution_backward", "3_sequences", "4_rnn", "5_bptt", "6_lstm_gru"]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HIDDEN = {"jupyter": {"source_hidden": True}, "tags": ["hide-cell"]}
DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.S)
WORDED = re.compile(r"\\text\{[^}]*\}|\\q?quad|[\s.,;]")  # what differs between languages

notebooks = pytest.mark.parametrize("name", NAMES)
both = pytest.mark.parametrize(
    "path",
    [LECTURE / f"{way}/{name}.ipynb" for name in NAMES for way in ("en", "ko")],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)


def read(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def cells(path: Path, kind: str) -> Iterator[tuple[str, str]]:
    """The id and the text of each cell of a kind."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == kind:
            yield cell["id"], "".join(cell["source"])


def prose(path: Path) -> str:
    return "\n".join(text for _, text in cells(path, "markdown"))


def program(code: str) -> str:
    """The code without its comments and docstrings, which are in the language of the notebook."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.dump(tree)


@pytest.fixture
def drawing() -> Iterator[None]:
    """Figures without windows, none left open."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.mark.sampled(0)
@notebooks
@pytest.mark.usefixtures("drawing")
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": name}
    for ident, code in cells(LECTURE / f"en/{name}.ipynb", "code"):
        exec(compile(code, f"{name}, {ident}", "exec"), names)
        for number in plt.get_fignums():
            plt.figure(number).draw_without_rendering()
        plt.close("all")


@notebooks
def test_both_languages_have_the_same_cells(name: str) -> None:
    english, korean = (read(LECTURE / f"{way}/{name}.ipynb")["cells"] for way in ("en", "ko"))
    assert [{**cell, "source": None} for cell in english] == [{**cell, "source": None} for cell in korean]


@notebooks
def test_both_languages_are_the_same_program(name: str) -> None:
    english, korean = (dict(cells(LECTURE / f"{way}/{name}.ipynb", "code")) for way in ("en", "ko"))
    for ident, code in english.items():
        assert program(code) == program(korean[ident]), ident


@notebooks
def test_both_languages_derive_the_same(name: str) -> None:
    english, korean = (dict(cells(LECTURE / f"{way}/{name}.ipynb", "markdown")) for way in ("en", "ko"))
    for ident, text in english.items():
        assert re.search("[가-힣]", korean[ident]), f"{ident} is not in Korean"
        assert re.findall("^#+ ", text, re.M) == re.findall("^#+ ", korean[ident], re.M), ident
        ours, theirs = ([WORDED.sub("", each) for each in DISPLAYED.findall(one)] for one in (text, korean[ident]))
        assert ours == theirs, ident


@both
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"], notebook["metadata"]) == (4, 5, METADATA)
    idents = [cell["id"] for cell in notebook["cells"]]
    assert len(set(idents)) == len(idents)
    for cell in notebook["cells"]:
        assert cell["metadata"] in ({}, HIDDEN)
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@both
def test_three_exercises_end_a_notebook_with_solutions_that_are_tested(path: Path) -> None:
    last = read(path)["cells"][-6:]
    assert [cell["id"] for cell in last] == [f"{what}-{n}" for n in (1, 2, 3) for what in ("exercise", "solution")]
    for exercise, solution in zip(last[::2], last[1::2], strict=True):
        assert (exercise["cell_type"], solution["cell_type"]) == ("markdown", "code")
        assert solution["metadata"] == HIDDEN
        assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse("".join(solution["source"]))))


@notebooks
def test_every_comparison_states_its_tolerance(name: str) -> None:
    for ident, code in cells(LECTURE / f"en/{name}.ipynb", "code"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "allclose":
                assert {"rtol", "atol"} <= {keyword.arg for keyword in node.keywords}, ident


@both
def test_links_of_a_notebook_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#]+)", prose(path))
    assert [target for target in targets if "://" not in target and not (path.parent / target).exists()] == []
    other = "ko" if path.parent.name == "en" else "en"
    assert f"../{other}/{path.name}" in targets


def test_the_index_lists_every_notebook() -> None:
    index = (LECTURE / "README.md").read_text(encoding="utf-8")
    found = sorted(path.relative_to(LECTURE).as_posix() for path in LECTURE.rglob("*.ipynb"))
    assert found == sorted(f"{way}/{name}.ipynb" for name in NAMES for way in ("en", "ko"))
    assert [path for path in found if f"({path})" not in index] == []
