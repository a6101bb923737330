"""What a model is made of: the settings that ``fit`` and its command take, and the config made from them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from chainrule._choices import choose, finite, listed, whole
from chainrule._schema import check_fields
from chainrule._settings import On, described, option, setting, settings_of
from chainrule.errors import ArgumentError
from chainrule.models.ngram import MOST_ORDER

__all__ = ["LATENT", "MODELS", "ModelConfig", "ModelSettings", "family"]

LATENT = ("rnn", "gru", "lstm", "mingru", "slstm")
"""The models that fold the past into a state: the ``model`` of each cell, named here since cells need torch."""
MODELS = ("ar", "mlp", "conv", *LATENT, "ngram")
_WIDEST = 10**8  # what is below may still be too large for the machine, and then is said to be
_DEEPEST = 1000
_LONGEST = 8  # n-grams with embeddings
_FARTHEST = 10_000  # steps ahead
_LIMITS = {
    "hidden": (1, _WIDEST),
    "window": (1, _WIDEST),
    "skip": (0, _WIDEST),
    "ngram_embedding": (1, _LONGEST),
    "horizon": (1, _FARTHEST),
}

_NETWORKS = ("mlp", "conv", "recurrent")
_TRAINED = ("ar", *_NETWORKS)
_RECURRENT = (On(("recurrent",)),)


def family(name: str) -> str:
    """What settings call a model: "recurrent" where it folds the past into a state, else its own name."""
    return "recurrent" if name in LATENT else name


@dataclass(frozen=True, kw_only=True)
class _GivenOfModel:
    """The settings that a model's config has as they are given."""

    layers: int | None = setting(
        None,
        "Number of layers",
        chosen="1, or for conv as many as the window needs",
        on=(On(_NETWORKS, "steps"),),
    )
    tied: bool = setting(
        False, "Tie the output weights to the embedding (Press & Wolf 2017)", on=(On(_NETWORKS, "symbols"),)
    )
    stable: bool = setting(
        False,
        "Keep the roots of a linear ar inside the unit circle, so that its forecasts cannot blow up",
        on=(On(("ar",), "values"),),
    )
    layer_norm: bool = setting(False, "Normalise the inputs of the gates (Ba et al. 2016)", on=_RECURRENT)
    learned_start: bool = setting(False, "Learn the initial state instead of starting from zeros", on=_RECURRENT)
    order: int | None = setting(
        None,
        "Length of an ngram's longest n-grams, which sees order - 1 symbols",
        chosen="the one that predicts the validation part best",
        on=(On(("ngram",), "symbols"),),
    )


