"""From a good input to a bad one: bytes, JSON values and the entries of a zip."""

import json
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from random import Random
from typing import Any

__all__ = ["mutate_bytes", "mutate_json", "mutate_text", "mutate_zip", "odd_value"]

_LENGTHS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_TOKENS = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"nan", b"-inf", b"1e999", b"9" * 400, b'"', b",,,", b"\r", b"\x1a")


def mutate_bytes(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to six changes: bits, lengths, parts cut out, repeated, moved or taken from another input."""
    raw = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        random.choice(_BYTES)(random, raw, others)
    return bytes(raw)


def _flip(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    for _ in range(random.choice((1, 1, 4, 16))):
        if raw:
            raw[_place(random, raw)] ^= 1 << random.randrange(8)


def _set(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    if raw:
        raw[_place(random, raw)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _length(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    """A number of one to eight bytes in either order, as headers hold sizes."""
    width = random.choice((1, 2, 4, 4, 8))
    value = random.choice(_LENGTHS) % 256**width
    at = _place(random, raw)
    raw[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))


def _cut(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    at = _place(random, raw)
    del raw[at : at + random.choice((1, 2, 8, 64, len(raw)))]


def _repeat(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    at = _place(random, raw)
    block = raw[at : at + random.choice((1, 4, 16, 100))]
    raw[at:at] = block * random.choice((1, 2, 50))


def _splice(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    other = random.choice(others) if others else bytes(raw)
    at = _place(random, raw)
    first = random.randrange(len(other) + 1)
    raw[at:] = other[first:]


def _token(random: Random, raw: bytearray, others: Sequence[bytes]) -> None:
    at = _place(random, raw)
    raw[at : at + random.choice((0, 0, 1, 4))] = random.choice(_TOKENS)


_BYTES: tuple[Callable[[Random, bytearray, Sequence[bytes]], None], ...]
_BYTES = (_flip, _flip, _set, _length, _length, _cut, _repeat, _splice, _token)


def _place(random: Random, raw: bytearray) -> int:
    """More often near the start, where headers are."""
    if not raw:
        return 0
    near = random.choice((64, 512, len(raw), len(raw)))
    return random.randrange(min(near, len(raw)))


def mutate_text(random: Random, text: str) -> str:
    """The text with a few places changed."""
    return mutate_bytes(random, text.encode()).decode(errors=random.choice(("replace", "ignore")))


def odd_value(random: Random) -> Any:
    """A JSON value of any kind and size."""
    return random.choice(_VALUES)(random)


_VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda r: None,
    lambda r: r.choice((True, False)),
    lambda r: r.choice((0, -1, 1, 2, 7, 64, 1000, 10**6, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**30, -(10**30))),
    lambda r: r.choice((0.0, -0.5, 0.5, 1.5, 1e-320, 1e300, float("inf"), float("-inf"), float("nan"))),
    lambda r: r.choice(("", "a", "gru", "series", "\ud800", "\0", "é" * 50, "../..", "/dev/null", "runs", "a" * 5000)),
    lambda r: [],
    lambda r: {},
    lambda r: [odd_value(r) for _ in range(r.randrange(1, 4))] if r.random() < 0.5 else [1],
    lambda r: {"a": odd_value(r)} if r.random() < 0.5 else {"": None},
    lambda r: _deep(r.choice((5, 200, 3000))),
)


def _deep(levels: int) -> list[Any]:
    values: list[Any] = []
    for _ in range(levels):
        values = [values]
    return values


def mutate_json(random: Random, text: str) -> str:
    """The JSON text with one to three values of other types, missing, more, or as broken text."""
    if random.random() < 0.1:
        return mutate_text(random, text)
    values = json.loads(text)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        holder, key = random.choice(list(_places(values)) or [(None, None)])
        if holder is None:
            return json.dumps(odd_value(random))
        if isinstance(holder, dict) and random.random() < 0.15:
            del holder[key]
        elif isinstance(holder, dict) and random.random() < 0.1:
            holder[random.choice(("extra", "", "seed", "name", "é"))] = odd_value(random)
        else:
            holder[key] = odd_value(random)
    try:
        return json.dumps(values)
    except (RecursionError, UnicodeError):
        return "[" * 100_000


def _places(values: Any) -> Any:
    """Every (dict or list, key) below the values, at most so deep."""
    stack = [(values, 0)]
    while stack:
        holder, depth = stack.pop()
        for key, value in list(_pairs(holder))[:50]:
            yield holder, key
            if depth < 6:
                stack.append((value, depth + 1))


def _pairs(holder: Any) -> Any:
    """What a dict or a list holds, by key or place; nothing of any other value."""
    if isinstance(holder, dict):
        return holder.items()
    return enumerate(holder) if isinstance(holder, list) else ()


def mutate_zip(random: Random, data: bytes) -> bytes:
    """A zip whose entries are changed inside and packed again, so that their checksums hold."""
    if random.random() < 0.2:
        return mutate_bytes(random, data)
    with zipfile.ZipFile(BytesIO(data)) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    names = list(entries)
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(names)
        entries[name] = mutate_bytes(random, entries[name], list(entries.values()))
        if random.random() < 0.1:
            entries[random.choice(names)] = entries[name]
        if random.random() < 0.05:
            entries[random.choice(("x_train", "../x.npy", "a/b.npy", "labels.npy"))] = entries.pop(name)
            names = list(entries)
    result = BytesIO()
    with zipfile.ZipFile(result, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return result.getvalue()
