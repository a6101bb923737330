"""Names that a user gives: checked against what there is, with the near ones suggested."""

from collections.abc import Iterable
from difflib import get_close_matches

from chainrule.errors import ArgumentError

__all__ = ["choose", "listed", "near"]


def listed(names: Iterable[object], shown: int = 12) -> str:
    """The names with commas between them, the first ``shown`` of them when there are many.

    >>> listed("abcde", shown=3)
    'a, b, c and 2 more'
    """
    words = [str(name) for name in names]
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


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


def choose(option: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices.

    >>> choose("unit", "byte", ("characters", "bytes"))
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: unit is 'byte'; expected one of characters, bytes. Did you mean 'bytes'?
    """
    if value not in choices:
        raise ArgumentError(f"{option} is {value!r}; expected one of {listed(choices)}.{near(str(value), choices)}")
