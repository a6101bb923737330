"""What `make test` leaves out has tests of its kind beside it that it runs."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.sampling import sampled
from tests.house.trees import nodes

TESTS = Path(__file__).parents[1]


def test_no_room_has_slow_tests_alone() -> None:
    marks = defaultdict(list)
    for path in TESTS.rglob("test_*.py"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks[path.parent].append({ast.unparse(each) for each in node.decorator_list})
    assert any("pytest.mark.slow" in each for room in marks.values() for each in room)
    assert [room for room, each in marks.items() if all("pytest.mark.slow" in marked for marked in each)] == []


@pytest.mark.parametrize(
    ("strength", "kept"),
    [
        (0, ["gru-cpu-7"]),
        (1, ["gru-cpu-7", "gru-cpu-9", "gru-formula-7", "lstm-cpu-7"]),
        (2, ["gru-cpu-7", "gru-cpu-9", "gru-formula-7", "gru-formula-9", "lstm-cpu-7", "lstm-cpu-9", "lstm-formula-7"]),
    ],
)
def test_of_a_sample_every_word_or_every_pair_of_words_occurs(strength: int, kept: list[str]) -> None:
    ids = [f"{cell}-{backend}-{size}" for cell in ("gru", "lstm") for backend in ("cpu", "formula") for size in (7, 9)]
    assert sampled(ids, strength) == kept
