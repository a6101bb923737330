"""Names that a user gives: checked against what there is, with the near ones suggested."""

import math
import operator
import re
import reprlib
from collections.abc import Iterable
from difflib import get_close_matches

from chainrule.errors import ArgumentError

__all__ = ["bytes_of", "choose", "counted", "finite", "listed", "near", "spelt", "whole", "whole_in"]

_LARGEST = 2**63 - 1
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*")
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def listed(names: Iterable[object], shown: int = 12) -> str:
    """The names with commas between them, the first ``shown`` of them when there are many.

    >>> listed("abcde", shown=3)
    'a, b, c and 2 more'
    """
    words = [str(name) for name in names]
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number of things, in words: with commas, and the plural of the noun where there is not one.

    >>> counted(1, "step"), counted(53066, "step"), counted(0, "entry", "entries")
    ('1 step', '53,066 steps', '0 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def near(name: str, names: Iterable[str]) -> str:
    """A question to append to a message when one of the names is close to the one given, else nothing.

    >>> near("Prise", ["Date", "Price"])
    " Did you mean 'Price'?"
    >>> near("colour", ["Date", "Price"])
    ''
    """
    spellings = {candidate.casefold(): candidate for candidate in names}
    found = get_close_matches(name.casefold(), spellings, n=1)
    return f" Did you mean {spellings[found[0]]!r}?" if found else ""


def spelt(value: object) -> str:
    """The value for a message: all of what is plain, the outside of what is long or deep.

    >>> spelt("a"), spelt([[[[[[[[]]]]]]]])
    ("'a'", '[[[[[[[...]]]]]]]')
    """
    return repr(value) if value is None or isinstance(value, str | int | float) else reprlib.repr(value)


def choose(option: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices.

    >>> choose("unit", "byte", ("characters", "bytes"))
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: unit is 'byte'; expected one of characters, bytes. Did you mean 'bytes'?
    """
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(
            f"{option} is {spelt(value)}; expected one of {listed(choices)}.{near(str(value), choices)}"
        )


def whole(option: str, value: object, least: int = 1, most: int = _LARGEST) -> int:
    """The whole number that a value is, of Python or NumPy, from ``least`` to ``most``; anything else is refused.

    >>> whole("steps", 2.5)
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: steps is 2.5; expected a whole number of at least 1.
    """
    if not isinstance(value, bool):
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, RuntimeError):  # the last of tensors
            number = least - 1
        if least <= number <= most:
            return number
        if number > most == _LARGEST:
            raise ArgumentError(f"{option} is {spelt(value)}; expected a whole number below 2^63.")
    above = f" and at most {most:,}" if most < _LARGEST else ""
    raise ArgumentError(f"{option} is {spelt(value)}; expected a whole number of at least {least}{above}.")


def whole_in(text: str) -> int | None:
    """The whole number that a text of digits is; None of any other text, and of one that is longer than numbers are.

    >>> whole_in("12"), whole_in("-1"), whole_in("9" * 5000)
    (12, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= len(str(_LARGEST)) else None


def finite(option: str, value: object, low: float, high: float = math.inf, *, open_low: bool = False) -> float:
    """The finite number that a value is, from ``low`` (above it with ``open_low``) to below ``high``.

    >>> finite("dropout", 1.0, 0, 1)
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: dropout is 1.0; expected a number of at least 0 and below 1.
    """
    try:
        learned = getattr(value, "requires_grad", False)  # which torch warns of
        number = math.nan if learned or isinstance(value, bool | str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last of tensors
        number = math.nan
    if (low < number if open_low else low <= number) and number < high:
        return number
    end = "finite" if high == math.inf else f"below {high:g}"
    raise ArgumentError(
        f"{option} is {spelt(value)}; expected a number {'above' if open_low else 'of at least'} {low:g} and {end}."
    )


def bytes_of(size: str | int, name: str = "memory") -> int:
    """Bytes, as a number or with a unit: "256MB" is 256 million, "256MiB" is 256 * 2^20.

    >>> bytes_of("256MB"), bytes_of("1.5 GiB"), bytes_of(4096)
    (256000000, 1610612736, 4096)
    >>> bytes_of("lots")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: memory is 'lots'; expected a size such as 256MB, 1.5GiB or a number of bytes.
    """
    found = _SIZE.fullmatch(str(size))
    if found is not None and found[2].lower() in _UNITS:
        count = float(found[1]) * _UNITS[found[2].lower()]
        if 1 <= count <= _LARGEST:
            return int(count)
    raise ArgumentError(f"{name} is {size!r}; expected a size such as 256MB, 1.5GiB or a number of bytes.")
