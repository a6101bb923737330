"""From a configuration to a model, the same for a new model and for one that is loaded."""

import warnings
from dataclasses import dataclass

from torch import nn

from chainrule._choices import choose, counted, finite, whole
from chainrule._schema import check_fields
from chainrule.data import Transform
from chainrule.errors import ArgumentError
from chainrule.models.classifiers import ImageClassifier, SequenceClassifier
from chainrule.models.encoders import AREncoder, ConvEncoder, Encoder, LatentEncoder, MLPEncoder
from chainrule.models.heads import CategoricalHead, GaussianHead, StudentTHead
from chainrule.models.series_model import SeriesModel
from chainrule.models.skip import SkipEncoder
from chainrule.models.symbol_model import SymbolModel

__all__ = [
    "LATENT",
    "MODELS",
    "ModelConfig",
    "build_image_classifier",
    "build_sequence_classifier",
    "build_series_model",
    "build_symbol_model",
]

LATENT = ("rnn", "gru", "lstm")
MODELS = ("ar", "mlp", "conv", *LATENT)
_HEADS: dict[str, type[GaussianHead] | type[StudentTHead]] = {"gaussian": GaussianHead, "student": StudentTHead}
_EMBEDDING = 64
_WIDEST = 10**8  # what is below may still be too large for the machine, and then is said to be
_DEEPEST = 1000


@dataclass(frozen=True)
class ModelConfig:
    """What a model is made of. An option that a model has no use for is refused rather than ignored.

    Parameters:
        name: one of MODELS. ar, mlp and conv see a window of the past; rnn, gru and lstm fold all of it into a state.
        hidden: features a step.
        layers: None for the model's own: as many dilated layers as the window needs for conv, else 1.
        window: tau of ar and mlp, the receptive field asked of conv, and the steps gradients go back through time.
        dropout: share of features dropped in training, from 0 to below 1.
        tied: the output weights are the embedding (symbols only, not ar): Press & Wolf 2017.
        head: "gaussian" or "student", for real values; of several columns, jointly.
        skip: taps of the linear path past a network of real values; 0 for none.
        stable: a linear ar's roots are kept inside the unit circle, so that forecasts never blow up.
        learned_start: rnn, gru and lstm start from a state that is learned instead of zeros.
        layer_norm: rnn, gru and lstm normalise what enters their gates (Ba et al. 2016).

    >>> ModelConfig("lstm", layers=2).window
    64
    >>> ModelConfig("lstn")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: model is 'lstn'; expected one of ar, mlp, conv, rnn, gru, lstm. Did you mean 'lstm'?
    """

    name: str = "gru"
    hidden: int = 256
    layers: int | None = None
    window: int = 64
    dropout: float = 0.0
    tied: bool = False
    head: str = "gaussian"
    learned_start: bool = False
    layer_norm: bool = False
    skip: int = 1
    stable: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        choose("model", self.name, MODELS)
        choose("head", self.head, tuple(_HEADS))
        for option, most in (("hidden", _WIDEST), ("window", _WIDEST), ("layers", _DEEPEST)):
            value = getattr(self, option)
            if value is not None or option != "layers":
                object.__setattr__(self, option, whole(option, value, most=most))
        object.__setattr__(self, "skip", whole("skip", self.skip, 0, _WIDEST))
        object.__setattr__(self, "dropout", finite("dropout", self.dropout, 0, 1))
        if self.name == "ar" and (self.tied or self.dropout or self.layers not in (None, 1)):
            raise ArgumentError("ar is one linear layer: it takes no layers, dropout or tied embedding. Try mlp.")
        if self.learned_start and self.name not in LATENT:
            raise ArgumentError(
                f"a learned start is a state of {', '.join(LATENT)}; {self.name} sees a window instead."
            )
        if self.name == "ar" and not self.skip:
            raise ArgumentError("ar is linear in its window, with no network to skip. Leave --no-skip out.")
        if self.stable and (self.name, self.head) != ("ar", "gaussian"):
            raise ArgumentError(
                f"stable is for the roots of a linear ar with a Gaussian head; {self.name} with the head {self.head!r} "
                "has none to be kept. Leave --stable out."
            )
        if self.layer_norm and self.name not in LATENT:
            raise ArgumentError(f"layer norm is an option of {', '.join(LATENT)}; {self.name} has none. Leave it out.")


def _encoder(config: ModelConfig, in_features: int, linear_features: int) -> Encoder:
    """The encoder; ``linear_features`` is what a linear AR puts out, which has no head of its own."""
    if config.name == "ar":
        return AREncoder(in_features, linear_features, config.window)
    if config.name == "conv":
        return _conv_encoder(config, in_features)
    layers = config.layers or 1
    if config.name == "mlp":
        return MLPEncoder(in_features, config.hidden, config.window, layers, config.dropout)
    return LatentEncoder(
        config.name,
        in_features,
        config.hidden,
        layers,
        config.dropout,
        learned_start=config.learned_start,
        layer_norm=config.layer_norm,
    )


