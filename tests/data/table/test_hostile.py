"""Broken and hostile files of every kind end in a series or in an error of our own, in bounded time and memory."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from chainrule.data import Reading, Series, read
from chainrule.errors import ChainruleError, ColumnError, DataError, TooShortError

N = 20
DAYS = pd.date_range("2024-01-01", periods=N)
VALUES = np.arange(N) + 0.25
FRAMES = [
    pd.DataFrame({"date": DAYS.strftime("%d.%m.%Y"), "v": VALUES, "note": "x"}),
    pd.DataFrame({"date": [*DAYS[:10], *DAYS[:10]], "id": ["a"] * 10 + ["b"] * 10, "v": VALUES}),
    pd.DataFrame({"Year": 2001, "Month": np.arange(N) % 12 + 1, "v": [f"{x:,.2f}" for x in VALUES * 1000]}),
    pd.DataFrame({"time": range(1_700_000_000, 1_700_000_000 + N), "v": VALUES, "w": -VALUES}),
]
WRITE: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "csv.gz": lambda frame: gzip.compress(frame.to_csv(index=False).encode(), mtime=0),
    "csv.zip": lambda frame: _zipped({"a.csv": frame.to_csv(index=False).encode()}),
    "parquet": lambda frame: _written(frame, "to_parquet"),
    "feather": lambda frame: _written(frame, "to_feather"),
    "xlsx": lambda frame: _written(frame, "to_excel", index=False),
}
PIECES = [b"nan", b"inf", b"9" * 400, b"\0", b"\xff", b'"', b"\n", b"\r", b",", b";", b"#", b"1e999", b"2024-02-30",
          b"9223372036854775808", b"\xff\xff\xff\x7f", b"Q5 1990", b"2020-W60", b"12/13/2014", b"<", b"{}"]  # fmt: skip
READINGS: list[dict[str, Any]] = [
    {},
    {"columns": ("v",)},
    {"columns": ("v",), "fill": "drop"},
    {"series": "a"},
    {"thousands": ","},
    {"date_format": "s"},
    {"date": ("Year", "Month")},
]


def _zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _written(frame: pd.DataFrame, how: str, **options: Any) -> bytes:
    file = io.BytesIO()
    getattr(frame, how)(file, **options)
    return file.getvalue()


def mutated(good: bytes, rng: random.Random) -> bytes:
    bad = bytearray(good)
    for _ in range(rng.choice([1, 1, 2, 4])):
        i = rng.randrange(len(bad) + 1)
        how = rng.randrange(4)
        if how == 0:
            bad[i : i + 1] = bytes([rng.randrange(256)])
        elif how == 1:
            del bad[i : i + rng.choice([1, 4, 50, len(bad)])]
        elif how == 2:
            bad[i:i] = rng.choice(PIECES)
        else:
            piece = rng.choice(PIECES)
            bad[i : i + len(piece)] = piece
    return bytes(bad)


def mutated_inside(good: bytes, rng: random.Random) -> bytes:
    """A zip archive, which an .xlsx file is, with one of its files mutated."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(files))
    return _zipped({**files, name: mutated(files[name], rng)})


