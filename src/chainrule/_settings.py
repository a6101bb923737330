"""Settings: what the fields of a dataclass say of themselves, from which options, checks and refusals are made.

A field made by `setting` has a default, a help text and the models and data that it applies to; its type hint says
which values it takes. Nothing else lists the settings: the arguments of ``fit``, the options of the command line,
their help and the messages that refuse one are all made from the fields.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from chainrule._choices import listed, near
from chainrule._schema import hints_of
from chainrule.errors import ArgumentError

__all__ = ["ANY", "On", "Setting", "described", "option", "refuse_unknown", "setting", "settings_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class On:
    """Where a setting applies: to models of these families, and to data that has ``has``; None stands for any."""

    families: tuple[str, ...] | None = None
    has: str | None = None

    def holds(self, family: str | None, has: Collection[str] | None) -> bool:
        """Whether it covers models of this family of data that has these; None leaves one of them open."""
        family_fits = family is None or self.families is None or family in self.families
        return family_fits and (has is None or self.has is None or self.has in has)


ANY = (On(),)


@dataclass(frozen=True)
class Setting:
    """A field of a dataclass of settings.

    Attributes:
        name: of the field.
        default: what it is where it is not given; None where that is chosen later.
        hint: its type.
        help: what it does, in a few words for the command line.
        chosen: the default in words, where ``default`` does not tell.
        on: where it applies; one of these is enough.
        solved: whether it also applies to a model that is solved exactly, without gradients.
        purpose: what it is for, where a refusal is to say why it does not apply.
    """

    name: str
    default: Any
    hint: Any
    help: str
    chosen: str | None = None
    on: tuple[On, ...] = ANY
    solved: bool = True
    purpose: str | None = None

    def applies(self, family: str | None = None, has: Collection[str] | None = None) -> bool:
        """Whether it applies to models of this family, and to data that has these; None stands for some."""
        return any(on.holds(family, has) for on in self.on)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it takes, where they are a few words."""
        return tuple(word for kind in self.kinds if get_origin(kind) is Literal for word in get_args(kind))

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types that its values may have, None left out."""
        whole = (self.hint,) if get_origin(self.hint) in (Literal, tuple) else get_args(self.hint) or (self.hint,)
        return tuple(kind for kind in whole if kind is not type(None))

    @property
    def default_words(self) -> str | None:
        """The default as people are told it; None where there is nothing to tell."""
        if self.chosen is not None:
            return self.chosen
        if self.default is None or isinstance(self.default, bool | tuple):
            return None
        return str(self.default)


@dataclass(frozen=True)
class _About:
    help: str
    chosen: str | None
    on: tuple[On, ...]
    solved: bool
    purpose: str | None


def setting(
    default: Any,
    help: str,
    *,
    chosen: str | None = None,
    on: tuple[On, ...] = ANY,
    solved: bool = True,
    purpose: str | None = None,
) -> Any:
    """A field of a dataclass that is a `Setting`; see its attributes."""
    return field(default=default, metadata={"setting": _About(help, chosen, on, solved, purpose)})


def settings_of(cls: Any) -> Mapping[str, Setting]:
    """The settings of a dataclass by name, its own before those that it inherits."""
    return _settings(cls)


@cache
def _settings(cls: Any) -> Mapping[str, Setting]:
    hints = hints_of(cls)
    found = [each for each in fields(cls) if "setting" in each.metadata]
    own_first = sorted(found, key=lambda each: each.name not in cls.__annotations__)
    return {each.name: _setting(each, hints[each.name]) for each in own_first}


def _setting(found: "Field[Any]", hint: Any) -> Setting:
    about = found.metadata["setting"]
    return Setting(found.name, found.default, hint, **vars(about))


def described(cls: type[T]) -> type[T]:
    """Append to a dataclass's docstring what its settings are."""
    lines = [f"        {each.name}: {_described(each)}" for each in settings_of(cls).values()]
    cls.__doc__ = "\n".join([(cls.__doc__ or "").rstrip(), "", "    Args:", *lines, ""])
    return cls


def _described(each: Setting) -> str:
    words = each.default_words
    return each.help + (f"; default: {words}." if words else ".")


def option(name: str, value: object) -> str:
    """A setting and its value as messages name them.

    >>> option("columns", ["Close"]), option("clip", 0.5)
    ('`columns=("Close",)`', '`clip=0.5`')
    """
    return f"`{name}={_literal(value)}`"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("`", "\\x60")
    if isinstance(value, list | tuple):
        inside = ", ".join(_literal(each) for each in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def refuse_unknown(names: Iterable[str], known: Mapping[str, Setting], of: str, elsewhere: Mapping[str, str]) -> None:
    """Refuse names that are no settings of ``of``; ``elsewhere`` says of some where they belong.

    Raises:
        ArgumentError: one is unknown; the message suggests the nearest, or the place where it belongs.
    """
    for name in names:
        if name in known:
            continue
        if name in elsewhere:
            raise ArgumentError(f"`{name}` is no setting of {of}. {elsewhere[name]}")
        raise ArgumentError(f"there is no setting `{name}` of {of}; there are {listed(known, 20)}.{near(name, known)}")