def _conv_encoder(config: ModelConfig, in_features: int) -> ConvEncoder:
    needed = ConvEncoder.layers_for(config.window)
    layers = config.layers or needed
    encoder = ConvEncoder(in_features, config.hidden, layers, dropout=config.dropout)
    if layers < needed:
        warnings.warn(
            f"the receptive field of conv with {counted(layers, 'layer')} is "
            f"{counted(encoder.receptive_field or 0, 'step')}, shorter than the window of {config.window} asked for; "
            f"it needs {counted(needed, 'layer')}.",
            UserWarning,
            stacklevel=4,
        )
    return encoder


def _refuse_head(config: ModelConfig, of: str) -> None:
    if config.head != "gaussian":
        raise ArgumentError(f"the head {config.head!r} is for real values; {of} have none. Leave it out.")
    if not config.skip or config.stable:
        option = "--stable" if config.stable else "--no-skip"
        raise ArgumentError(f"{option} is for models of real values; {of} have none. Leave it out.")


def _refuse_tied(config: ModelConfig, of: str) -> None:
    if config.tied:
        raise ArgumentError(f"tied embeddings are for models of symbols, not of {of}. Leave them out.")


def build_symbol_model(config: ModelConfig, symbols: int, end: tuple[int, ...] = ()) -> SymbolModel:
    """A model of ``symbols`` distinct symbols, whose documents end with ``end``.

    Raises:
        ArgumentError: the configuration asks for what is of no use here; so do the other builders.

    >>> build_symbol_model(ModelConfig("lstm", hidden=32), symbols=65).head
    CategoricalHead(
      (logits): Linear(in_features=32, out_features=65, bias=True)
    )
    """
    _refuse_head(config, "symbols")
    width = config.hidden if config.tied else min(symbols, _EMBEDDING)
    embedding = nn.Embedding(symbols, width)
    encoder = _encoder(config, width, symbols)
    head = CategoricalHead(encoder.out_features, symbols, direct=config.name == "ar")
    if config.tied:
        nn.init.normal_(embedding.weight, std=width**-0.5)  # of the size that an output layer starts from
        head.logits.weight = embedding.weight
    return SymbolModel(symbols, embedding, encoder, head, end)


def build_series_model(config: ModelConfig, transform: Transform) -> SeriesModel:
    """A model of real values in the channels of ``transform``; a linear AR is in float64, all others in float32.

    >>> model = build_series_model(ModelConfig("ar", window=3), Transform("none", (0.0,), (1.0,)))
    >>> model.encoder.window.weight.shape, model.encoder.window.weight.dtype
    (torch.Size([1, 1, 3]), torch.float64)
    """
    _refuse_tied(config, "real values")
    channels = len(transform.mean)
    encoder = _encoder(config, channels, channels)
    linear = config.name == "ar"
    if config.skip and not linear:
        encoder = SkipEncoder(encoder, transform, config.skip)
    head = _HEADS[config.head](encoder.out_features, channels, direct=linear, skip=bool(config.skip and not linear))
    model = SeriesModel(transform, encoder, head)
    return model.double() if config.name == "ar" else model


def build_image_classifier(config: ModelConfig, channels: int, size: tuple[int, int], classes: int) -> ImageClassifier:
    """A convolutional classifier of images (C, H, W), as deep as their size allows; ``window`` has no meaning here.

    >>> build_image_classifier(ModelConfig("conv", hidden=16), channels=1, size=(8, 8), classes=10).logits
    Linear(in_features=256, out_features=10, bias=True)
    """
    if config.name != "conv":
        raise ArgumentError(f"images are classified by conv, not by {config.name}.")
    if config.layers is not None:
        raise ArgumentError("an image classifier is as deep as the image's size allows: leave layers out.")
    _refuse_tied(config, "labels")
    _refuse_head(config, "labels")
    return ImageClassifier(channels, size, classes, config.hidden, dropout=config.dropout)


def build_sequence_classifier(config: ModelConfig, features: int, classes: int) -> SequenceClassifier:
    """A classifier of sequences of ``features`` numbers a step, by conv, rnn, gru or lstm.

    >>> build_sequence_classifier(ModelConfig("gru", hidden=16), features=64, classes=10).logits
    Linear(in_features=16, out_features=10, bias=True)
    """
    if config.name in ("ar", "mlp"):
        raise ArgumentError(f"sequences are classified by conv, rnn, gru or lstm, not by {config.name}.")
    _refuse_tied(config, "labels")
    _refuse_head(config, "labels")
    return SequenceClassifier(_encoder(config, features, 0), classes)
