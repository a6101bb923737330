"""From a configuration to a model, the same for a new model and for one that is loaded."""

import warnings

from torch import nn

from chainrule._choices import counted, listed
from chainrule._settings import option
from chainrule.data import Transform
from chainrule.errors import ArgumentError
from chainrule.models.alphabet_model import AlphabetModel
from chainrule.models.classifiers import ImageClassifier, SequenceClassifier
from chainrule.models.encoders import AREncoder, ConvEncoder, Encoder, LatentEncoder, MLPEncoder
from chainrule.models.encoders.embedding import SymbolEmbedding
from chainrule.models.heads import CategoricalHead, GaussianHead, StudentTHead
from chainrule.models.mixture import MixtureModel
from chainrule.models.ngram import NGramModel
from chainrule.models.panels import HEADS, PanelInputs, PanelModel
from chainrule.models.panels.panel_model import static_width
from chainrule.models.series_model import SeriesModel
from chainrule.models.settings import LATENT, ModelConfig
from chainrule.models.skip import SkipEncoder
from chainrule.models.symbol_model import SymbolModel

__all__ = [
    "OF_IMAGES",
    "OF_LABELLED_SEQUENCES",
    "OF_PANELS",
    "OF_SYMBOLS",
    "OF_VALUES",
    "build_image_classifier",
    "build_panel_model",
    "build_sequence_classifier",
    "build_series_model",
    "build_symbol_model",
]

_HEADS: dict[str, type[GaussianHead] | type[StudentTHead]] = {"gaussian": GaussianHead, "student": StudentTHead}
_EMBEDDING = 64
# What data of each kind has, as settings ask for it.
OF_SYMBOLS = frozenset({"symbols", "steps", "stream", "documents"})
OF_VALUES = frozenset({"values", "steps", "stream"})
OF_PANELS = frozenset({"panel", "steps", "stream"})
OF_LABELLED_SEQUENCES = frozenset({"labels", "steps"})
OF_IMAGES = frozenset({"labels"})


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
        precision=config.precision,
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


def build_symbol_model(config: ModelConfig, symbols: int, end: tuple[int, ...] = ()) -> AlphabetModel:
    """A model of ``symbols`` distinct symbols, whose documents end with ``end``.

    Raises:
        ArgumentError: the configuration asks for what is of no use here; so do the other builders.

    >>> build_symbol_model(ModelConfig("lstm", hidden=32), symbols=65).head
    CategoricalHead(
      (logits): Linear(in_features=32, out_features=65, bias=True)
    )
    """
    config.refuse_for("symbols", OF_SYMBOLS)
    if config.name == "ngram":
        return NGramModel(symbols, config.order or NGramModel.usual_order, end)
    width = config.hidden if config.tied else min(symbols, _EMBEDDING)
    embedding = SymbolEmbedding(symbols, width, config.ngram_embedding, config.ngram_dropout)
    encoder = _encoder(config, width, symbols)
    head = CategoricalHead(encoder.out_features, symbols, direct=config.name == "ar")
    if config.tied:
        nn.init.normal_(embedding.single.weight, std=width**-0.5)  # of the size that an output layer starts from
        head.logits.weight = embedding.single.weight
    network = SymbolModel(symbols, embedding, encoder, head, end)
    return network if config.mix == "none" else MixtureModel(network, NGramModel(symbols, end=end))


def build_series_model(config: ModelConfig, transform: Transform) -> SeriesModel:
    """A model of real values in the channels of ``transform``; a linear AR is in float64, all others in float32.

    >>> model = build_series_model(ModelConfig("ar", window=3), Transform("none", (0.0,), (1.0,)))
    >>> model.encoder.window.weight.shape, model.encoder.window.weight.dtype
    (torch.Size([1, 1, 3]), torch.float64)
    """
    config.refuse_for("real values", OF_VALUES)
    if config.name == "ngram":
        raise ArgumentError("an ngram counts symbols, which real values are not; take another model.")
    if config.head not in _HEADS:
        raise ArgumentError(
            f"{option('head', config.head)} is for panels; real values of one series take {listed(_HEADS)}."
        )
    channels = len(transform.mean)
    encoder = _encoder(config, channels, channels)
    linear = config.name == "ar"
    if config.skip and not linear:
        encoder = SkipEncoder(encoder, transform, config.skip)
    head = _HEADS[config.head](encoder.out_features, channels, direct=linear, skip=bool(config.skip and not linear))
    model = SeriesModel(transform, encoder, head)
    return model.double() if config.name == "ar" else model


def build_panel_model(config: ModelConfig, inputs: PanelInputs) -> PanelModel:
    """A model of all series of a panel, seen by these inputs.

    >>> from chainrule.data.panels.panel import Covariates
    >>> inputs = PanelInputs(season=7, covariates=Covariates(), unit=1.0, mean=(), scale=())
    >>> build_panel_model(ModelConfig("gru", hidden=16, head="student", horizon=28), inputs).outputs
    Linear(in_features=16, out_features=56, bias=True)
    """
    config.refuse_for("panels", OF_PANELS)
    if config.name == "ngram":
        raise ArgumentError("an ngram counts symbols, which real values are not; take another model.")
    head = HEADS[config.head]()
    seen = inputs.width + static_width(inputs)
    encoder = _encoder(config, seen, config.horizon)  # a linear AR has a feature for each step ahead
    return PanelModel(inputs, config.horizon, encoder, head, seasons=config.skip)


def build_image_classifier(config: ModelConfig, channels: int, size: tuple[int, int], classes: int) -> ImageClassifier:
    """A convolutional classifier of images (C, H, W), as deep as their size allows; ``window`` has no meaning here.

    >>> build_image_classifier(ModelConfig("conv", hidden=16), channels=1, size=(8, 8), classes=10).logits
    Linear(in_features=256, out_features=10, bias=True)
    """
    if config.name != "conv":
        raise ArgumentError(f"images are classified by conv, not by {config.name}.")
    config.refuse_for("images", OF_IMAGES)
    return ImageClassifier(channels, size, classes, config.hidden, dropout=config.dropout)


def build_sequence_classifier(config: ModelConfig, features: int, classes: int) -> SequenceClassifier:
    """A classifier of sequences of ``features`` numbers a step, by conv, rnn, gru or lstm.

    >>> build_sequence_classifier(ModelConfig("gru", hidden=16), features=64, classes=10).logits
    Linear(in_features=16, out_features=10, bias=True)
    """
    if config.name != "conv" and config.name not in LATENT:
        raise ArgumentError(f"sequences are classified by conv, {listed(LATENT)}, not by {config.name}.")
    config.refuse_for("labelled sequences", OF_LABELLED_SEQUENCES)
    return SequenceClassifier(_encoder(config, features, 0), classes)
