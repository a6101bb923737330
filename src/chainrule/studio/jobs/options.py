"""The options of a fit, made from the settings' own fields: for a form, and from its values to a command."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from chainrule._choices import listed, near, spelt
from chainrule._settings import Setting, settings_of
from chainrule.data import Reading
from chainrule.errors import ArgumentError
from chainrule.models import MODELS, ModelSettings
from chainrule.studio.views.parameter import Parameter
from chainrule.training import TrainingSettings

__all__ = ["OPTIONS", "arguments_of", "described"]

_TABLES = {"Model": ModelSettings, "Training": TrainingSettings, "Reading the data": Reading}
_LEFT_OUT = ("unknown",)  # of new data
_LONGEST = 2000  # characters of a value
_OWN = (  # of fit itself
    ("Model", Parameter(name="model", label="model", type="choice", choices=MODELS, help="Empty: chosen by the data.")),
    ("Training", Parameter(name="minutes", label="minutes", type="number", min=0.001, max=1e5, help="3 unless said.")),
    ("Training", Parameter(name="steps", label="steps", type="integer", min=1, help="In the place of minutes.")),
    ("Training", Parameter(name="seed", label="seed", type="integer", min=0, help="0 unless said.")),
    ("Training", Parameter(name="device", label="device", type="text", help="cpu, cuda or mps; empty: chosen.")),
)


def _of_settings() -> Iterator[tuple[str, Parameter, Setting | None]]:
    yield from ((group, parameter, None) for group, parameter in _OWN)
    for group, table in _TABLES.items():
        for setting in settings_of(table).values():
            if setting.name not in _LEFT_OUT:
                yield group, _parameter(setting), setting


def _parameter(setting: Setting) -> Parameter:
    default = setting.default_words
    return Parameter(
        name=setting.name,
        label=setting.name.replace("_", " "),
        type=_type(setting),
        choices=setting.choices if setting.kinds == _literals(setting) else (),
        help=setting.help + (f" (default {default})." if default else "."),
    )


def _literals(setting: Setting) -> tuple[Any, ...]:
    """Of its kinds, those that are a few words."""
    return tuple(kind for kind in setting.kinds if setting.choices and not isinstance(kind, type))


def _type(setting: Setting) -> Any:
    if setting.choices and setting.kinds == _literals(setting):
        return "choice"
    names = {bool: "boolean", str: "text", float: "number", int: "integer"}
    if any(get_origin(kind) is tuple for kind in setting.kinds):
        return "text"
    return next((name for kind, name in names.items() if kind in setting.kinds), "text")


OPTIONS: Mapping[str, tuple[str, Parameter, Setting | None]] = {each[1].name: each for each in _of_settings()}


def described() -> list[dict[str, Any]]:
    """The options as a form shows them, by group."""
    groups = list(_TABLES)
    found = [parameter.to_dict() | {"group": group} for group, parameter, _ in OPTIONS.values()]
    return sorted(found, key=lambda each: groups.index(each["group"]))


def arguments_of(values: Mapping[str, Any]) -> list[str]:
    """The flags that give ``fit`` these values; a null leaves an option to it.

    Raises:
        ArgumentError: there is no such option, or it has a value of another kind.

    >>> arguments_of({"hidden": 32, "layer_norm": True, "skip": False, "steps": None})
    ['--hidden=32', '--layer-norm', '--no-skip']
    """
    flags = []
    for name, value in values.items():
        if name not in OPTIONS:
            raise ArgumentError(
                f"there is no option `{name}` of fit; there are {listed(OPTIONS, 20)}.{near(name, OPTIONS)}"
            )
        if value is None or value == "":
            continue
        _, parameter, setting = OPTIONS[name]
        flag = name.replace("_", "-")
        if parameter.type == "boolean":
            flags += _switch(flag, setting, value)
        else:
            flags.append(f"--{flag}={_text(parameter, value)}")
    return flags


def _switch(flag: str, setting: Setting | None, value: Any) -> list[str]:
    if not isinstance(value, bool):
        raise ArgumentError(f"`{flag}` is {spelt(value)}; expected true or false.")
    if value:
        return [f"--{flag}"]
    return [f"--no-{flag}"] if setting is not None and setting.default is not False else []


def _text(parameter: Parameter, value: Any) -> str:
    """The value as a command takes it."""
    if parameter.type in ("integer", "number"):
        return _number(parameter, value)
    if isinstance(value, list):
        value = ",".join(f'"{each}"' if "," in str(each) else str(each) for each in value)
    elif type(value) in (int, float):  # of what may be a number or a text, as a window may be
        value = str(value)
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise ArgumentError(
            f"`{parameter.name}` is {spelt(value)}; expected a text of {_LONGEST:,} characters at most."
        )
    if parameter.choices:
        parameter.value_of(value)
    return value


def _number(parameter: Parameter, value: Any) -> str:
    whole = parameter.type == "integer"
    is_number = type(value) in (int, float) and math.isfinite(value)
    if not is_number or (whole and value != int(value)):
        raise ArgumentError(f"`{parameter.name}` is {spelt(value)}; expected {'a whole' if whole else 'a'} number.")
    return str(int(value)) if whole else repr(value)
