"""What a path or a name is: the kind is found or named, and what fits nothing is refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Alphabet, Reading, Series, Symbols, read, write_wav
from chainrule.errors import ArgumentError, DataError


def test_an_unknown_name_suggests_a_built_in() -> None:
    with pytest.raises(ArgumentError, match=r"data 'sunspot'; built in are english, .*tone. Did you mean 'sunspots'?"):
        read("sunspot")


def test_a_path_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("english").write_text("mine")
    with pytest.warns(UserWarning, match="there is a file english here"):
        symbols = read("english", Reading(kind="text"))
    assert isinstance(symbols, Symbols)
    assert symbols.length == 4


def test_an_unknown_suffix_says_what_is_known(tmp_path: Path) -> None:
    for name, said in (("a.foo", "the unknown suffix '.foo'"), ("README", "no suffix")):
        (tmp_path / name).write_text("text")
        with pytest.raises(DataError, match=rf"has {said}; known are text: .txt .*with `kind`: text, table"):
            read(tmp_path / name)
        assert isinstance(read(tmp_path / name, Reading(kind="text")), Symbols)


@pytest.mark.parametrize("orient", ["records", "columns", "values", "split", "index"])
def test_records_in_json_are_not_taken_for_a_text(orient: Any, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    pd.DataFrame({"date": ["2024-01-01", "2024-01-02"], "v": [1, 2]}).to_json(path, orient=orient)
    with pytest.raises(DataError, match=r"table.json holds records in JSON, .* one of .csv, .*`kind=\"text\"`"):
        read(path)
    assert isinstance(read(path, Reading(kind="text")), Symbols)
    path.write_text('{"a": 1}\n{"a": 2}\n')
    with pytest.raises(DataError, match="holds records in JSON"):
        read(path)


def test_a_kind_that_is_named_wins_over_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text("v\n1\n2\n")
    assert isinstance(read(tmp_path / "table.txt", Reading(kind="table")), Series)
    assert isinstance(read(tmp_path / "table.txt"), Symbols)


def test_a_folder_of_several_kinds_needs_its_kind_named(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full(10, 0.5), 8000)
    (tmp_path / "README.md").write_text("some sound")
    with pytest.raises(DataError, match=r'holds sound and text\. Say which .*: `kind="sound"` or `kind="text"`\.'):
        read(tmp_path)
    sound = read(tmp_path, Reading(kind="sound"))
    assert isinstance(sound, Symbols)
    assert sound.length == 10


def test_folders_that_hold_nothing_to_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("v\n1\n2\n")
    for kind in (None, "table"):
        with pytest.raises(DataError, match=r"holds tables: a.csv. A table is read from one file: name it, .*/a.csv\."):
            read(tmp_path, Reading(kind=kind))
    with pytest.raises(DataError, match=r"holds no sound; expected files ending in .wav .flac"):
        read(tmp_path, Reading(kind="sound"))


def test_a_readme_beside_tables_is_not_taken_for_the_data(tmp_path: Path) -> None:
    for name in ("README.md", "notes/b.parquet", "a.csv.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("some text")
    with pytest.raises(
        DataError,
        match=r'holds tables: a.csv.gz, notes/b.parquet\..* To read the text beside them give `kind="text"`\.$',
    ):
        read(tmp_path)
    text = read(tmp_path, Reading(kind="text"))
    assert isinstance(text, Symbols)
    assert text.length == len("some text")


def test_folders_without_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no text, tables, sound or images"):
        read(tmp_path)
    with pytest.raises(DataError, match="is a folder without tables; a table is one file"):
        read(tmp_path, Reading(kind="table"))


def test_one_image_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"a.png is one image; expected a folder"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("source", "options", "takes", "gives"),
    [
        ("google", {"alphabet": Alphabet("bytes")}, "bytes", "real values"),
        ("tone", {"alphabet": Alphabet("bytes")}, "bytes", "mu-law"),
        ("english", {"alphabet": Alphabet("bytes")}, "bytes", "characters"),
        ("digits", {"alphabet": Alphabet("bytes")}, "bytes", "labelled images"),
        ("english", {"classes": ("a", "b")}, "labelled examples", "characters"),
    ],
)
def test_data_of_another_kind_than_the_model_takes_is_refused(
    source: str, options: dict[str, object], takes: str, gives: str
) -> None:
    with pytest.raises(DataError, match=f"the model takes {takes}, but {source} is read as {gives}"):
        read(source, **options)  # type: ignore[arg-type]


def test_an_empty_source_is_not_this_folder() -> None:
    for source in ("", " "):
        with pytest.raises(ArgumentError, match="the source is empty; expected a path"):
            read(source)


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    outside = tmp_path / "outside"
    for folder in (data, outside):
        folder.mkdir()
        (folder / "a.txt").write_text(folder.name)
    (data / "b.txt").symlink_to(outside / "a.txt")
    (data / "c.txt").symlink_to(data / "a.txt")
    (data / "d").symlink_to(outside)
    (data / "e.txt").symlink_to("e.txt")  # a link to itself
    symbols = read(data)
    assert isinstance(symbols, Symbols)
    assert [symbols.alphabet.decode(document) for document in symbols.documents] == ["data", "data"]


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.data.sources.folders._MOST_FILES", 3)
    for i in range(4):
        (tmp_path / f"{i}.txt").write_text("x")
    with pytest.raises(DataError, match="holds more than 3 files; expected a folder of data alone"):
        read(tmp_path)


def test_a_file_by_the_name_of_a_built_in_set_is_read_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sunspots").write_text("value\n1\n2\n4\n")
    mine = Reading(kind="table", transform="difference")
    said = "there is a file sunspots here, and a built-in set of this name: the file is read. Give builtin:sunspots"
    with pytest.warns(UserWarning, match=said):
        assert len(series_of(read("sunspots", mine)).values) == 3
    for sure in ("./sunspots", Path("sunspots"), str(tmp_path / "sunspots")):
        assert len(series_of(read(sure, mine)).values) == 3
    assert len(series_of(read("builtin:sunspots")).values) == 309
    with pytest.raises(ArgumentError, match=r"there is no file, folder or built-in data 'sunspot'.*Did you mean"):
        read("builtin:sunspot")


def series_of(data: object) -> Series:
    assert isinstance(data, Series)
    return data


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """As file systems allow them, and no run could keep them."""
    strange = os.fsdecode(b"caf\xe9")
    (tmp_path / f"{strange}.txt").write_text("words " * 100)
    (tmp_path / strange).mkdir()
    (tmp_path / strange / "a.txt").write_text("words " * 100)
    for source in (tmp_path / f"{strange}.txt", tmp_path / strange, tmp_path / strange / "a.txt", tmp_path):
        with pytest.raises(DataError, match=r"caf.udce9.* is not UTF-8; rename it"):
            read(source)
