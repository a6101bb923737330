"""Readings: choices are checked, options foreign to the data are refused, and a config keeps them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._schema import structured
from chainrule.data import Reading
from chainrule.errors import ArgumentError

READINGS = st.builds(
    Reading,
    kind=st.sampled_from([None, "text", "table", "sound", "images"]),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
    unit=st.sampled_from(["characters", "bytes"]),
    documents=st.sampled_from(["one", "blank-line", "line"]),
    columns=st.lists(st.text()).map(tuple),
    date=st.none() | st.text() | st.lists(st.text(), min_size=1).map(tuple),
    date_format=st.none() | st.text(),
    id=st.none() | st.text() | st.lists(st.text(), min_size=1).map(tuple),
    series=st.none() | st.text(),
    header=st.none() | st.booleans(),
    sheet=st.none() | st.text(),
    thousands=st.sampled_from([None, " ", "'", "_"]),
    decimal=st.sampled_from([None, ".", ","]),
    transform=st.sampled_from(["standardise", "none", "difference", "log-return"]),
    fill=st.sampled_from([None, "forward", "linear", "drop"]),
    season=st.none() | st.integers(1, 2**63 - 1),
    rate=st.none() | st.integers(1, 1_000_000),
    labels=st.booleans(),
    group=st.sampled_from([None, "folder", "*_{speaker}_*"]),
)


@given(READINGS)
@settings(deadline=None)
def test_a_reading_survives_json(reading: Reading) -> None:
    assert structured(Reading, json.loads(json.dumps(reading.to_dict())), "it") == reading


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "tables"}, "kind is 'tables'; .*Did you mean 'table'?"),
        ({"unit": "letters"}, "unit is 'letters'; expected one of characters, bytes"),
        ({"documents": "lines"}, "Did you mean 'line'?"),
        ({"transform": "log"}, "transform is 'log'; .*log-return"),
        ({"fill": "forwards"}, "fill is 'forwards'; .*Did you mean 'forward'?"),
        ({"series": 3}, "series is 3; expected text"),
        ({"date": ("Date", 3)}, "date is a tuple; expected text or a tuple of text"),
        ({"header": "no"}, "header is 'no'; expected True or False or None"),
        ({"thousands": ";"}, "thousands is ';'; expected one of"),
        ({"thousands": ",", "decimal": ","}, "thousands and decimal are both ','; expected two marks"),
        ({"season": 0}, "season is 0; expected a whole number"),
        ({"rate": 8000.5}, "rate is 8000.5; expected a whole number"),
        ({"columns": "price"}, r"columns is 'price'; expected a tuple"),
        ({"encoding": "utf-9"}, "`encoding` is 'utf-9', which is not an encoding of text"),
        ({"encoding": "hex"}, "`encoding` is 'hex', which is not an encoding of text"),
    ],
)
def test_a_value_that_is_no_choice_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Reading(**options)


@pytest.mark.parametrize(
    ("reading", "kind", "option"),
    [
        (Reading(columns=("price",)), "text", "columns"),
        (Reading(fill="drop"), "sound", "fill"),
        (Reading(unit="bytes"), "table", "unit"),
        (Reading(rate=8000), "images", "rate"),
        (Reading(encoding="latin-1"), "sound", "encoding"),
        (Reading(labels=True), "text", "labels"),
    ],
)
def test_an_option_foreign_to_the_kind_is_refused(reading: Reading, kind: str, option: str) -> None:
    with pytest.raises(ArgumentError, match=f"`{option}=.*` applies to .*, but the file is read as (a )?{kind}"):
        reading.refuse_foreign(kind, "the file")


def test_defaults_are_foreign_to_no_kind() -> None:
    for kind in ("text", "table", "sound", "images"):
        Reading().refuse_foreign(kind, "the file")


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(columns=("y", "z")), '`columns=\\("y", "z"\\)` applies'),
        (Reading(labels=True), "`labels=True` applies"),
        (Reading(season=7), "`season=7` applies"),
    ],
)
def test_a_foreign_setting_is_spelt_as_in_python(reading: Reading, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        reading.refuse_foreign("text", "the file")
