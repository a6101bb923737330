"""Settings from JSON, held to the fields and type hints of their dataclasses: a new field is checked by being there."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from chainrule._choices import listed, near
from chainrule.errors import ArgumentError

__all__ = ["check_fields", "check_record", "hints_of", "parse", "structured", "value_as"]

_T = TypeVar("_T")
_LARGEST = 2**63
_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a finite number", NoneType: "null"}


_known: dict[Any, dict[str, Any]] = {}


def hints_of(cls: Any) -> dict[str, Any]:
    """The type hints of a class, found once: finding them takes longer than making an object of it."""
    if cls not in _known:
        _known[cls] = get_type_hints(cls)
    return _known[cls]


def parse(text: str | bytes) -> Any:
    """What JSON text holds; a ValueError says what is wrong with it, however long or deep it is.

    >>> parse('{"a": [1, null]}')
    {'a': [1, None]}
    >>> parse("[NaN]")
    Traceback (most recent call last):
    ...
    ValueError: NaN is no number of JSON
    """
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def structured(cls: type[_T], values: object, where: str) -> _T:
    """The dataclass of these values, as JSON has them: every field, none more, each of the type that it is hinted.

    Raises:
        ArgumentError: names what is missing, unknown or of another type, below ``where``; and what the class refuses.

    >>> from chainrule.data import Transform
    >>> structured(Transform, {"name": "none", "mean": [0.0], "scale": ["1"], "low": [], "high": []}, "transform")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: transform.scale.0 is '1'; expected a finite number.
    """
    if not isinstance(values, Mapping):
        raise ArgumentError(f"{where} is {_brief(values)}; expected an object of {cls.__name__}'s fields.")
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for what, some in (
        ("lacks", [n for n in names if n not in values]),
        ("has", [n for n in values if n not in names]),
    ):
        if some:
            more = "" if what == "lacks" else ", which this version of chainrule does not know"
            raise ArgumentError(f"{where} {what} {', '.join(_brief(name) for name in some[:5])}{more}.")
    hints = hints_of(cls)
    return cls(**{name: value_as(hints[name], values[name], f"{where}.{name}") for name in names})


def value_as(hint: Any, value: object, where: str) -> Any:
    """The value of JSON as the type hint has it: lists become tuples, objects dataclasses; else an ArgumentError."""
    kinds = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None and NoneType in kinds:
            return None
        fitting = [kind for kind in kinds if kind is not NoneType and _could_be(kind, value)]
        if fitting:
            return value_as(fitting[0], value, where)
    elif origin is tuple and isinstance(value, list):
        if kinds[-1] is Ellipsis:
            return tuple(value_as(kinds[0], each, f"{where}.{k}") for k, each in enumerate(value))
        if len(kinds) == len(value):
            pairs = zip(kinds, value, strict=True)
            return tuple(value_as(kind, each, f"{where}.{k}") for k, (kind, each) in enumerate(pairs))
    elif origin is list and isinstance(value, list):
        return [value_as(kinds[0], each, f"{where}.{k}") for k, each in enumerate(value)]
    elif origin is dict and isinstance(value, Mapping):
        return {name: value_as(kinds[1], each, f"{where}.{_brief(name)}") for name, each in value.items()}
    elif hint is Any or (origin is Literal and value in kinds):
        return value
    elif is_typeddict(hint):
        check_record(hint, value, where)
        return value
    elif is_dataclass(hint) and isinstance(hint, type):
        return structured(hint, value, where)
    elif hint is float and _is_number(value):
        return float(value)  # type: ignore[arg-type]
    elif hint in _NAMES and type(value) is hint and _is_sound(value):
        return value
    raise ArgumentError(f"{where} is {_brief(value)}; expected {_expected(hint)}.")


def check_record(kind: type, values: object, where: str) -> None:
    """Refuse values that lack what a TypedDict requires, or have another type in what it knows; more is welcome."""
    if not isinstance(values, dict):
        raise ArgumentError(f"{where} is {_brief(values)}; expected an object.")
    if missing := kind.__required_keys__ - values.keys():  # type: ignore[attr-defined]
        raise ArgumentError(f"{where} lacks {', '.join(sorted(missing))}.")
    for name, hint in hints_of(kind).items():
        if name in values:
            value_as(hint, values[name], f"{where}.{name}")


def _could_be(kind: Any, value: object) -> bool:
    """Whether a value is of this kind at its outside, so that a union knows which of its kinds is meant."""
    if kind is float:
        return _is_number(value)
    if is_dataclass(kind) or is_typeddict(kind):
        return isinstance(value, Mapping)
    if get_origin(kind) is Literal:
        return isinstance(value, str)
    container = {tuple: list, list: list, dict: Mapping}.get(get_origin(kind))
    return kind is Any or (isinstance(value, container) if container else type(value) is kind)


def _is_number(value: object) -> bool:
    """Of Python's own types, and within what a float holds."""
    if type(value) is int:
        return abs(value) < _LARGEST
    return type(value) is float and math.isfinite(value)


