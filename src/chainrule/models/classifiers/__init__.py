"""Classifiers, a label for an image or for a whole sequence, and what they see of images and sound."""

from chainrule.models.classifiers.features import BANDS, as_pixels, log_spectrogram, pad_features, sound_features
from chainrule.models.classifiers.networks import ImageClassifier, SequenceClassifier

__all__ = [
    "BANDS",
    "ImageClassifier",
    "SequenceClassifier",
    "as_pixels",
    "log_spectrogram",
    "pad_features",
    "sound_features",
]
