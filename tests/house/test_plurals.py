"""No message says "1 steps": numbers of things are written by ``counted``."""

import ast
import re
from pathlib import Path

import chainrule
from chainrule._choices import counted
from tests.house.trees import nodes

SOURCE = Path(chainrule.__file__).parent
NOUNS = (
    "steps rows values columns documents layers windows files examples symbols characters channels samples origins "
    "sequences bytes images labels numbers forecasts dates products parameters coefficients arrays inputs "
    "modules dimensions features units models cells lines paths"
)
WHAT = "numeric|finite|output|training|recurrent"
PLURAL = re.compile(rf"^ (?:(?:{WHAT}) )?(?:{NOUNS.replace(' ', '|')})\b(?! (?:a|per) second| are too few)")
EITHER = re.compile(rf"\b(?:{NOUNS.replace('s ', '|')[:-1]})\(s\)")


def is_fixed(value: ast.expr) -> bool:
    """A constant of the code, which is more than one; or a name or an ending, which is no number."""
    return bool(re.fullmatch(r"_?[A-Z_]+|(self\.)?(path|name)|.* if .* else .*", ast.unparse(value)))


def sightings(path: Path) -> list[str]:
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and EITHER.search(node.value):
            found.append(f"{path.name}:{node.lineno} {node.value}")
        if not isinstance(node, ast.JoinedStr):
            continue
        if re.search(r"'s' \* |\} \{(\w+\.)*unit\}s", ast.unparse(node)):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
        for before, after in zip(node.values, node.values[1:], strict=False):
            is_number = isinstance(before, ast.FormattedValue) and not is_fixed(before.value)
            if is_number and isinstance(after, ast.Constant) and PLURAL.match(str(after.value)):
                found.append(f"{path.name}:{node.lineno} {ast.unparse(before)}{after.value!r}")
    return found


def test_numbers_of_things_are_counted() -> None:
    assert [seen for path in sorted(SOURCE.rglob("*.py")) for seen in sightings(path)] == []


def test_one_is_not_several() -> None:
    assert [counted(n, "step") for n in (0, 1, 2, 12345)] == ["0 steps", "1 step", "2 steps", "12,345 steps"]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(2, "entry", "entries") == "2 entries"
