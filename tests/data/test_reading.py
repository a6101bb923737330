"""Readings: choices are checked, options foreign to the data are refused, and a config keeps them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._schema import structured
from chainrule._settings import settings_of
from chainrule.data import Reading, read
from chainrule.data.reading import KINDS
from chainrule.errors import ArgumentError

READINGS = st.builds(
    Reading,
    kind=st.sampled_from([None, "text", "table", "sound", "images"]),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
    unit=st.sampled_from(["characters", "bytes"]),
    documents=st.sampled_from(["one", "blank-line", "line"]),
    layout=st.sampled_from([None, "one", "long", "rows", "columns"]),
    columns=st.lists(st.text("ab")).map(tuple),
    known=st.lists(st.text("cd", min_size=1), unique=True).map(tuple),
    past=st.lists(st.text("ef", min_size=1), unique=True).map(tuple),
    static=st.lists(st.text("gh", min_size=1), unique=True).map(tuple),
    calendar=st.sampled_from([(), ("auto",), ("hour", "weekend")]),
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
    max_unpacked=st.sampled_from([None, "2GB", "1000"]),
)


@given(READINGS)
@settings(deadline=None, max_examples=30)
def test_a_reading_survives_json(reading: Reading) -> None:
    assert structured(Reading, json.loads(json.dumps(reading.to_dict())), "it") == reading


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "tables"}, "`kind` is 'tables'; .*Did you mean 'table'?"),
        ({"unit": "letters"}, "`unit` is 'letters'; expected one of characters, bytes"),
        ({"documents": "lines"}, "Did you mean 'line'?"),
        ({"transform": "log"}, "`transform` is 'log'; .*log-return"),
        ({"fill": "forwards"}, "`fill` is 'forwards'; .*Did you mean 'forward'?"),
        ({"series": 3}, "`series` is 3; expected text"),
        ({"date": ("Date", 3)}, "`date` is a tuple; expected text or a tuple of text"),
        ({"header": "no"}, "`header` is 'no'; expected True or False or None"),
        ({"thousands": ";"}, "`thousands` is ';'; expected one of"),
        ({"thousands": ",", "decimal": ","}, "`thousands` and `decimal` are both ','; expected two marks"),
        ({"season": 0}, "`season` is 0; expected a whole number"),
        ({"rate": 8000.5}, "`rate` is 8000.5; expected a whole number"),
        ({"columns": "price"}, r"`columns` is 'price'; expected a tuple"),
        ({"layout": "wide"}, "`layout` is 'wide'; expected one of one, long, rows, columns"),
        ({"known": "price"}, r"`known` is 'price'; expected a tuple"),
        ({"static": (3,)}, r"`static` is .*; expected a tuple of names"),
        ({"calendar": ("hours",)}, "`calendar` is 'hours'; .*Did you mean 'hour'?"),
        ({"calendar": ("auto", "hour")}, "`calendar` has 'auto' beside other features"),
        ({"calendar": ("hour", "hour")}, "`calendar` names hour twice"),
        ({"known": ("a", "b"), "past": ("a",)}, "a is named twice among `columns`, `known`, `past` and `static`"),
        ({"known": ("a",), "columns": ("a",)}, "a is named twice among"),
        ({"max_unpacked": "much"}, "`max_unpacked` is 'much'; expected a size such as 256MB"),
        ({"max_unpacked": "9" * 400}, "`max_unpacked` is '9"),
        ({"encoding": "utf-9"}, "`encoding` is 'utf-9', which is not an encoding of text"),
        ({"encoding": "hex"}, "`encoding` is 'hex', which is not an encoding of text"),
    ],
)
def test_a_value_that_is_no_choice_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Reading(**options)


OTHER: dict[str, object] = {  # a value of every setting that is not its default
    "encoding": "latin-1",
    "unit": "bytes",
    "documents": "line",
    "layout": "long",
    "columns": ("price",),
    "known": ("promotion",),
    "past": ("rain",),
    "static": ("region",),
    "calendar": ("hour",),
    "date": "day",
    "date_format": "%d.%m.%Y",
    "freq": "D",
    "id": "ticker",
    "series": "A",
    "header": True,
    "sheet": "a",
    "thousands": ".",
    "decimal": ",",
    "transform": "none",
    "fill": "drop",
    "season": 7,
    "rate": 8000,
    "labels": True,
    "group": "folder",
    "max_unpacked": "2GB",
    "unknown": "skip",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in settings_of(Reading) if name != "kind"])
def test_a_setting_applies_to_a_kind_or_is_refused(name: str, kind: str) -> None:
    reading = Reading(**{name: OTHER[name]})  # type: ignore[arg-type]
    if settings_of(Reading)[name].applies(has=(kind,)):
        reading.refuse_foreign(kind, "the file")
    else:
        with pytest.raises(ArgumentError, match=f"`{name}=.* applies to .* but the file is read as .*{kind}"):
            reading.refuse_foreign(kind, "the file")


def test_labels_are_of_sound_as_images_have_them_anyway() -> None:
    with pytest.raises(ArgumentError, match="`labels=True` applies to sound, but digits is read as images"):
        read("digits", Reading(labels=True))


@pytest.mark.parametrize("option", [{"encoding": "latin-1"}, {"header": True}, {"sheet": "a"}])
def test_what_says_how_a_file_is_written_is_refused_of_a_built_in_set(option: dict[str, Any]) -> None:
    name = "english" if "encoding" in option else "sunspots"
    with pytest.raises(ArgumentError, match=f"does not apply to the built-in set {name}. Leave it out"):
        read(name, Reading(**option))


def test_defaults_are_foreign_to_no_kind() -> None:
    for kind in ("text", "table", "sound", "images"):
        Reading().refuse_foreign(kind, "the file")


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(columns=("y", "z")), r'`columns=\("y", "z"\)` applies to tables, but'),
        (Reading(labels=True), "`labels=True` applies to sound, but"),
        (Reading(season=7), "`season=7` applies to tables, but"),
    ],
)
def test_a_foreign_option_is_named_as_it_is_given(reading: Reading, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        reading.refuse_foreign("text", "the file")
