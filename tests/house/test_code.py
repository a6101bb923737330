"""The house: what every file and folder keeps to, so that a newcomer finds things and reads them."""

import ast
import graphlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.trees import nodes

ROOT = Path(__file__).parents[2]
ROOMS = ("src", "tests", "benchmarks")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCE = [path for path in FILES if path.is_relative_to(ROOT / "src")]
MOST_FILES = 12  # of a folder
MOST_LINES = 60  # of a function, its docstring and its signature left out


def _places(path: Path, found: Iterator[ast.AST]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{node.lineno}" for node in found if isinstance(node, ast.stmt | ast.expr)]


def _nested_conditionals(tree: list[ast.AST]) -> Iterator[ast.AST]:
    for node in tree:
        if isinstance(node, ast.IfExp):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.IfExp) and inner is not node)


def _unpacked_tuples(tree: list[ast.AST]) -> Iterator[ast.AST]:
    """``f(*(a, b), c)``."""
    for node in tree:
        if isinstance(node, ast.Call):
            yield from (
                argument
                for argument in node.args
                if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple)
            )


def _several_at_once(tree: list[ast.AST]) -> Iterator[ast.AST]:
    """``a, b = c, d``, but for those that need the old values of what they assign, as a swap does."""
    for node in tree:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)):
            continue
        read = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Tuple):
            continue
        is_plain = all(isinstance(each, ast.Name | ast.Attribute | ast.Subscript) for each in target.elts)
        written = {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
        if is_plain and not any(isinstance(each, ast.Starred) for each in node.value.elts) and not written & read:
            yield target


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(body) > 1:
        first = body[1]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def _long_functions(tree: list[ast.AST]) -> Iterator[ast.AST]:
    for node in tree:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > MOST_LINES:
            yield node


@pytest.mark.parametrize(
    "finds",
    [_nested_conditionals, _unpacked_tuples, _several_at_once, _long_functions],
    ids=lambda finds: finds.__name__.strip("_"),
)
def test_code_reads_easily(finds: object) -> None:
    assert callable(finds)
    assert [place for path in FILES for place in _places(path, finds(nodes(path)))] == []


def test_folders_hold_a_dozen_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in FILES)
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


def _modules() -> dict[str, Path]:
    names = {path: ".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in SOURCE}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def _imported(tree: list[ast.AST], modules: dict[str, Path]) -> set[str]:
    """What a file imports of ours, wherever in it the import stands."""
    found = set()
    for node in tree:
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (within & modules.keys()) or {node.module}
    return found


def test_imports_run_in_no_circle() -> None:
    modules = _modules()
    imports = {name: _imported(nodes(path), modules) - {name} for name, path in modules.items()}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_class_name_means_one_thing() -> None:
    names = Counter(node.name for path in SOURCE for node in nodes(path) if isinstance(node, ast.ClassDef))
    assert sorted(name for name, count in names.items() if count > 1) == []
