"""Options in messages, over every message there is: they exist, and are told to users of the library as arguments."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import chainrule
from chainrule._wording import as_arguments, as_flags
from chainrule.cli.app import app
from chainrule.errors import ArgumentError, ChainruleError, MissingExtraError

SOURCE = Path(chainrule.__file__).parent
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
OTHERS = {"nproc-per-node", "given"}  # torchrun's, and one that is put in


def texts(path: Path) -> Iterator[str]:
    """The strings of a file that may be messages: all but docstrings; what is put in is written as ``given``."""
    tree = ast.parse(path.read_text())
    within: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            within.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            within.update(id(part) for part in ast.walk(node) if isinstance(part, ast.Constant))
            parts = (part.value if isinstance(part, ast.Constant) else "given" for part in node.values)
            yield "".join(map(str, parts))
            yield from (
                str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant) and is_text(part.value)
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in within and isinstance(node.value, str):
            yield node.value


def is_text(value: object) -> bool:
    return isinstance(value, str) and " " in value.strip()


MESSAGES = [
    pytest.param(path, text, id=f"{path.relative_to(SOURCE)}: {text[:50]}")
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "_wording.py"
    for text in dict.fromkeys(texts(path))
    if FLAG.search(text)
]


def options() -> set[str]:
    group = typer.main.get_command(app)
    commands = [group, *group.commands.values()]  # type: ignore[attr-defined]
    names = (name for c in commands for p in c.params for name in (*p.opts, *p.secondary_opts))
    return {name.removeprefix("--") for name in names} | {"help"}


OPTIONS = options()


def test_there_are_messages_with_options() -> None:
    assert len(MESSAGES) > 40
    assert {"fill", "out", "resume", "layer-norm", "no-layer-norm", "horizon"} <= OPTIONS


@pytest.mark.parametrize(("path", "text"), MESSAGES)
def test_every_option_that_a_message_names_exists(path: Path, text: str) -> None:
    named = {name for name in FLAG.findall(text) if not name.endswith("-")} - OTHERS
    assert named <= OPTIONS


def test_every_option_that_the_readme_names_exists() -> None:
    readme = Path(__file__).parent.parent / "README.md"
    named = set(FLAG.findall(readme.read_text()))
    assert named <= OPTIONS | OTHERS | {"quick"}, "--quick is the benchmarks'"


@pytest.mark.parametrize(("path", "text"), [case for case in MESSAGES if case.values[0].parent.name != "cli"])  # type: ignore[union-attr]
def test_a_user_of_the_library_is_told_the_argument(path: Path, text: str) -> None:
    told = as_arguments(text)
    assert set(FLAG.findall(told)) <= OTHERS
    assert told != text or set(FLAG.findall(text)) <= OTHERS
    for call in re.findall(r"Reading\([^()]*(?:\([^()]*\))?\)", told):
        if "=..." not in call and "given" not in call:
            eval(call, {"Reading": chainrule.Reading})  # which refuses what is no value of the option
    assert not re.search(r'"\)? (or|and) (?!--|Reading|\w+=)[a-z-]+[.)]', told), told  # each value with its option


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Use --fill drop.", 'Use Reading(fill="drop").'),
        ("Give --fill drop (leave rows out), or delete", 'Give Reading(fill="drop") (leave rows out), or delete'),
        ("Resample, for example --rate 8000.", "Resample, for example Reading(rate=8000)."),
        ("--columns Close", 'Reading(columns=("Close",))'),
        ("--columns Open,Close,", 'Reading(columns=("Open", "Close")),'),
        ('--columns "Adj Close"', 'Reading(columns=("Adj Close",))'),
        ("Choose with --columns, for", "Choose with Reading(columns=...), for"),
        ("--date 2020 is", 'Reading(date="2020") is'),
        ("--encoding utf-16-le.", 'Reading(encoding="utf-16-le").'),
        ("--labels classifies", "Reading(labels=True) classifies"),
        ("with --out.", "with out=."),
        ("only --minutes and --steps may change", "only minutes= and steps= may change"),
        ("--minutes 0.5, --steps 300", "minutes=0.5, steps=300"),
        ("with --resume added", "with resume=True added"),
        ("--no-layer-norm", "layer_norm=False"),
        ("--layer-norm is", "layer_norm=True is"),
        ("--learning-rate 1e-3", "learning_rate=1e-3"),
        ("--tbptt 16,128", 'tbptt="16,128"'),
        ("--tbptt 64", "tbptt=64"),
        ("--memory 256MB!", 'memory="256MB"!'),
        ("--quantiles .1,.5", "quantiles=(.1, .5)"),
        ("--random-windows, --clip-value", "random_windows=True, clip_value="),
        ("--unheard of", "--unheard of"),
        ("torchrun --nproc-per-node 2 -m chainrule fit", "torchrun --nproc-per-node 2 -m chainrule fit"),
        ("as in: chainrule fit DATA --out RUN", "as in: chainrule fit DATA --out RUN"),
        ("chainrule fit x.csv --out y. Use --out", "chainrule fit x.csv --out y. Use out="),
        ("nothing -- at all", "nothing -- at all"),
    ],
)  # fmt: skip
def test_as_arguments(message: str, told: str) -> None:
    assert as_arguments(message) == told
    for error in (ArgumentError(message), MissingExtraError(message)):
        assert str(error) == told
        assert error.message == message


def test_arguments_whose_names_differ_are_flags_on_the_command_line() -> None:
    assert as_flags("learning_rate is 0 and layer_norm on") == "--learning-rate is 0 and --layer-norm on"
    for same in (
        "the file learning_rate.csv",
        "'learning_rate' is a column",
        "x/top_k",
        "weight_ih must be",
        "steps is 0",
    ):
        assert as_flags(same) == same


def test_an_error_without_a_message() -> None:
    assert str(ChainruleError()) == ""