@pytest.mark.sampled(0)
@pytest.mark.parametrize("suffix", WRITE)
def test_mutated_files_end_in_words(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / f"a.{suffix}"
    goods = [WRITE[suffix](frame) for frame in FRAMES]
    too_long = []
    for _ in range(120):
        inside = suffix in ("xlsx", "csv.zip") and rng.random() < 0.7
        path.write_bytes((mutated_inside if inside else mutated)(rng.choice(goods), rng))
        try:
            series = read(path, Reading(**rng.choice(READINGS)))
        except ChainruleError as error:
            too_long += [str(error)] if len(str(error)) > 2000 else []
        else:
            assert isinstance(series, Series)
    assert not too_long


ODD = {
    "int8": pa.array([1, None, 3], pa.int8()),
    "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "half": pa.array(np.array([1, 2, 3], np.float16)),
    "null": pa.nulls(3),
    "bool": pa.array([True, None, False]),
    "binary": pa.array([b"\xff", b"", None]),
    "date": pa.array([0, -(10**6), None], pa.int32()).cast(pa.date32()),
    "far": pa.array([2**62, 1, None], pa.int64()).cast(pa.timestamp("s", "Europe/Berlin")),
    "time": pa.array([1, 2, None], pa.int64()).cast(pa.time64("us")),
    "duration": pa.array([1, 2, None], pa.int64()).cast(pa.duration("s")),
    "decimal": pa.array([Decimal("1.5"), None, Decimal("-1e40")], pa.decimal256(60, 5)),
    "list": pa.array([[1], None, []]),
    "struct": pa.array([{"a": 1}, None, {"a": 2}]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "words": pa.array(["a", None, "b"]).dictionary_encode(),
    "levels": pa.array([1.5, None, 2.5]).dictionary_encode(),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 3, pa.binary(16))),
    "interval": pa.array([(1, 2, 3)] * 3, pa.month_day_nano_interval()),
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_columns_of_every_type_are_read_or_refused_by_name(kind: str, suffix: str, tmp_path: Path) -> None:
    if (kind, suffix) in {("interval", "parquet"), ("far", "parquet")}:
        pytest.skip("Parquet cannot hold it")
    table = pa.table({"odd": ODD[kind], "v": [1.0, 2.0, 3.0]})
    path = tmp_path / f"a.{suffix}"
    pq.write_table(table, path) if suffix == "parquet" else pa.feather.write_feather(table, path)
    series = read(path, Reading(columns=("v",)))
    assert isinstance(series, Series)
    assert series.values[:, 0].tolist() == [1, 2, 3]
    if kind == "half":
        assert read(path, Reading(columns=("odd",))).values[:, 0].tolist() == [1, 2, 3]  # type: ignore[union-attr]
        return
    numeric = kind in ("int8", "uint64", "null", "decimal", "levels")
    with pytest.raises(DataError, match="missing values? in odd" if numeric else r"'odd' of a.* is not numeric: row"):
        read(path, Reading(columns=("odd",)))


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"\xff", b"[]", b'{"index_columns": 3}', b'{"index_columns": [null, "no", {"kind": "range"}]}'],
)
def test_what_pandas_notes_may_be_broken(note: bytes, tmp_path: Path) -> None:
    table = pa.table({"date": DAYS.strftime("%Y-%m-%d").tolist(), "v": VALUES})
    pq.write_table(table.replace_schema_metadata({b"pandas": note}), tmp_path / "a.parquet")
    series = read(tmp_path / "a.parquet")
    assert isinstance(series, Series)
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


def test_names_that_are_alike_are_told_apart(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(VALUES + i) for i in range(5)], names=["v", "V", " v ", "", "v"])
    pq.write_table(table, tmp_path / "a.parquet")
    frame = pd.DataFrame(np.stack([VALUES + i for i in range(5)], axis=1))
    frame.to_csv(tmp_path / "a.csv", index=False, header=["v", "V", " v ", "", "v"])
    for path in (tmp_path / "a.parquet", tmp_path / "a.csv"):
        with pytest.raises(ColumnError, match=r"5 numeric columns: v 1, V, v 2, Unnamed: 3, v 3\."):
            read(path)
        for i, name in enumerate(["v 1", "V", "v 2", "Unnamed: 3", "v 3"]):
            series = read(path, Reading(columns=(name,)))
            assert isinstance(series, Series)
            np.testing.assert_array_equal(series.values[:, 0], VALUES + i)


