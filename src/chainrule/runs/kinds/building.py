"""From what is known of data to a model of it: a new one, one with weights, or none but its size."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from chainrule.errors import RunFormatError
from chainrule.models import ModelConfig, NGramModel
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import check_weights, load_weights

__all__ = ["build", "build_with", "count_parameters", "layers_in", "weights_in"]

_LAYERS = 3  # of which the weights are counted


class _Undrawn(TorchFunctionMode):
    """Leaves initial weights undrawn: drawing them without memory would import all of torch.compile, for seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == nn.init.__name__:
            return (*args, *(kwargs or {}).values())[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def _without_memory() -> Iterator[None]:
    """A while in which models are built without their weights; what they warn of, they warn of again with them."""
    with torch.device("meta"), _Undrawn(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def build(about: DataConfig, model: ModelConfig) -> nn.Module:
    """A new model for such data."""
    return KINDS[about.kind].build(about, model)


def build_with(about: DataConfig, model: ModelConfig, weights: dict[str, Tensor]) -> nn.Module:
    """A model with these weights; one of other sizes is refused before any memory is taken for it.

    Raises:
        RunFormatError: the weights are not those of such a model.
    """
    if (model.layers or 1) > len(weights):  # each has some, and to build them takes time even without memory
        raise RunFormatError(f"{model.layers} are more layers than the weights that there are: {len(weights)}.")
    with _without_memory():
        check_weights(build(about, model), weights)
    built = build(about, model)
    load_weights(built, weights)
    return built


def count_parameters(about: DataConfig, model: ModelConfig, shapes: Mapping[str, Sequence[int]]) -> int:
    """How many numbers such a model has learned, found without making it; ``shapes`` are those of its weights by name.

    Those of an ngram are its n-grams, as many as the data had.
    """
    with _without_memory():
        made = build(about, model)
    learned = sum(p.numel() for p in made.parameters())
    ngrams = [name for name, part in made.named_modules() if isinstance(part, NGramModel)]
    return learned + sum(math.prod(shapes.get(f"{name}.counts".lstrip("."), (0,))) for name in ngrams)


def layers_in(about: DataConfig, model: ModelConfig) -> list[str]:
    """The names of the layers of such a model, those within others left out."""
    with _without_memory():
        return [name for name, module in build(about, model).named_modules() if not list(module.children())]


def weights_in(about: DataConfig, model: ModelConfig) -> int:
    """The bytes of the weights that ``build`` would make, found without making them."""
    if (layers := model.layers or 0) > _LAYERS:  # each after the first has as many as the next
        few, more = (weights_in(about, replace(model, layers=n)) for n in (_LAYERS - 1, _LAYERS))
        return few + (layers - _LAYERS + 1) * (more - few)
    with _without_memory():
        try:
            built = build(about, model)
        except RuntimeError as error:
            if "overflow" not in str(error):
                raise
            return 2**63
    return sum(t.numel() * t.element_size() for t in [*built.parameters(), *built.buffers()])
