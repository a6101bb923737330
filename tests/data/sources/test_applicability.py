"""Every field of a reading, for every kind of source, changes what is read or is refused: none is ignored."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.data import Alphabet, Labelled, Panel, Reading, Series, Symbols, read, write_wav
from chainrule.data.sources.applicability import without_inapplicable
from chainrule.data.sources.identifying import identify
from chainrule.errors import ArgumentError, ChainruleError

TABLE = pd.DataFrame(
    {
        "when": ["01.02.2024", "02.02.2024", "03.02.2024", "05.02.2024"] * 2,
        "who": ["ann"] * 4 + ["bob"] * 4,
        "price": ["1,5", "2,25", None, "1 000,5", "7,5", "2,5", None, "4 000,5"],
        "size": ["1 500", "2 000", "3 000", "9 000"] * 2,
    }
)
READ_AS_IT_IS: dict[str, Any] = {
    "columns": ("price",), "date": "when", "date_format": "%d.%m.%Y", "id": "who", "series": "ann", "fill": "drop",
    "thousands": " ", "decimal": ",",
}  # fmt: skip
WAVE = np.sin(np.arange(400) / 5) / 2
IMAGES = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
LABELS = np.arange(6, dtype=np.uint8) % 2

VALUES: dict[str, Any] = {
    "kind": None,
    "encoding": "utf-16",
    "unit": "bytes",
    "documents": "line",
    "layout": "columns",
    "columns": ("size",),
    "known": ("size",),
    "past": ("size",),
    "static": ("size",),
    "calendar": ("weekday",),
    "date": "who",
    "date_format": "%m.%d.%Y",
    "freq": "D",
    "id": "size",
    "series": "bob",
    "header": False,
    "sheet": "second",
    "thousands": "'",
    "decimal": ".",
    "transform": "log-return",
    "fill": "linear",
    "season": 2,
    "rate": 4000,
    "labels": True,
    "group": "*_{speaker}_*",
    "max_unpacked": "10B",
    "unknown": "skip",
}
"""A value of each field that changes what is read from the sources below, where the field applies."""

KINDS = {
    "a text file": "text",
    "a folder of text": "text",
    "a CSV file": "table",
    "a Parquet file": "table",
    "a Feather file": "table",
    "an Excel file": "table",
    "a DataFrame": "table",
    "an array": "table",
    "sound files": "sound",
    "pictures": "images",
    "an npz archive": "images",
    "idx files": "images",
    "english": "text",
    "sunspots": "table",
    "tone": "sound",
    "digits": "images",
}


def in_excel(folder: Path) -> Path:
    with pd.ExcelWriter(folder / "a.xlsx") as book:
        TABLE.to_excel(book, sheet_name="first", index=False)
        TABLE[::-1].to_excel(book, sheet_name="second", index=False)
    return folder / "a.xlsx"


def as_text(folder: Path) -> Path:
    (folder / "a.txt").write_text("the cat\n\nthe dog é\n", encoding="utf-8")
    return folder / "a.txt"


def as_sound(folder: Path) -> Path:
    for word in ("yes", "no"):
        for speaker in ("ann", "bob", "cem"):
            write_wav(folder / f"{word}_{speaker}_1.wav", WAVE, 8000)
    return folder


def as_pictures(folder: Path) -> Path:
    for label in ("cat", "dog"):
        (folder / label).mkdir()
        for speaker in ("ann", "bob", "cem"):
            Image.fromarray(IMAGES[0]).save(folder / label / f"x_{speaker}_1.png")
    return folder


def as_npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", x=IMAGES, y=LABELS)
    return folder / "a.npz"


def as_idx(folder: Path) -> Path:
    for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / f"train-{name}-ubyte").write_bytes(header + array.tobytes())
    return folder


def written(name: str, write: str, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        getattr(TABLE, write)(folder / name, **options)
        return folder / name

    return make


SOURCES: dict[str, Callable[[Path], Any]] = {
    "a text file": as_text,
    "a folder of text": lambda folder: as_text(folder).parent,
    "a CSV file": written("a.csv", "to_csv", index=False),
    "a Parquet file": written("a.parquet", "to_parquet"),
    "a Feather file": written("a.feather", "to_feather"),
    "an Excel file": in_excel,
    "a DataFrame": lambda _: TABLE,
    "an array": lambda _: np.arange(12.0).reshape(6, 2) ** 2,
    "sound files": as_sound,
    "pictures": as_pictures,
    "an npz archive": as_npz,
    "idx files": as_idx,
    "english": lambda _: "english",
    "sunspots": lambda _: "sunspots",
    "tone": lambda _: "tone",
    "digits": lambda _: "digits",
}
NAMED_ON_THE_WAY = {"a CSV file", "a Parquet file", "a Feather file", "a DataFrame", "an Excel file"}


def outcome(source: Any, settings: dict[str, Any], **model: Any) -> list[Any]:
    """What is read, in a form to compare; or why it is not."""
    try:
        data = read(source, Reading(**settings), **model)
    except ChainruleError as error:
        return [type(error), str(error)]
    if isinstance(data, Symbols):
        return [[document.tolist() for document in data.documents], data.rate, len(data.alphabet)]
    if isinstance(data, Series):
        dates = None if data.dates is None else data.dates.tolist()
        return [data.values.tolist(), data.columns, dates, data.season, data.freq, data.filled]
    if isinstance(data, Panel):
        return [data.values.tolist(), data.starts.tolist(), data.ids, data.season]
    assert isinstance(data, Labelled)
    inputs = [np.asarray(each).tolist() for each in data.inputs]
    return [inputs, data.labels.tolist(), data.classes, data.rate, data.groups, data.grouped_by]


def settings_for(kind: str) -> dict[str, Any]:
    """What a source needs to be read at all, so that each field is the only one that differs."""
    if kind in NAMED_ON_THE_WAY:
        return {**READ_AS_IT_IS, **({"sheet": "first"} if kind == "an Excel file" else {})}
    return {}


def test_every_field_has_a_value_to_try() -> None:
    assert VALUES.keys() == {field.name for field in fields(Reading)}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_field_changes_what_is_read_or_is_refused(kind: str, tmp_path: Path) -> None:
    source = SOURCES[kind](tmp_path)
    settings = settings_for(kind)
    as_it_is = outcome(source, settings)
    assert not isinstance(as_it_is[0], type), as_it_is
    other_kind = "sound" if KINDS[kind] == "text" else "text"
    ignored = []
    for field, value in {**VALUES, "kind": other_kind}.items():
        changed = outcome(source, {**settings, field: value})
        if changed == as_it_is:
            ignored.append(field)
    # The transform is for the fit, which learns it from the training part; reading only checks that it can be.
    may_wait = {"transform"} if KINDS[kind] == "table" else set()
    # These say how to go on if something is missing; nothing is missing here.
    may_wait |= {"fill"} if kind in ("sunspots", "an array") else set()
    assert set(ignored) <= may_wait


@pytest.mark.parametrize("kind", SOURCES)
def test_what_does_not_apply_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    source = SOURCES[kind](tmp_path)
    found = identify(source, None)
    for field in found.without:
        with pytest.raises(ArgumentError, match=rf"`{field}=.*` does not apply to .*\. Leave it out\."):
            read(source, Reading(**{**settings_for(kind), field: VALUES[field]}))
        assert getattr(without_inapplicable(Reading(**{field: VALUES[field]}), found), field) == getattr(Reading, field)


def test_an_encoding_of_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r'`encoding="latin-1"` does not apply to `unit="bytes"`'):
        read(as_text(tmp_path), Reading(encoding="latin-1", unit="bytes"))


def test_labels_of_images_are_refused_as_they_always_have_them(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"`labels=True` applies to sound, but .* is read as images"):
        read(as_pictures(tmp_path), Reading(labels=True))


def test_the_reading_of_other_data_loses_what_does_not_apply(tmp_path: Path) -> None:
    reading = Reading(encoding="latin-1")
    as_text(tmp_path)
    assert outcome("english", {"encoding": "latin-1"})[0] is ArgumentError
    inherited = read("english", reading, inherited=True)
    plain = read("english")
    assert isinstance(inherited, Symbols)
    assert isinstance(plain, Symbols)
    assert inherited.alphabet == plain.alphabet
    with pytest.raises(ArgumentError, match=r"`labels=True` applies to sound"):  # another kind is refused all the same
        read("english", Reading(labels=True), inherited=True)


def test_unknown_characters_are_of_new_text_for_a_model(tmp_path: Path) -> None:
    alphabet = Alphabet.of(["the cat\ndog"])
    refused = outcome(as_text(tmp_path), {}, alphabet=alphabet)
    skipped = outcome(as_text(tmp_path), {"unknown": "skip"}, alphabet=alphabet)
    assert isinstance(refused[0], type)
    assert refused != skipped
