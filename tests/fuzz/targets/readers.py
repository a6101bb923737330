"""Files of every kind, read with options of every kind."""

import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from chainrule.data import Labelled, Panel, Reading, Series, Symbols, read
from tests.fuzz import seeds
from tests.fuzz.judge import Case, Try, WrongAnswerError, shown
from tests.fuzz.mutate import mutate_bytes, mutate_zip, odd_value

__all__ = ["READERS"]

_CHOICES: dict[str, Sequence[Any]] = {
    "kind": ("text", "table", "sound", "images"),
    "encoding": ("utf-8", "latin-1", "utf-16", "cp1252", "ascii", "punycode", "idna", "utf-7", "rot13", "zlib"),
    "unit": ("characters", "bytes"),
    "documents": ("one", "blank-line", "line"),
    "layout": ("one", "long", "rows", "columns"),
    "known": (("price",), ("b",), ("b:category",), ("no",)),
    "past": (("volume",), ("b",)),
    "static": (("b",), ("x",)),
    "calendar": (("hour", "weekday"), ("auto",)),
    "columns": (("price",), ("price", "b"), ("x",), ("volume",), ("no",)),
    "date": ("date", "price", "month", "when", ("date", "b")),
    "date_format": ("%Y-%m-%d", "%d.%m.%Y", "%q", "s", "ms"),
    "freq": ("D", "B", "MS", "QE", "W-SUN", "15min", "0D", "-1D"),
    "id": ("b", "volume", "date"),
    "series": ("1", "a", "0.5"),
    "header": (True, False),
    "sheet": ("Sheet1", "prices", "0"),
    "thousands": (",", ".", "'", "_"),
    "decimal": (",", "."),
    "group": ("folder", "{speaker}_*", "*_{speaker}_*", "{", "**"),
    "unknown": ("skip", "replace"),
    "transform": ("standardise", "none", "difference", "log-return"),
    "fill": ("forward", "linear", "drop"),
    "season": (1, 2, 7, 10**9),
    "rate": (1, 8000, 44_100, 10**9),
    "labels": (True, False),
}


def _reading(random: Random, names: Sequence[str]) -> dict[str, Any]:
    known = {field.name for field in fields(Reading)}
    chosen = [name for name in names if name in known and random.random() < 0.12]
    return {name: random.choice(_CHOICES[name]) if random.random() < 0.9 else odd_value(random) for name in chosen}


def _read(path: Path, options: dict[str, Any]) -> None:
    _check(read(path, Reading(**options)))


def _check(data: Symbols | Series | Labelled | Panel) -> None:
    """What was read is of the form that it promises."""
    if isinstance(data, Symbols):
        good = all(d.dtype.kind in "iu" and (d >= 0).all() and (d < len(data.alphabet)).all() for d in data.documents)
    elif isinstance(data, Panel):
        good = data.values.dtype == np.float64 and not np.isinf(data.values).any() and len(data.starts) > len(data.ids)
    elif isinstance(data, Series):
        good = data.values.dtype == np.float64 and bool(np.isfinite(data.values).all()) and len(data.columns) > 0
    else:
        good = len(data.inputs) == len(data.labels) > 0 and int(data.labels.max()) < len(data.classes)
    if not good:
        raise WrongAnswerError(f"{type(data).__name__} is not of the form that it promises")


def _case(random: Random, path: Path, raw: bytes, names: Sequence[str]) -> Case:
    path.write_bytes(raw)
    options = _reading(random, names)
    return Case(lambda: _read(path, options), f"read {path.name} of {len(raw)} bytes with {shown(options)}")


_PLAIN = (".csv", ".tsv", ".csv.gz", ".csv.xz")
_NOT_OF_TABLES = ("kind", "unit", "documents", "rate", "labels", "group", "unknown")
_TABLE = tuple(name for name in _CHOICES if name not in _NOT_OF_TABLES)


def tables(folder: Path) -> Try:
    found = [(suffix, raw) for suffix, files in seeds.tables().items() for raw in files if suffix in _PLAIN]

    def draw(random: Random) -> Case:
        suffix, raw = random.choice(found)
        return _case(random, folder / f"table{suffix}", mutate_bytes(random, raw, [r for _, r in found]), _TABLE)

    return draw


def arrow(folder: Path) -> Try:
    found = [(suffix, raw) for suffix in (".parquet", ".feather") for raw in seeds.tables()[suffix]]

    def draw(random: Random) -> Case:
        suffix, raw = random.choice(found)
        return _case(random, folder / f"table{suffix}", mutate_bytes(random, raw, [r for _, r in found]), _TABLE)

    return draw


def sheets(folder: Path) -> Try:
    found = seeds.tables()[".xlsx"]

    def draw(random: Random) -> Case:
        return _case(random, folder / "table.xlsx", mutate_zip(random, random.choice(found)), _TABLE)

    return draw


def texts(folder: Path) -> Try:
    found = seeds.texts()

    def draw(random: Random) -> Case:
        raw = mutate_bytes(random, random.choice(found), found)
        return _case(random, folder / "a.txt", raw, ("encoding", "unit", "documents", "kind", "unknown"))

    return draw


def npz(folder: Path) -> Try:
    found = seeds.npz_files()

    def draw(random: Random) -> Case:
        return _case(random, folder / "a.npz", mutate_zip(random, random.choice(found)), ("kind",))

    return draw


def idx(folder: Path) -> Try:
    found = seeds.idx_files()

    def draw(random: Random) -> Case:
        for name, raw in found.items():
            (folder / name).write_bytes(mutate_bytes(random, raw) if random.random() < 0.6 else raw)
        path = random.choice((folder, *(folder / name for name in found)))
        return Case(lambda: _read(path, {}), f"read idx {path.name}")

    return draw


def pictures(folder: Path) -> Try:
    found = [(suffix, raw) for suffix, files in seeds.pictures().items() for raw in files]

    def draw(random: Random) -> Case:
        root = folder / "pictures"
        shutil.rmtree(root, ignore_errors=True)
        suffix, _ = random.choice(found)
        alike = [raw for end, raw in found if end == suffix][random.randrange(2) :][:1]
        for k, label in enumerate("aabb"):
            (root / label).mkdir(parents=True, exist_ok=True)
            raw = mutate_bytes(random, alike[0], [r for _, r in found]) if k == 0 else alike[0]
            (root / label / f"{k}{suffix}").write_bytes(raw)
        return Case(lambda: _read(root, {}), f"read a folder of {suffix}")

    return draw


def sounds(folder: Path) -> Try:
    found = [(suffix, raw) for suffix, files in seeds.sounds().items() for raw in files]

    def draw(random: Random) -> Case:
        suffix, raw = random.choice(found)
        return _case(
            random, folder / f"a{suffix}", mutate_bytes(random, raw, [r for _, r in found]), ("rate", "labels")
        )

    return draw


READERS = {
    "csv": tables,
    "arrow": arrow,
    "xlsx": sheets,
    "text": texts,
    "npz": npz,
    "idx": idx,
    "pictures": pictures,
    "sound": sounds,
}
