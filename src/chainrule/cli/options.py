"""The options that commands share, each defined once; those of settings are made from the settings' own fields."""

import csv
import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_origin

from typer import Argument, Option

from chainrule._settings import Setting, settings_of
from chainrule.data import Reading
from chainrule.errors import ArgumentError
from chainrule.models import MODELS, ModelSettings
from chainrule.training import TrainingSettings

__all__ = [
    "Baselines",
    "Device",
    "DrawingSeed",
    "Json",
    "LoadedOn",
    "Minutes",
    "Model",
    "NewData",
    "NewSource",
    "Overwrite",
    "Quiet",
    "RunFolder",
    "Seed",
    "Source",
    "Steps",
    "names_in",
    "with_settings",
]

_TIME = "Backpropagation through time"
_DEVICES = ("auto", "cpu", "cuda", "mps")
_PANELS: dict[type, str] = {ModelSettings: "Model", TrainingSettings: "Training", Reading: "Reading the data"}
_ALSO = {"columns": ("--column", "--target")}  # other flags of a setting


def _check_seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed < 2**63:
        raise ArgumentError(f"`seed` is {seed}; expected a whole number from 0 to 2^63 - 1.")
    return seed


def _completing(words: Sequence[str]) -> Callable[[str], list[str]]:
    """What a shell is offered in the place of a value: the words that begin as what is typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


Source = Annotated[
    str, Argument(metavar="DATA", help="A file, a folder, or a built-in set (see: chainrule data).", show_default=False)
]
NewSource = Annotated[
    str | None, Argument(metavar="DATA", help="New data, read like the run's own.", show_default=False)
]
NewData = Annotated[str, Argument(metavar="DATA", help="New data, read like the run's own.", show_default=False)]
RunFolder = Annotated[Path, Argument(metavar="RUN", help="The run's folder, made by fit.", show_default=False)]
Model = Annotated[
    str | None,
    Option(
        help=f"Name of the model: {', '.join(MODELS)} (default gru, or conv for images).",
        rich_help_panel="Model",
        show_default=False,
        autocompletion=_completing(MODELS),
    ),
]
Minutes = Annotated[
    float | None,
    Option(
        help="Training minutes (default 3; for compare, 1 per model).", rich_help_panel="Training", show_default=False
    ),
]
Steps = Annotated[
    int | None,
    Option(help="Training steps, in place of minutes.", rich_help_panel="Training", show_default=False),
]
Seed = Annotated[
    int | None, Option(callback=_check_seed, metavar="INTEGER", help="Random seed (default 0).", show_default=False)
]
DrawingSeed = Annotated[int, Option(callback=_check_seed, help="Random seed.")]
Device = Annotated[
    str,
    Option(
        metavar="DEVICE",
        help="Where to compute: cpu, cuda (a GPU; cuda:1 is the second one), mps, or auto, which takes a GPU where it "
        "is faster.",
        autocompletion=_completing(_DEVICES),
    ),
]
LoadedOn = Annotated[
    str,
    Option(
        metavar="DEVICE",
        help="Where to compute: cpu, cuda (a GPU; cuda:1 is the second one), mps, or auto, which takes a GPU for what "
        "was fitted on one.",
        autocompletion=_completing(_DEVICES),
    ),
]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace the run in --out.")]
Baselines = Annotated[
    str | None,
    Option(
        help="Baselines of a panel, separated by commas: naive, seasonal naive, drift, ets, theta, ar (default the "
        "first three, which take no time).",
        show_default=False,
    ),
]
Json = Annotated[bool, Option("--json", help="Print JSON, with numbers unrounded, in place of tables.")]
Quiet = Annotated[bool, Option("--quiet", help="Show no progress.")]


def with_settings(*, but: Collection[str] = (), **tables: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of settings, but for some.

    The command takes each table as a keyword: a mapping of the settings that were given to their values.
    """
    options = {
        each.name: (keyword, each, _parameter(each, _PANELS[table]))
        for keyword, table in tables.items()
        for each in settings_of(table).values()
        if each.name not in but
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters.values()

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            groups: dict[str, dict[str, Any]] = {keyword: {} for keyword in tables}
            for name, (keyword, each, _) in options.items():
                value = given.pop(name)
                if value is not None and value != []:
                    groups[keyword][name] = _parsed(each, value)
            command(**given, **groups)

        made = [
            *(each for each in own if each.name not in tables),
            *(parameter for _, _, parameter in options.values()),
        ]
        with_options.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in made}
        return with_options

    return decorate


def _parameter(each: Setting, panel: str) -> inspect.Parameter:
    """A parameter of a command that is the option of a setting; None where it is not given."""
    through_time = any(on.has in ("stream", "documents") for on in each.on) and panel == "Training"
    option = Option(
        *_flags(each),
        help=_help(each),
        rich_help_panel=_TIME if through_time else panel,
        show_default=False,
        autocompletion=_completing(each.choices) if each.choices else None,
    )
    annotation = Annotated[_type(each) | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _flags(each: Setting) -> Iterator[str]:
    flag = each.name.replace("_", "-")
    off = f"/--no-{flag}" if bool in each.kinds and each.default is not False else ""
    yield f"--{flag}{off}"
    yield from _ALSO.get(each.name, ())


def _type(each: Setting) -> Any:
    """What the option takes, for typer."""
    if get_origin(each.hint) is tuple:
        return list[str]
    return next((kind for kind in (bool, str, float, int) if kind in each.kinds), str)


def _parsed(each: Setting, value: Any) -> Any:
    """The setting's value, of the option's."""
    if isinstance(value, list):
        return tuple(name for text in value for name in names_in(text))
    takes_names = any(get_origin(kind) is tuple and kind.__args__[0] is str for kind in each.kinds)
    return names_in(value) if takes_names else value


def _help(each: Setting) -> str:
    words = each.help
    if each.choices and each.choices[0].isalpha():  # marks are told in words
        words += f"; one of {', '.join(each.choices)}"
    default = each.default_words
    return words + (f" (default {default})." if default else ".")


def names_in(text: str) -> tuple[str, ...]:
    """Names with commas between them; one that has commas itself stands in quotes.

    >>> names_in('a, b,"Price, USD"')
    ('a', 'b', 'Price, USD')
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error as error:
        raise ArgumentError(f"the names {text[:60]!r} cannot be told apart: {error}.") from error
    return tuple(name.strip() for row in rows for name in row)
