"""Options in messages: written once, as flags of the command line, and told to users of the library as arguments.

    --fill drop            Reading(fill="drop")
    --columns Open,Close   Reading(columns=("Open", "Close"))
    --out, --out RUN       out=, out="RUN"
    --resume               resume=True
    --no-layer-norm        layer_norm=False

A value that has blanks, or is a mark, stands in quotes. An option in passing, without a value, is followed by
punctuation or by one of the words of ``_PROSE``. What is no argument, as a flag of another program, and whole commands
stay as they are.
"""

import csv
import inspect
import json
import re
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

__all__ = ["as_arguments", "as_flags", "as_written", "takes_options"]

T = TypeVar("T", bound=Callable[..., Any])

_PROSE = "and|or|is|are|may|to|so|for|if|of|in|as|added|where|needs|with|out"
_COMMAND = r"\b(?:chainrule (?:\w+ )|torchrun ).*?(?=\.?$|\.? \(|\. |, |[;)])"
_VALUE = rf"""(?:'[^'\n]*' | "[^"\n]*")+ | (?!(?:{_PROSE})\b)(?!-)[^\s'"(]*[^\s'"(.,;:)?!]"""
_FLAG = re.compile(
    rf"(?P<command>{_COMMAND.replace(' ', '[ ]')})|(?<![\w-])--(?P<name>[a-z][a-z-]*)(?:[ ](?P<value>{_VALUE}))?",
    re.MULTILINE | re.VERBOSE,
)


class _Option(NamedTuple):
    owner: str  # the class that takes it, or nothing for a function
    annotation: str


_OPTIONS: dict[str, _Option] = {}


def takes_options(taker: T) -> T:
    """Say that options of the command line are arguments of this function, or fields of this class."""
    owner = taker.__name__ if inspect.isclass(taker) else ""
    for name, parameter in inspect.signature(taker).parameters.items():
        if owner or name not in _OPTIONS:
            _OPTIONS[name] = _Option(owner, str(parameter.annotation))
    return taker


def as_arguments(message: str) -> str:
    """A message with the options in it as a user of the library passes them.

    >>> as_arguments("Choose another folder with --out, or go on with --resume.")
    'Choose another folder with out=, or go on with resume=True.'
    >>> as_arguments("Use --transform standardise, or --columns 'Adj Close'.")
    'Use Reading(transform="standardise"), or Reading(columns=("Adj Close",)).'
    >>> print(as_arguments('''Give --decimal ',', or --columns '"Price, USD"'.'''))
    Give Reading(decimal=","), or Reading(columns=("Price, USD",)).
    >>> as_arguments("Start them with torchrun --nproc-per-node 2 -m chainrule.")
    'Start them with torchrun --nproc-per-node 2 -m chainrule.'
    """
    return _FLAG.sub(_argument, message) if "--" in message else message


def as_flags(message: str) -> str:
    """A message with the arguments in it, where their names differ from the options', as options.

    >>> as_flags("learning_rate is 0; expected a number above 0 and finite.")
    '--learning-rate is 0; expected a number above 0 and finite.'
    """

    def flag(found: re.Match[str]) -> str:
        return "--" + found[0].replace("_", "-") if found[0] in _OPTIONS else found[0]

    return re.sub(r"""(?<![\w'"/.-])[a-z]+(?:_[a-z]+)+(?![\w'"/.(-])""", flag, message)


def as_written(error: Exception) -> str:
    """What an error says, for a message around it: one of our own with its options still as flags.

    >>> from chainrule.errors import ArgumentError
    >>> error = ArgumentError("a memory bound is for the full gradient: add --bptt full.")
    >>> str(error), as_written(error)[-16:]
    ('a memory bound is for the full gradient: add bptt="full".', 'add --bptt full.')
    """
    return str(getattr(error, "message", error))


def _argument(found: re.Match[str]) -> str:
    if found["command"]:
        return found[0]
    name = found["name"].replace("-", "_")
    value = found["value"]
    off = False
    if name not in _OPTIONS and name.startswith("no_"):
        name = name.removeprefix("no_")
        off = True
    if name not in _OPTIONS:
        return found[0]
    option = _OPTIONS[name]
    if "bool" in option.annotation:
        after = f" {value}" if value else ""  # which is the next word
        return _owned(option, f"{name}={not off}") + after
    if value is None:
        return _owned(option, f"{name}={'...' if option.owner else ''}")
    return _owned(option, f"{name}={_literal(value, option.annotation)}")


def _owned(option: _Option, argument: str) -> str:
    return f"{option.owner}({argument})" if option.owner else argument


def _literal(value: str, annotation: str) -> str:
    """The value of an option as Python has it."""
    text = shlex.split(value)[0] if value[0] in "'\"" else value
    if "tuple[str" in annotation:
        names = [json.dumps(name, ensure_ascii=False) for name in next(csv.reader([text], skipinitialspace=True))]
        if len(names) == 1 and not annotation.startswith("tuple[str"):
            return names[0]
        return f"({', '.join(names)}{',' * (len(names) == 1)})"
    if "Sequence[float]" in annotation:
        return f"({text.replace(',', ', ')})"
    number = r"-?\d+" if "int" in annotation else r"-?\d*\.?\d+(?:e-?\d+)?"
    if re.search(r"\b(int|float)\b", annotation) and re.fullmatch(number, text):
        return text
    return json.dumps(text, ensure_ascii=False)