def _is_sound(value: object) -> bool:
    """Whole numbers that fit into a machine's, and text that can be written."""
    if type(value) is int:
        return abs(value) < _LARGEST
    return type(value) is not str or not any("\ud800" <= c <= "\udfff" for c in value)


def _expected(hint: Any) -> str:
    kinds = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(_expected(kind) for kind in kinds)
    if origin is Literal:
        return _one_of(kinds)
    if origin in (tuple, list):
        return f"a list, each {_expected(kinds[0])}"
    if origin is dict:
        return f"an object, each value {_expected(kinds[1])}"
    return _NAMES.get(hint, f"an object of {getattr(hint, '__name__', hint)}'s fields")


def _brief(value: object) -> str:
    """The value for a message, on one line and of a length to read."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        return "a whole number of more than 63 bits"  # of so many digits, Python would refuse to print some
    if value is not None and not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"
    return ascii(value) if len(ascii(value)) <= 60 else f"{ascii(value)[:60]}..."


def check_fields(made: object, but: tuple[str, ...] = ()) -> None:
    """Refuse, in a dataclass made in Python, a field of another kind than it is hinted; numbers are for who uses them.

    >>> from chainrule.data import Reading
    >>> Reading(labels="yes")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `labels` is 'yes'; expected True or False.
    """
    for name, hint in hints_of(type(made)).items():
        value = getattr(made, name)
        if name not in but and not _is(hint, value):
            suggested = near(value, _words_of(hint)) if isinstance(value, str) else ""
            raise ArgumentError(f"`{name}` is {_brief(value)}; expected {_called(hint)}.{suggested}")


def _words_of(hint: Any) -> tuple[str, ...]:
    """The words that a hint with a Literal in it allows."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(word for kind in get_args(hint) for word in _words_of(kind))


def _is(hint: Any, value: object) -> bool:
    kinds = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_is(kind, value) for kind in kinds)
    if origin is Literal:
        return isinstance(value, str) and value in kinds
    if hint in (int, float, Any):
        return True
    if origin in (tuple, list):
        return isinstance(value, tuple | list) and all(_is(kinds[0], each) for each in value)
    kind = _class_of(hint)
    return type(value) is kind if kind in (str, bool, NoneType) else isinstance(value, kind)


def _class_of(hint: Any) -> Any:
    """The class of a hint for one, whatever it has in brackets; NumPy 2.5's NDArray is an alias of such a hint."""
    kind = get_origin(hint) or hint
    return _class_of(kind.__value__) if hasattr(kind, "__value__") else kind


def _one_of(words: tuple[str, ...]) -> str:
    """The words as they are; marks in quotes, as they could not be told from those between them."""
    plain = all(word[0].isalpha() for word in words)
    return f"one of {listed(words if plain else map(repr, words))}"


def _called(hint: Any) -> str:
    """A type as Python's users call it."""
    kinds = get_args(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return _one_of(kinds)
    if origin in (Union, UnionType):
        told = [kind for kind in kinds if kind is not NoneType or not _words_of(hint)]
        return " or ".join(_called(kind) for kind in told)
    if origin in (tuple, list):
        return f"a {origin.__name__} of {_called(kinds[0])}"
    words = {str: "text", bool: "True or False", NoneType: "None", int: "whole numbers", float: "numbers"}
    kind = _class_of(hint)
    return words.get(kind, f"a {kind.__name__}")
