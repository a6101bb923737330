"""What a fit takes where it is told nothing: from data and the options that were given to the configs of its run."""

from typing import Any

import torch

from chainrule.data import Labelled, Series, Symbols, Transform
from chainrule.errors import ArgumentError
from chainrule.models import Evidence, ModelConfig, choose_transform, path_order, select_order
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.cut import split_in_time
from chainrule.training import TrainingConfig, TruncatedBPTT, bytes_of

__all__ = ["choose_model", "choose_training", "refits", "solved_exactly", "transform_of"]

_WINDOW = 64
_MINUTES = 3.0
# What layer norm keeps in bounds learns at a higher rate, and so fast that it is to be kept from learning by heart.
_NORMALISED_RATE = 2e-2
_NORMALISED_DECAY = 0.1
_OF_GRADIENTS = ("batch", "clip", "random_windows", "accumulate", "clip_value", "average")
_PATIENCE = 8  # of twenty validations
_MANY_STEPS = 400  # of which a validation is twenty: fewer say little about whether a fit still learns


def solved_exactly(data: Data, model: str, head: str) -> bool:
    """Whether the model is fitted in closed form, without a budget."""
    return isinstance(data, Series) and model == "ar" and head == "gaussian"


def refits(data: Data, asked: bool | None) -> bool:
    """Whether the weights are fitted again to all of the data: those of series, since their end is what is forecast."""
    return isinstance(data, Series) if asked is None else asked


def transform_of(data: Data, asked: str, window: int | None) -> Evidence:
    """The transform of a series: the one asked for, or the one that the training part speaks for, and how."""
    if asked != "auto" or not isinstance(data, Series):
        return Evidence(asked, {}, 0)
    train = split_in_time(len(data.values), window or 1, data.name, "step")[0]
    return choose_transform(data.values[:train], data.season, positive=bool((data.values > 0).all()))


def choose_model(
    data: Data,
    transform: str,
    *,
    model: str | None,
    hidden: int | None,
    layers: int | None,
    window: int | None,
    dropout: float | None,
    tied: bool,
    layer_norm: bool | None,
    head: str,
    skip: bool,
    stable: bool,
    learned_start: bool,
) -> ModelConfig:
    """The model that is asked for, with what this data needs where nothing is.

    Raises:
        ArgumentError: an option that the data or the model has no use for.
    """
    images = isinstance(data, Labelled) and data.kind == "images"
    if images and window is not None:
        raise ArgumentError(f"window is {window}, but images have no steps. Leave it out.")
    if model == "ar" and hidden is not None:
        raise ArgumentError(f"hidden is {hidden}, but ar has no hidden features. Leave it out, or try mlp.")
    name = model or ("conv" if images else "gru")
    if window is None:
        window = _window(data, transform, linear=solved_exactly(data, name, head))
    return ModelConfig(
        name=name,
        hidden=_hidden(data, name) if hidden is None else hidden,
        layers=layers,
        window=window,
        dropout=_dropout(data, name, hidden) if dropout is None else dropout,
        tied=tied,
        layer_norm=_recurrent_on_text(data, name) if layer_norm is None else layer_norm,
        head=head,
        skip=_path(data, transform, name) if skip else 0,
        stable=stable,
        learned_start=learned_start,
    )