@described
@dataclass(frozen=True, kw_only=True)
class ModelSettings(_GivenOfModel):
    """The model that a fit is asked for; what is None is chosen from the data.

    ``fit`` and ``compare`` take them as keywords. A setting that does not apply to the model or to the data is refused.
    """

    hidden: int | None = setting(
        None,
        "Hidden size",
        chosen="by budget, speed and length for recurrent networks on text, 256 for other networks of text and sound, "
        "128 for panels, else 32",
        on=(On(_NETWORKS),),
    )
    window: int | None = setting(
        None,
        "Steps that ar, mlp and conv see, and that gradients go back through",
        chosen="64, or a tenth of a short series; for a linear ar of one series, the order with the lowest BIC; of "
        "panels 128 for recurrent networks, else two seasons, from 64 to 512",
        on=(On(_TRAINED, "stream"), On(("conv",), "steps")),
    )
    dropout: float | None = setting(
        None,
        "Dropout rate",
        chosen="0.1 for recurrent networks on text, 0.2 for other networks of text and sound and for panels, else 0",
        on=(On(_NETWORKS),),
    )
    mix: Literal["ngram", "none"] | None = setting(
        None,
        "What the network's predictions are mixed with: an ngram that counts the training part, or none",
        chosen="ngram for text, none for sound",
        on=(On(_TRAINED, "symbols"),),
    )
    ngram_embedding: int | None = setting(
        None,
        "Length of the longest n-grams that have embeddings of their own, added to the symbol's; 1 for none",
        chosen="4 for text, else 1",
        on=(On(("recurrent",), "symbols"),),
    )
    ngram_dropout: float | None = setting(
        None,
        "Rate at which embeddings of n-grams are left out, beside dropout",
        chosen="0.6",
        on=(On(("recurrent",), "symbols"),),
    )
    precision: Literal["float32", "bfloat16", "auto"] | None = setting(
        None,
        "What a recurrent layer's products multiply: float32, or numbers rounded to bfloat16, summed in float32; auto "
        "tries both on the first batch and takes bfloat16 where it is faster and gives the same gradient",
        chosen="auto for text with a budget of minutes, else float32",
        on=_RECURRENT,
    )
    head: Literal["gaussian", "student", "negative-binomial", "quantile"] | None = setting(
        None,
        "Distribution of real values, joint over several columns; of panels also negative-binomial, for counts, and "
        "quantile, the quantiles themselves",
        chosen="quantile for panels, else gaussian",
        on=(On(_TRAINED, "values"), On(_TRAINED, "panel")),
    )
    horizon: int | None = setting(
        None,
        "Steps ahead that a model of a panel learns to forecast",
        chosen="a season, from 8 to 48",
        on=(On(_TRAINED, "panel"),),
    )
    skip: bool = setting(
        True,
        "Add a path around the network, which then learns what the path leaves: a linear AR, or for panels a mixture "
        "of the last seasons",
        chosen="on",
        on=(On(_NETWORKS, "values"), On(_TRAINED, "panel")),
    )

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class ModelConfig(_GivenOfModel):
    """What a model is made of. A setting that the model has no use for is refused, never ignored.

    Parameters:
        name: one of MODELS. ar, mlp, conv and ngram see a window of the past; the others fold all of it into a state.
        hidden: hidden size.
        window: tau of ar and mlp, the receptive field asked of conv, and the steps gradients go back through time.
        dropout: the rate, from 0 to below 1.
        mix: "ngram" where a network of symbols is mixed with an n-gram, else "none".
        skip: taps of the linear path around a network of real values, seasons of the path around one of a panel; 0
            for none.
        head: the distribution of real values.
        horizon: steps ahead that a model of a panel forecasts.
        ngram_embedding: length of the longest n-grams that have embeddings; 1 for symbols alone.
        ngram_dropout: the rate at which these are left out.
        precision: what a recurrent layer's products multiply, "float32" or "bfloat16"; they are summed in float32.
        layers, tied, stable, layer_norm, learned_start, order: as in `ModelSettings`.

    >>> ModelConfig("lstm", layers=2).window
    64
    >>> ModelConfig("lstn")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `model` is 'lstn'; expected one of ar, mlp, conv, ... Did you mean 'lstm'?
    """

    name: str = "gru"
    hidden: int = 256
    window: int = 64
    dropout: float = 0.0
    mix: Literal["ngram", "none"] = "none"
    skip: int = 1
    ngram_embedding: int = 1
    ngram_dropout: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    head: Literal["gaussian", "student", "negative-binomial", "quantile"] = "gaussian"
    horizon: int = 1

    def __post_init__(self) -> None:
        choose("`model`", self.name, MODELS)
        check_fields(self)
        for field_name, (least, most) in _LIMITS.items():
            object.__setattr__(self, field_name, whole(f"`{field_name}`", getattr(self, field_name), least, most))
        if self.layers is not None:
            object.__setattr__(self, "layers", whole("`layers`", self.layers, most=_DEEPEST))
        if self.order is not None:
            object.__setattr__(self, "order", whole("`order`", self.order, most=MOST_ORDER))
        for rate in ("dropout", "ngram_dropout"):
            object.__setattr__(self, rate, finite(f"`{rate}`", getattr(self, rate), 0, 1))
        self._refuse_foreign()
        if self.ngram_dropout and self.ngram_embedding == 1:
            raise ArgumentError(
                f"{option('ngram_dropout', self.ngram_dropout)} leaves out embeddings of n-grams, and there are none. "
                "Leave it out, or give `ngram_embedding` of at least 2."
            )
        if self.stable and self.head != "gaussian":
            raise ArgumentError(
                f"`stable` is for a linear ar with a Gaussian head, and {option('head', self.head)}. Leave one of them "
                "out."
            )

    @property
    def title(self) -> str:
        """What tables call the model.

        >>> ModelConfig("gru", mix="ngram").title
        'gru + ngram'
        """
        return self.name if self.mix == "none" else f"{self.name} + {self.mix}"

    def _refuse_foreign(self) -> None:
        """Refuse what is set and does not apply to this model; of hidden size, window and skip each has some."""
        for name, each in settings_of(ModelSettings).items():
            if name in ("hidden", "window") or each.applies(family(self.name)):
                continue
            value = getattr(self, name)
            if value != getattr(ModelConfig, name):
                applies = [model for model in MODELS if each.applies(family(model))]
                raise ArgumentError(
                    f"{_named(name, value)} does not apply to {self.name}; it is for {listed(applies)}. Leave it out."
                )

    def refuse_for(self, what: str, has: Collection[str]) -> None:
        """Refuse what is set and does not apply to such data.

        Raises:
            ArgumentError: names the setting, and ``what`` the model is for.
        """
        for name, each in settings_of(ModelSettings).items():
            value = getattr(self, name)
            if name in ("hidden", "window") or each.applies(family(self.name), has):
                continue
            if value != getattr(ModelConfig, name):
                raise ArgumentError(f"{_named(name, value)} does not apply to models of {what}. Leave it out.")


def _named(name: str, value: object) -> str:
    """A setting of a config as it is given: the path around a network is switched on or off."""
    return option(name, bool(value) if name == "skip" else value)
