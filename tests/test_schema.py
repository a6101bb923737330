"""Settings from JSON: every field of every dataclass of a config, whatever stands in its place."""

import dataclasses
import json
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from chainrule._schema import check_fields, parse, structured
from chainrule.data import Alphabet, Reading, Transform
from chainrule.errors import ArgumentError
from chainrule.models import ModelConfig
from chainrule.training import TrainingConfig
from chainrule.training.settings import Progress

GOOD: list[Any] = [
    Reading(columns=("a", "b"), season=7),
    ModelConfig(),
    TrainingConfig(steps=3),
    Transform("none", (0.0,), (1.0,)),
    Alphabet.of(["abc"]),
    Progress(unrecorded=(0.5, 2)),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("good", GOOD, ids=lambda good: type(good).__name__)
def test_what_was_written_is_read(good: Any) -> None:
    assert structured(type(good), json.loads(json.dumps(dataclasses.asdict(good))), "it") == good


@pytest.mark.parametrize("good", GOOD, ids=lambda good: type(good).__name__)
def test_each_field_is_needed_and_no_other_is_known(good: Any) -> None:
    values = json.loads(json.dumps(dataclasses.asdict(good)))
    for name in values:
        with pytest.raises(ArgumentError, match=f"it lacks '{name}'"):
            structured(type(good), {k: v for k, v in values.items() if k != name}, "it")
    with pytest.raises(ArgumentError, match=r"it has 'colour', which this version of chainrule does not know"):
        structured(type(good), values | {"colour": 1}, "it")


@pytest.mark.sampled(0)
@pytest.mark.parametrize("good", GOOD, ids=lambda good: type(good).__name__)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_value_in_a_field_s_place_is_refused_or_of_its_type(good: Any, data: st.DataObject) -> None:
    values = json.loads(json.dumps(dataclasses.asdict(good)))
    values[data.draw(st.sampled_from(sorted(values)))] = data.draw(JSON)
    try:
        found = structured(type(good), values, "it")
    except ArgumentError as error:
        assert str(error)  # noqa: PT017 (not raising is right too)
        return
    assert structured(type(good), json.loads(json.dumps(dataclasses.asdict(found))), "it") == found


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hidden", "4", r"it.hidden is '4'; expected a whole number"),
        ("hidden", 4.0, r"it.hidden is 4.0; expected a whole number"),
        ("hidden", True, r"it.hidden is True; expected a whole number"),
        ("hidden", 10**50, r"it.hidden is a whole number of more than 63 bits"),
        ("hidden", [4], r"it.hidden is a list of 1; expected a whole number"),
        ("layers", "1", r"it.layers is '1'; expected a whole number or null"),
        ("dropout", 10**400, r"it.dropout is a whole number of more than 63 bits; expected a finite number"),
        ("tied", 0, r"it.tied is 0; expected true or false"),
        ("head", "\ud800", r"it.head is '\\ud800'; expected one of gaussian, student"),
    ],
)
def test_the_message_says_where_what_and_what_instead(name: str, value: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        structured(ModelConfig, dataclasses.asdict(ModelConfig()) | {name: value}, "it")


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "[-Infinity]", "", "{", b"\xff", "1" * 5000])
def test_text_that_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_fields_made_in_python() -> None:
    check_fields(ModelConfig())
    for wrong in ({"tied": 1}, {"head": 3}, {"layer_norm": "yes"}, {"name": None}):
        with pytest.raises(ArgumentError, match="model" if "name" in wrong else next(iter(wrong))):
            ModelConfig(**wrong)


_Numbers = TypeVar("_Numbers")
_Row = TypeAliasType("_Row", np.ndarray[Any, np.dtype[_Numbers]], type_params=(_Numbers,))


@dataclasses.dataclass
class _Aliased:
    row: _Row[np.int64] | None = None


def test_a_hint_may_be_an_alias_as_numpys_are() -> None:
    check_fields(_Aliased(np.zeros(3, np.int64)))
    check_fields(_Aliased())
    with pytest.raises(ArgumentError, match="`row` is 3; expected a ndarray or None"):
        check_fields(_Aliased(3))  # type: ignore[arg-type]