def choose_training(
    data: Data,
    model: ModelConfig,
    *,
    steps: int | None,
    minutes: float | None,
    learning_rate: float | None,
    weight_decay: float | None,
    patience: int | None,
    tbptt: int | tuple[int, int] | str | None,
    bptt: str,
    memory: str | int | None,
    **others: Any,
) -> TrainingConfig:
    """The training that is asked for, with what this model of this data needs where nothing is; ``others`` stay.

    Raises:
        ArgumentError: options that exclude each other, or that a fit in closed form has no use for.
    """
    if minutes is not None and steps is not None:
        raise ArgumentError("give minutes or steps, not both: they are two budgets for the same run.")
    training = TrainingConfig(
        steps=steps,
        minutes=_MINUTES if minutes is None else minutes,
        learning_rate=_rate(model) if learning_rate is None else learning_rate,
        weight_decay=_decay(model) if weight_decay is None else weight_decay,
        patience=_patience(data, steps) if patience is None else patience,
        memory=None if memory is None else bytes_of(memory),
        **_through_time(tbptt, bptt),
        **others,
    )
    if solved_exactly(data, model.name, model.head):
        if steps is not None or minutes is not None:
            raise ArgumentError("a linear ar of real values is solved exactly, at once. Leave out minutes and steps.")
        asked = {
            "learning_rate": learning_rate is not None,
            "weight_decay": weight_decay is not None,
            "patience": bool(patience),
            "tbptt": tbptt is not None,
            "bptt": bptt != TrainingConfig.bptt,
            **{name: getattr(training, name) != getattr(TrainingConfig, name) for name in _OF_GRADIENTS},
        }
        if any(asked.values()):
            names = ", ".join("--" + name.replace("_", "-") for name, given in asked.items() if given)
            raise ArgumentError(f"a linear ar of real values is solved exactly, without gradients. Leave out {names}.")
    return training


def _through_time(tbptt: int | tuple[int, int] | str | None, bptt: str) -> dict[str, Any]:
    """The part of TrainingConfig that says how far gradients go back."""
    if tbptt is None:
        return {"bptt": bptt}
    if bptt != "truncated":
        raise ArgumentError(f"tbptt is {tbptt!r} and bptt is {bptt!r}: give one of them, a window or the whole.")
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
            f"tbptt is {tbptt!r}; expected steps such as 64, a pair k1,k2 such as 16,128, or 'auto'."
        ) from error
    return {"bptt": "truncated", "k1": found.k1, "k2": found.k2}


def _window(data: Data, transform: str, *, linear: bool) -> int:
    """The window where none is given: 64, or a tenth of a short series; at most that, by BIC, for a linear AR."""
    if not isinstance(data, Series):
        return _WINDOW
    most = max(1, min(_WINDOW, len(data.values) // 10))
    if not linear:
        return most
    train = data.values[: split_in_time(len(data.values), 1, data.name, "step")[0]]
    return select_order(Transform.fit(transform, train).apply(torch.from_numpy(train)), most)


def _path(data: Data, transform: str, model: str) -> int:
    """Taps of the linear path past a network."""
    if not isinstance(data, Series) or model == "ar":
        return ModelConfig.skip
    train = data.values[: split_in_time(len(data.values), 1, data.name, "step")[0]]
    return path_order(Transform.fit(transform, train), torch.from_numpy(train), data.season)


def _hidden(data: Data, model: str) -> int:
    """In a minute or two a wide network learns more of a text than a narrow one that sees three times as much of it."""
    if _recurrent_on_text(data, model):
        return 512
    return 256 if isinstance(data, Symbols) else 32


def _dropout(data: Data, model: str, hidden: int | None) -> float:
    """Networks see a text many times over within minutes, and learn it by heart; series they are slower to."""
    if hidden is None and _recurrent_on_text(data, model):
        return 0.3
    return 0.2 if isinstance(data, Symbols) and model != "ar" else 0.0


def _recurrent_on_text(data: Data, model: str) -> bool:
    return isinstance(data, Symbols) and data.rate is None and model in ("rnn", "gru", "lstm")


def _rate(model: ModelConfig) -> float:
    return _NORMALISED_RATE if model.layer_norm else TrainingConfig.learning_rate


def _decay(model: ModelConfig) -> float:
    return _NORMALISED_DECAY if model.layer_norm else TrainingConfig.weight_decay


def _patience(data: Data, steps: int | None) -> int:
    """Series are short enough to be learned by heart within a budget; 0, for none, where validations are near."""
    return _PATIENCE if isinstance(data, Series) and (steps is None or steps >= _MANY_STEPS) else 0
