"""What a fit is asked for: settings that there are, and that apply to the model and the data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from chainrule._choices import choose, listed
from chainrule._settings import Setting, option, refuse_unknown, settings_of
from chainrule.data import Reading
from chainrule.errors import ArgumentError
from chainrule.models import MODELS, ModelSettings
from chainrule.models.settings import family
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import TrainingSettings

__all__ = ["Asked", "applying", "changed", "in_json", "reading_of"]

_SETTINGS: Mapping[str, Setting] = {**settings_of(ModelSettings), **settings_of(TrainingSettings)}
_READ = dict.fromkeys(settings_of(Reading), "Give it in `reading=Reading(...)`.")
_TRAINED = dict.fromkeys(settings_of(TrainingSettings), "Give it in `training=TrainingSettings(...)`.")
_BUILT = dict.fromkeys(settings_of(ModelSettings), "Give it to fit itself, beside `model`.")


@dataclass(frozen=True)
class Asked:
    """The settings of a model and its training that were given; ``given`` has the values of all that were, by name."""

    model: ModelSettings
    training: TrainingSettings
    given: Mapping[str, Any]

    @classmethod
    def of(cls, model: Mapping[str, Any], training: TrainingSettings | Mapping[str, Any]) -> "Asked":
        """What was given to ``fit``.

        Raises:
            ArgumentError: there is no such setting, or it has a value that it cannot have.
        """
        refuse_unknown(model, settings_of(ModelSettings), "a model", _TRAINED | _READ)
        built = ModelSettings(**model)
        if isinstance(training, Mapping):
            refuse_unknown(training, settings_of(TrainingSettings), "training", _BUILT | _READ)
            trained = TrainingSettings(**training)
            named_ones = training
        elif isinstance(training, TrainingSettings):
            trained = training
            named_ones = changed(training)
        else:
            raise ArgumentError(f"`training` is a {type(training).__name__}; expected TrainingSettings or a mapping.")
        given = {**model, **named_ones}
        return cls(built, trained, {name: value for name, value in given.items() if value is not None})

    @property
    def model_given(self) -> dict[str, Any]:
        """What of ``given`` is of the model."""
        return {name: value for name, value in self.given.items() if name in settings_of(ModelSettings)}

    @property
    def training_given(self) -> dict[str, Any]:
        """What of ``given`` is of its training."""
        return {name: value for name, value in self.given.items() if name in settings_of(TrainingSettings)}

    def applies(self, name: str, kind: DataKind, model: str) -> bool:
        """Whether a setting that was given applies to this model of this kind of data."""
        setting = _SETTINGS[name]
        solved = kind.solves(model, self.model.head)
        return setting.applies(family(model), kind.has) and (setting.solved or not solved)

    def only_for(self, kind: DataKind, model: str) -> "Asked":
        """What of it applies to this model of this kind of data."""
        given = {name: value for name, value in self.given.items() if self.applies(name, kind, model)}
        return Asked(self.model, self.training, given)

    def check(self, kind: DataKind, model: str, *, budget: Mapping[str, Any]) -> None:
        """Refuse what does not apply to this model of this kind of data; ``budget`` is what else training was given.

        Raises:
            ArgumentError: names what does not apply, and what it applies to.
        """
        choose("`model`", model, MODELS)
        if model not in kind.models:
            raise ArgumentError(f"{_together(kind.words)} can be fitted by {listed(kind.models)}, not by {model}.")
        for name, value in self.given.items():
            setting = _SETTINGS[name]
            if not setting.applies(family(model), kind.has):
                why = "" if setting.purpose is None else f": it is for {setting.purpose}"
                raise ArgumentError(
                    f"{option(name, value)} applies to {_where(setting, kind, model)}{why}. Leave it out."
                )
        head = self.model.head
        if head is not None and head not in kind.heads:
            words = _together(kind.words)
            raise ArgumentError(f"{option('head', head)} is not for {words}, which take {listed(kind.heads)}.")
        if kind.solves(model, head):
            trained = [name for name, each in _SETTINGS.items() if name in self.given and not each.solved]
            trained += [name for name, value in budget.items() if value is not None]
            if trained:
                names = ", ".join(f"`{name}`" for name in trained)
                raise ArgumentError(f"{kind.solution}, without training or chance. Leave out {names}.")


def applying(config: RunConfig) -> dict[str, dict[str, Any]]:
    """A run's settings by their part of the config, without those that do not apply to its model and data."""
    kind = KINDS[config.data.kind]
    of = family(config.model.name)
    solved = kind.solves(config.model.name, config.model.head)

    def applies(name: str) -> bool:
        setting = _SETTINGS.get(name)
        if setting is None:  # the model's name, and of training the budget and the seed
            return name == "name" or not solved
        return setting.applies(of, kind.has) and (setting.solved or not solved)

    parts = {"model": asdict(config.model), "training": asdict(config.training)}
    found = {part: {name: each for name, each in values.items() if applies(name)} for part, values in parts.items()}
    read = config.reading.to_dict()
    known = settings_of(Reading)
    has = (config.reading.kind or "table",)
    found["reading"] = {name: each for name, each in read.items() if name not in known or known[name].applies(has=has)}
    return found


def changed(settings: TrainingSettings | Reading) -> dict[str, Any]:
    """Those that differ from their defaults: what a dataclass can tell of what it was given."""
    known = settings_of(type(settings))
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    return {name: value for name, value in values.items() if value != known[name].default}


def in_json(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given as JSON has it, without what was left open: the options that ask for the same fit again."""
    return {name: _plain(value) for name, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _where(setting: Setting, kind: DataKind, model: str) -> str:
    """What a setting applies to, and what it does not, in words."""
    models = [name for name in kind.models if setting.applies(family(name), kind.has)]
    if models:
        return f"{listed(models)}, not to {model}"
    kinds = [
        word
        for other in KINDS.values()
        for word in other.words
        if any(setting.applies(family(name), other.has) for name in other.models)
    ]
    return f"{_together(kinds)}, not to {_together(kind.words)}"


def _together(words: Sequence[str]) -> str:
    """The words with commas between them, and an "and" before the last."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def reading_of(reading: Reading | Mapping[str, Any]) -> Reading:
    """How to read, as it was given to ``fit``.

    Raises:
        ArgumentError: there is no such setting.
    """
    if isinstance(reading, Reading):
        return reading
    if not isinstance(reading, Mapping):
        raise ArgumentError(f"`reading` is a {type(reading).__name__}; expected a Reading or a mapping.")
    refuse_unknown(reading, settings_of(Reading), "reading", _BUILT | _TRAINED)
    return Reading(**reading)
