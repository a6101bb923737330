"""The models that the laws are stated over: every family, one and two layers, symbols and real values, in float64."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from chainrule.data import Transform
from chainrule.models import (
    LATENT,
    MODELS,
    ConditionalModel,
    MixtureModel,
    ModelConfig,
    NGramModel,
    SeriesModel,
    SymbolModel,
    build_series_model,
    build_symbol_model,
)

SYMBOLS = 5
CHANNELS = 2
_Model = TypeVar("_Model", bound=ConditionalModel)

_WITH: dict[str, dict[str, Any]] = {"a learned start": {"learned_start": True}, "layer norm": {"layer_norm": True}}
CONFIGS = {
    f"{name}{layers}": ModelConfig(
        name, hidden=6, layers=None if name == "ar" else layers, window=2**layers if name == "conv" else 3
    )
    for name in (*MODELS[:3], *LATENT)
    for layers in (1, 2)
    if (name, layers) != ("ar", 2)
} | {
    f"{name} with {what}": ModelConfig(name, hidden=6, layers=2, **option)
    for name in LATENT
    for what, option in _WITH.items()
}

TRANSFORMS = {
    "none": Transform("none", (0.0, 0.0), (1.0, 1.0)),
    "standardise": Transform("standardise", (1.5, 0.5), (2.0, 0.25)),
    "difference": Transform("difference", (0.5, -0.2), (1.5, 0.5)),
    "log-return": Transform("log-return", (0.1, -0.2), (0.5, 0.2)),
}

HEADS = ("gaussian", "student")


def one_channel(name: str) -> Transform:
    """The named transform of the first channel alone."""
    transform = TRANSFORMS[name]
    return replace(transform, mean=transform.mean[:1], scale=transform.scale[:1])


def symbol_model(config: ModelConfig, symbols: int = SYMBOLS) -> SymbolModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_symbol_model(config, symbols)
        assert isinstance(model, SymbolModel)
        return _started(model.double())


def series_model(config: ModelConfig, transform: Transform) -> SeriesModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _started(build_series_model(config, transform).double())


def _started(model: _Model) -> _Model:
    """A start that is learned, as if it had been: it begins as zeros."""
    for start in getattr(model.encoder, "start", ()):
        torch.nn.init.normal_(start)
    return model


def symbols(rows: int, steps: int, seed: int = 1) -> Tensor:
    return torch.randint(SYMBOLS, (rows, steps), generator=torch.Generator().manual_seed(seed))


def values(rows: int, steps: int, channels: int = CHANNELS, seed: int = 1) -> Tensor:
    """Positive, so that every transform takes them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, steps, channels, dtype=torch.float64, generator=generator).cumsum(1).mul(0.3).exp()


@dataclass(frozen=True)
class Case:
    """A model, and data for it: ``data(rows, steps)``, or with a seed other data."""

    make: Callable[[], ConditionalModel]
    data: Callable[..., Tensor]


def _symbol_case(config: ModelConfig) -> Case:
    return Case(lambda: symbol_model(config), symbols)


def _series_case(config: ModelConfig, transform: Transform) -> Case:
    return Case(lambda: series_model(config, transform), values)


def _counted(order: int) -> NGramModel:
    """An ngram that has counted two documents."""
    model = NGramModel(SYMBOLS, order)
    model.learn(symbols(2, 200, seed=3))
    return model


def _mixed(name: str) -> MixtureModel:
    """A network and an n-gram whose gate tells what is known before a symbol apart."""
    model = MixtureModel(symbol_model(CONFIGS[name]), _counted(3))
    weights = torch.randn(model.gate.weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    model.gate.weights += weights / 10
    return model


SYMBOL_CASES = {f"symbols-{name}": _symbol_case(config) for name, config in CONFIGS.items()} | {
    f"symbols-{name} with {n}-gram embeddings": _symbol_case(ModelConfig(name, hidden=6, ngram_embedding=n))
    for name, n in (("gru", 2), ("lstm", 4))
}
# The order is as long as some of the tests' sequences, and longer than others.
SYMBOL_CASES |= {
    f"symbols-{name} + ngram3": Case(partial(_mixed, name), symbols) for name in ("gru2", "conv2", "mlp1", "ar1")
}
SYMBOL_CASES |= {f"symbols-ngram{order}": Case(partial(_counted, order), symbols) for order in (1, 2, 6)}
# The transforms take turns; so do the heads, one transform later, so that all pairs occur.
SERIES_CASES = {
    f"series-{name}-{head}-{transform.name}": _series_case(replace(config, head=head), transform)  # type: ignore[arg-type]
    for (name, config), transform, head in zip(
        CONFIGS.items(), cycle(TRANSFORMS.values()), cycle([*HEADS, *HEADS, *reversed(HEADS), *reversed(HEADS)])
    )
}


def _every(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases.items()])


def _learning(cases: dict[str, Case]) -> dict[str, Case]:
    """Those of models that gradients train: an n-gram has nothing to train, and a mixture trains its network alone."""
    return {name: case for name, case in cases.items() if "ngram" not in name}


every_case = _every(SYMBOL_CASES | SERIES_CASES)
every_symbol_case = _every(SYMBOL_CASES)
every_series_case = _every(SERIES_CASES)
every_trained_case = _every(_learning(SYMBOL_CASES | SERIES_CASES))
every_trained_symbol_case = _every(_learning(SYMBOL_CASES))
