"""Settings in messages: the library names its arguments in backticks, the command line tells them as flags.

    `fill="drop"`               --fill drop
    `columns=("Open", "Low")`   --columns Open,Low
    `out`                       --out
    `resume=True`               --resume
    `layer_norm=False`          --no-layer-norm

Backticks around anything that is no option of a command stay as they are.
"""

import ast
import csv
import io
import re
import shlex
from dataclasses import dataclass
from typing import Any

__all__ = ["as_flags", "learn", "prefer"]

_NAMED = re.compile(r"`(?P<name>[a-z_]\w*)(?:=(?P<value>[^`]*))?`")


@dataclass(frozen=True)
class _Option:
    on: str  # the flag, or what an argument is called in a command's help
    off: str | None = None  # the flag that says no


_OPTIONS: dict[str, _Option] = {}


def learn(group: Any) -> None:
    """Know the options of a group's commands."""
    _OPTIONS.clear()
    for command in group.commands.values():
        for parameter in command.params:
            _OPTIONS.setdefault(parameter.name, _option(parameter))


def prefer(command: Any) -> None:
    """Tell of names that several commands have as this command does, since it is the one that runs."""
    _OPTIONS.update({parameter.name: _option(parameter) for parameter in command.params})


def _option(parameter: Any) -> _Option:
    if parameter.param_type_name == "argument":
        return _Option(parameter.metavar or parameter.name.upper())
    return _Option(parameter.opts[0], *parameter.secondary_opts[:1])


def as_flags(message: str) -> str:
    """A message with the settings in it as options of the command line.

    >>> _OPTIONS.update(fill=_Option("--fill"), refit=_Option("--refit", "--no-refit"))
    >>> as_flags('Use `fill="drop"`, or `refit=False`; `colour` is none.')
    'Use --fill drop, or --no-refit; `colour` is none.'
    """
    return _NAMED.sub(_as_flag, message)


def _as_flag(found: re.Match[str]) -> str:
    option = _OPTIONS.get(found["name"])
    if option is None:
        return found[0]
    if found["value"] is None:
        return option.on
    try:
        value = ast.literal_eval(found["value"])
    except (SyntaxError, ValueError):
        value = found["value"]
    if value is True:
        return option.on
    if value is False and option.off is not None:
        return option.off
    return f"{option.on} {_as_word(value)}"


def _as_word(value: object) -> str:
    """A value as a shell takes it: what has blanks in quotes, several with commas between them."""
    if not isinstance(value, tuple | list):
        return shlex.quote(str(value))
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(value)
    return shlex.quote(text.getvalue()) if re.search(r"""[\s"'$*?]""", text.getvalue()) else text.getvalue()
