"""What a fit takes where it is told nothing: from data and the settings that were given to the configs of its run."""

from dataclasses import fields
from typing import Any

from chainrule._choices import bytes_of
from chainrule._settings import settings_of
from chainrule.errors import ArgumentError
from chainrule.models import ModelConfig, ModelSettings
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.kind import DataKind
from chainrule.training import TrainingConfig, TrainingSettings, TruncatedBPTT

__all__ = ["choose_model", "choose_training"]

# What layer norm keeps in bounds learns at a higher rate, and so fast that it is to be kept from learning by heart.
_NORMALISED = {"learning_rate": 2e-2, "weight_decay": 0.1}
_NGRAM_DROPOUT = 0.6  # a text that is read several times is else learned by heart
_MUON_DECAY = 0.1  # whose steps do not grow smaller with the gradient


def choose_model(kind: DataKind, data: Data, transform: str, name: str, asked: ModelSettings) -> ModelConfig:
    """The model that is asked for, with what this data needs where nothing is.

    Raises:
        ArgumentError: a setting that the model has no use for.
    """
    chosen: dict[str, Any] = _given(asked, ModelConfig)
    if asked.window is None:
        chosen["window"] = kind.window(data, transform, name, linear=kind.solves(name, asked.head))
    if asked.hidden is None:
        chosen["hidden"] = kind.hidden(data, name)
    for setting in ("dropout", "mix", "ngram_embedding"):
        if getattr(asked, setting) is None:
            chosen[setting] = getattr(kind, setting)(data, name)
    if asked.head is None:
        chosen["head"] = kind.heads[0]
    if asked.horizon is None:
        chosen["horizon"] = kind.horizon(data)
    if asked.ngram_dropout is None and chosen["ngram_embedding"] > 1:
        chosen["ngram_dropout"] = _NGRAM_DROPOUT
    chosen["precision"] = "bfloat16" if asked.precision == "bfloat16" else "float32"  # auto: once it has been tried
    chosen["skip"] = kind.skip(data, transform, name) if asked.skip else 0
    return ModelConfig(name, **chosen)


def choose_training(
    kind: DataKind,
    data: Data,
    model: ModelConfig,
    asked: TrainingSettings,
    *,
    steps: int | None,
    minutes: float | None,
    seed: int,
) -> TrainingConfig:
    """The training that is asked for, with what this model of this data needs where nothing is.

    Raises:
        ArgumentError: settings that exclude each other.
    """
    if minutes is not None and steps is not None:
        raise ArgumentError("give `minutes` or `steps`, not both: they are two budgets for the same run.")
    chosen: dict[str, Any] = {
        "patience": kind.patience(steps),
        "optimiser": kind.optimiser(data, model.name),
        "schedule": kind.schedule(data, model.name),
        "weight_decay": kind.weight_decay(data, model.name),
    }
    if model.layer_norm:
        chosen |= _NORMALISED
    elif (asked.optimiser or chosen["optimiser"]) == "muon":
        chosen["weight_decay"] = _MUON_DECAY
    chosen |= _given(asked, TrainingConfig) | _through_time(asked)
    if asked.memory is not None:
        chosen["memory"] = bytes_of(asked.memory)
    if minutes is not None:
        chosen["minutes"] = minutes
    return TrainingConfig(steps=steps, seed=seed, **chosen)


def _given(asked: ModelSettings | TrainingSettings, config: type) -> dict[str, Any]:
    """What of the settings a config takes as it is."""
    taken = {each.name for each in fields(config)}
    values = {name: getattr(asked, name) for name in settings_of(type(asked)) if name in taken}
    return {name: value for name, value in values.items() if value is not None}


def _through_time(asked: TrainingSettings) -> dict[str, Any]:
    """The part of TrainingConfig that says how far gradients go back."""
    tbptt = asked.tbptt
    if tbptt is None:
        return {}
    if asked.bptt != "truncated":
        raise ArgumentError("give `tbptt` or `bptt`, not both: a window, or the whole.")
    if tbptt == "auto":
        return {"bptt": "auto"}
    given = tbptt.split(",") if isinstance(tbptt, str) else tbptt
    lengths = given if isinstance(given, list | tuple) else (given,)
    try:
        found = TruncatedBPTT(*(int(k) if isinstance(k, str) else k for k in lengths))
    except (TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            f"`tbptt` is {tbptt!r}; expected steps such as 64, a pair k1,k2 such as 16,128, or 'auto'."
        ) from error
    return {"k1": found.k1, "k2": found.k2}
