"""Conditional models p(x_t | x_<t) in two families, window and latent, under one protocol; and classifiers."""

from chainrule.models.build import (
    LATENT,
    MODELS,
    ModelConfig,
    build_image_classifier,
    build_sequence_classifier,
    build_series_model,
    build_symbol_model,
)
from chainrule.models.classifiers import ImageClassifier, SequenceClassifier, log_spectrogram
from chainrule.models.conditional import Carry, ConditionalModel
from chainrule.models.evidence import Evidence, choose_transform
from chainrule.models.linear import Regression, fit_least_squares, select_order
from chainrule.models.series import SeriesModel
from chainrule.models.skip import fit_path, path_order
from chainrule.models.symbols import SymbolModel

__all__ = [
    "LATENT",
    "MODELS",
    "Carry",
    "ConditionalModel",
    "Evidence",
    "ImageClassifier",
    "ModelConfig",
    "Regression",
    "SequenceClassifier",
    "SeriesModel",
    "SymbolModel",
    "build_image_classifier",
    "build_sequence_classifier",
    "build_series_model",
    "build_symbol_model",
    "choose_transform",
    "fit_least_squares",
    "fit_path",
    "log_spectrogram",
    "path_order",
    "select_order",
]
