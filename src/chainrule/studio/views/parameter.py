"""Parameters of views: what a form shows of them, and their values from the texts of an address."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from chainrule._choices import counted, listed, near
from chainrule.errors import ArgumentError

__all__ = ["Parameter", "given_in"]

_LARGEST = 2**53  # of numbers
_LONGEST = 20_000  # characters of a text, a list of numbers among them


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter: ``default`` is its value where the address has none; None for one that may stay open."""

    name: str
    label: str
    type: Literal["integer", "number", "text", "choice", "boolean"]
    default: Any = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    multiline: bool = False

    def value_of(self, text: str) -> Any:
        """The value that a text stands for; an empty one for the default.

        Raises:
            ArgumentError: it stands for none.
        """
        if text == "":
            return self.default
        if self.type == "text":
            return self._text(text)
        if self.type == "choice":
            return self._one_of(text, self.choices)
        if self.type == "boolean":
            return self._one_of(text, ("true", "false")) == "true"
        return self._number(text)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def _text(self, text: str) -> str:
        if len(text) > _LONGEST:
            raise ArgumentError(f"`{self.name}` has {counted(len(text), 'character')}; expected {_LONGEST:,} at most.")
        return text

    def _one_of(self, text: str, choices: tuple[str, ...]) -> str:
        if text not in choices:
            raise ArgumentError(
                f"`{self.name}` is {text[:60]!r}; expected one of {listed(choices)}.{near(text, choices)}"
            )
        return text

    def _number(self, text: str) -> float:
        try:
            value = int(text) if self.type == "integer" else float(text)
        except ValueError:
            value = math.nan
        low = -_LARGEST if self.min is None else self.min
        high = _LARGEST if self.max is None else self.max
        if not (low <= value <= high and math.isfinite(value)):
            what = "a whole number" if self.type == "integer" else "a number"
            least = "" if self.min is None else f" of at least {self.min:g}"
            most = "" if self.max is None else f", {self.max:g} at most"
            raise ArgumentError(f"`{self.name}` is {text[:60]!r}; expected {what}{least}{most}.")
        return value


def given_in(query: Mapping[str, str], parameters: Iterable[Parameter], also: Iterable[str]) -> dict[str, Any]:
    """The values of the parameters, by name, of an address; ``also`` are names that it may have besides.

    Raises:
        ArgumentError: a value that cannot be, or a name that is no parameter of the view.
    """
    known = {each.name: each for each in parameters}
    for name in query.keys() - known.keys() - set(also):
        names = listed(known) or "none"
        raise ArgumentError(f"`{name[:60]}` is no parameter of this view, which has {names}.{near(name, known)}")
    return {name: each.value_of(query.get(name, "")) for name, each in known.items()}
