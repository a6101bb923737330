"""Settings in messages, over every message there is: in backticks, as Python has them, and as flags in commands."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

import chainrule
from chainrule._optional import installing
from chainrule._settings import settings_of
from chainrule.cli.app import app
from chainrule.cli.flags import as_flags, learn
from chainrule.errors import ArgumentError, ChainruleError, MissingExtraError
from tests.house.trees import nodes

SOURCE = Path(chainrule.__file__).parent
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
NAMED = re.compile(r"`([a-z_]+)(?:=([^`]*))?`")
OTHERS = {"nproc-per-node", "given"}  # torchrun's, and one that is put in
TABLES = (chainrule.ModelSettings, chainrule.TrainingSettings, chainrule.Reading)


def texts(path: Path) -> Iterator[str]:
    """The strings of a file that may be messages: all but docstrings; what is put in is written as ``given``."""
    within: set[int] = set()
    for node in nodes(path):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            within.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            within.update(id(part) for part in ast.walk(node) if isinstance(part, ast.Constant))
            parts = (part.value if isinstance(part, ast.Constant) else "given" for part in node.values)
            yield "".join(map(str, parts))
            yield from (
                str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant) and is_text(part.value)
            )
    for node in nodes(path):
        if isinstance(node, ast.Constant) and id(node) not in within and isinstance(node.value, str):
            yield node.value


def is_text(value: object) -> bool:
    return isinstance(value, str) and " " in value.strip()


@cache
def all_texts() -> list[tuple[Path, str]]:
    """Of the whole source. Tests loop over them, as a test each would be found anew by every process of the suite."""
    paths = sorted(SOURCE.rglob("*.py"))
    return [(path, text) for path in paths for text in dict.fromkeys(texts(path)) if is_text(text)]


def messages(found: re.Pattern[str]) -> list[tuple[Path, str]]:
    return [(path, text) for path, text in all_texts() if found.search(text)]


def options() -> set[str]:
    group = typer.main.get_command(app)
    learn(group)
    commands = [group, *group.commands.values()]  # type: ignore[attr-defined]
    names = (name for c in commands for p in c.params for name in (*p.opts, *p.secondary_opts))
    return {name.removeprefix("--") for name in names} | {"help"}


OPTIONS = options()


def test_there_are_messages_with_settings() -> None:
    assert len(messages(NAMED)) > 40
    assert {"fill", "out", "resume", "layer-norm", "horizon"} <= OPTIONS


def test_flags_are_named_by_the_commands_alone_and_exist() -> None:
    for path, text in messages(FLAG):
        named = set(FLAG.findall(text)) - OTHERS
        assert named <= OPTIONS, f"{path}: {text}"
        assert "cli" in path.parts or not named, f"{path}: {text}"


def test_settings_of_the_commands_are_told_as_flags() -> None:
    for path, text in messages(NAMED):
        told = as_flags(text)
        for name, value in NAMED.findall(text):
            flag = name.replace("_", "-")
            if flag in OPTIONS - {"data"} and "given" not in value:  # some commands have DATA for it
                assert f"--{flag}" in told or f"--no-{flag}" in told, f"{path}: {text}"
        assert set(FLAG.findall(told)) - OTHERS <= OPTIONS, f"{path}: {text}"


def test_the_values_that_messages_name_are_ones_that_the_setting_takes() -> None:
    for _, text in messages(NAMED):
        for name, value in NAMED.findall(text):
            for table in TABLES:
                if name in settings_of(table) and value and "given" not in value:
                    table(**{name: ast.literal_eval(value)})  # which refuses what is no value of it


def test_every_setting_of_fit_is_an_option() -> None:
    for table in TABLES:
        for name in settings_of(table):
            assert name.replace("_", "-") in OPTIONS


def test_every_option_that_the_readme_names_exists() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    named = set(FLAG.findall(readme.read_text()))
    assert named <= OPTIONS | OTHERS | {"quick"}, "--quick is the benchmarks'"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('Use `fill="drop"`.', "Use --fill drop."),
        ('`columns=("Close",)`', "--columns Close"),
        ('`columns=("Open", "Close")`,', "--columns Open,Close,"),
        ('`columns=("Adj Close",)`', "--columns 'Adj Close'"),
        ('`columns=("Price, USD",)`', "--columns '\"Price, USD\"'"),
        ("`columns`, for", "--columns, for"),
        ('`decimal=","`', "--decimal ,"),
        ('`id="New York"`', "--id 'New York'"),
        ("`labels=True` reads", "--labels reads"),
        ("`header=False`, or `header=True`", "--no-header, or --header"),
        ("`refit` or `refit=False`", "--refit or --no-refit"),
        ("with `out`.", "with --out."),
        ("with `resume=True` added", "with --resume added"),
        ("`learning_rate=0.001`", "--learning-rate 0.001"),
        ("`tbptt=(16, 128)`", "--tbptt 16,128"),
        ('`memory="256MB"`!', "--memory 256MB!"),
        ("`top_k` is 0", "--top-k is 0"),
        ("`unheard` of, `nn.GRU` and `", "`unheard` of, `nn.GRU` and `"),
    ],
)
def test_as_flags(message: str, told: str) -> None:
    assert as_flags(message) == told
    for error in (ArgumentError(message), MissingExtraError(message)):
        assert str(error) == message


def test_an_error_without_a_message() -> None:
    assert str(ChainruleError()) == ""


def test_settings_that_are_checked_by_name_are_in_backticks() -> None:
    """Or the command line would tell `paths` without its dashes."""
    known = {name.replace("-", "_") for name in OPTIONS} - {"k1", "k2"}  # which pairs of --tbptt are called too
    bare = re.compile(r"\b(?:whole|finite|choose|bytes_of)\(\"(\w+)\",")
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for room in ("runs/kinds", "runs/scoring", "cli", "studio", "models")
        for path in (SOURCE / room).rglob("*.py")
        for name in bare.findall(path.read_text(encoding="utf-8"))
        if name in known
    }
    assert found - {"runs/scoring/forecast.py: column", "runs/scoring/panels/conformal/adaptive.py: window"} == set()


def test_extras_are_installed_as_the_page_on_installing_says() -> None:
    """Nothing is on PyPI yet: `pip install 'chainrule[app]'` would find nothing there."""
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").rglob("*.md"), *SOURCE.rglob("*.py")]
    told = [page for page in pages if re.search(r"chainrule\[", page.read_text(encoding="utf-8"))]
    assert told == []
    assert installing("app") == "pip install '.[app]', in a clone of chainrule"