ZEROS = np.zeros(31_000_000, np.int8)
LARGE: list[tuple[str, Callable[[Path], Any], type[ChainruleError], str]] = [
    ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(bytes(300 << 20), 1)), DataError, "more than 256 MB"),
    ("a.csv", lambda path: path.write_bytes(b"1" * 5_000_000), DataError, "a line of 5,000,000 characters"),
    ("a.csv", lambda path: path.write_bytes(b",".join([b"1"] * 100_000)), DataError, "100,000 columns|field limit"),
    ("a.csv", lambda path: path.write_bytes(b"v\n" + b"\n" * 31_000_000 + b"1"), DataError, "at most 30,000,000 cells"),
    ("a.csv", lambda path: path.write_bytes(b"a,b\n" + b"#\n" * 1_100_000 + b"1,2"), DataError, "1,000,000 comment"),
    ("a.csv", lambda path: path.write_bytes(b",,,\n" * 1000), TooShortError, "no cell that is not blank"),
    ("a.csv", lambda path: path.write_bytes(b'a,b\n1,"' + b"x,y\n" * 100_000), DataError, "opened and not closed"),
    ("a.csv", lambda path: path.write_bytes(b"v\n" + b"9" * 400 + b"\n1\n"), DataError, "infinite values, at line 2"),
    ("a.parquet", lambda path: pq.write_table(pa.table({"v": ZEROS}), path), DataError, "at most"),
    ("a.feather", lambda path: pa.feather.write_feather(pa.table({"v": ZEROS}), path), DataError,
     "at most"),
    ("a.parquet", lambda path: pq.write_table(_repeated_text(), path, store_schema=False), DataError, "Leave it out"),
    ("a.xlsx", lambda path: _far_cell().save(path), DataError, "more than 3,000,000 cells. Save it as CSV"),
]  # fmt: skip


def _repeated_text() -> pa.Table:
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * 10_000]))
    return pa.table({"v": np.arange(100_000.0), "t": words})


