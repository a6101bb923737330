"""Conditional models p(x_t | x_<t) in two families, window and latent, under one protocol; and classifiers."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.models.alphabet_model import AlphabetModel
    from chainrule.models.build import (
        build_image_classifier,
        build_panel_model,
        build_sequence_classifier,
        build_series_model,
        build_symbol_model,
    )
    from chainrule.models.classifiers import (
        BANDS,
        ImageClassifier,
        SequenceClassifier,
        as_pixels,
        log_spectrogram,
        pad_features,
        sound_features,
    )
    from chainrule.models.conditional import Carry, ConditionalModel
    from chainrule.models.evidence import Evidence, choose_transform
    from chainrule.models.linear import Regression, fit_least_squares, select_order
    from chainrule.models.mixture import MixtureModel
    from chainrule.models.ngram import NGramModel, fit_ngram
    from chainrule.models.panels import HorizonForecast, PanelInputs, PanelModel, PanelTensors
    from chainrule.models.series_model import SeriesModel
    from chainrule.models.settings import LATENT, MODELS, ModelConfig, ModelSettings
    from chainrule.models.skip import fit_path, path_order
    from chainrule.models.symbol_model import SymbolModel
else:
    __getattr__ = on_demand(__name__)

__all__ = [
    "BANDS",
    "LATENT",
    "MODELS",
    "AlphabetModel",
    "Carry",
    "ConditionalModel",
    "Evidence",
    "HorizonForecast",
    "ImageClassifier",
    "MixtureModel",
    "ModelConfig",
    "ModelSettings",
    "NGramModel",
    "PanelInputs",
    "PanelModel",
    "PanelTensors",
    "Regression",
    "SequenceClassifier",
    "SeriesModel",
    "SymbolModel",
    "as_pixels",
    "build_image_classifier",
    "build_panel_model",
    "build_sequence_classifier",
    "build_series_model",
    "build_symbol_model",
    "choose_transform",
    "fit_least_squares",
    "fit_ngram",
    "fit_path",
    "log_spectrogram",
    "pad_features",
    "path_order",
    "select_order",
    "sound_features",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