def _far_cell() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.cell(1, 1, "v")
    book.active.cell(1_048_576, 16_384, 1.0)
    return book


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("name", "write", "error", "message"), LARGE, ids=[f"{i} {c[0]}" for i, c in enumerate(LARGE)])
def test_what_is_too_large_is_refused_before_it_is_unpacked(
    name: str, write: Callable[[Path], Any], error: type[ChainruleError], message: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(error, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("options", [{"sheet": "a"}, {"header": True}, {"encoding": "latin-1"}])
def test_options_that_a_file_does_not_have_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    frame = FRAMES[0]
    frame.to_parquet(tmp_path / "a.parquet")
    for source in (tmp_path / "a.parquet", frame):
        with pytest.raises(ChainruleError, match=rf"`{next(iter(options))}=.*` does not apply to .*\. Leave it out"):
            read(source, Reading(**options))


@pytest.mark.slow
def test_offsets_that_lead_anywhere_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    words = pa.array(["some", "words"] * (N // 2), pa.large_string()).dictionary_encode()
    pa.feather.write_feather(pa.table({"v": VALUES, "t": words}), path, compression="uncompressed")
    good = path.read_bytes()
    for i in range(0, len(good) - 4, 8):
        path.write_bytes(good[:i] + b"\xff\xff\xff\x7f" + good[i + 4 :])
        try:
            read(path)
        except ChainruleError:
            continue


def test_what_lists_and_structures_unpack_to_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row may hold any number of values, and a text that repeats is kept but once in the file."""
    monkeypatch.setattr("chainrule.data.table.formats.arrow._MOST_BYTES", 10**6)
    numbers = pa.ListArray.from_arrays(pa.array([0, 200_000], pa.int32()), pa.array(np.zeros(200_000)))
    words = pa.StructArray.from_arrays([pa.array(["x" * 10_000] * 200)], ["word"])
    path = tmp_path / "a.parquet"
    for column in (numbers, words):
        pq.write_table(pa.table({"v": np.arange(float(len(column))), "odd": column}), path)
        assert path.stat().st_size < 100_000
        with pytest.raises(DataError, match=r"a.parquet unpacks to more than 1 MB. Write only the columns to model"):
            read(path)
    pq.write_table(pa.table({"v": VALUES, "odd": words[:N]}), path)
    assert read(path).values[:, 0].tolist() == VALUES.tolist()  # type: ignore[union-attr]


def test_whole_numbers_of_any_size_are_read_where_pandas_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in pandas 3.0, which raises of those of more than 64 bits."""
    read_csv = pd.read_csv

    def overflows(*arguments: Any, **options: Any) -> pd.DataFrame:
        if options["dtype"] != "str":
            raise OverflowError("int too big to convert")
        frame: pd.DataFrame = read_csv(*arguments, **options)
        return frame

    path = tmp_path / "a.csv"
    path.write_text("v\n" + "".join(f"{10**30 + i}\n" for i in range(N)))
    expected = read(path)
    monkeypatch.setattr(pd, "read_csv", overflows)
    found = read(path)
    assert isinstance(found, Series)
    assert isinstance(expected, Series)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.values[:, 0], 1e30)


def test_a_long_header_is_cut_by_the_mark_that_cuts_it(tmp_path: Path) -> None:
    """Though one of its names has another mark in it, which would leave a cell longer than the csv module takes."""
    names = [
        f"a column with a long name, number {i}" if i == 0 else f"a column with a long name {i}" for i in range(5000)
    ]
    assert sum(map(len, names)) > 131_072 - 5000
    path = tmp_path / "a.tsv"
    rows = "\n".join("\t".join(f"{i + k}.5" for k in range(5000)) for i in range(3))
    path.write_text("\t".join(names) + "\n" + rows + "\n")
    series = read(path, Reading(columns=(names[0], names[-1])))
    assert isinstance(series, Series)
    assert series.values.tolist() == [[i + 0.5, i + 4999.5] for i in range(3)]


def _packed_feather(path: Path) -> None:
    """One batch, of text that repeats among numbers: 5 kB that unpack to 160 MB."""
    words = pa.array(["x" * 10_000]).dictionary_encode()
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000_000, np.int32)), words.dictionary)
    table = pa.table({"v": np.zeros(10_000_000), "t": words, "odd": pa.array([None] * 10_000_000, pa.int32())})
    pa.feather.write_feather(table, path, compression="zstd", chunksize=20_000_000)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_what_a_feather_file_unpacks_to_is_known_to_the_byte(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    words = pa.array(["some", "words"] * 500).dictionary_encode()
    table = pa.table({"v": np.zeros(1000), "t": words, "u": pa.array(["x" * 50] * 999 + [None])})
    pa.feather.write_feather(table, path, compression=compression, chunksize=300)
    buffers = [buffer for column in table.columns for buffer in column.chunk(0).buffers() if buffer is not None]
    least = 8 * 1000 + 4 * 1000 + 50 * 999  # numbers, words' places, text
    assert read(path, Reading(columns=("v",), max_unpacked=str(2 * sum(map(len, buffers))))).values.shape == (1000, 1)  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"a.feather unpacks to more than .* or allow more, for example `max_unpacked="):
        read(path, Reading(columns=("v",), max_unpacked=str(least)))


def test_a_batch_is_measured_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    _packed_feather(path)
    assert path.stat().st_size < 20_000
    usual = pa.default_memory_pool()
    counting = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counting)
    try:
        with pytest.raises(DataError, match=r"a.feather unpacks to more than 100 MB"):
            read(path, Reading(columns=("v",), max_unpacked="100MB"))
    finally:
        pa.set_memory_pool(usual)
    assert 0 < counting.max_memory() < 10**6


@pytest.mark.parametrize("name", WRITE)
def test_a_bound_that_is_given_holds_for_every_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name}"
    path.write_bytes(WRITE[name](FRAMES[3]))
    assert read(path, Reading(columns=("v",), max_unpacked="1MB")).values[:, 0].tolist() == VALUES.tolist()  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r'unpacks to more than 100 B\. .*for example `max_unpacked="200B"`'):
        read(path, Reading(columns=("v",), max_unpacked="100"))
