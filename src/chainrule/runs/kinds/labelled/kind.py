"""Images and labelled sound, as kinds of data."""

import numpy as np

from chainrule.data import Labelled
from chainrule.models import (
    BANDS,
    LATENT,
    ImageClassifier,
    ModelConfig,
    SequenceClassifier,
    build_image_classifier,
    build_sequence_classifier,
)
from chainrule.models.build import OF_IMAGES, OF_LABELLED_SEQUENCES
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.labelled.run import ClassifierRun
from chainrule.runs.kinds.labelled.task import LabelledTask

__all__ = ["ImageKind", "LabelledSoundKind"]


class LabelledSoundKind(DataKind):
    """Recordings with a label each."""

    name = "sound"
    words: tuple[str, ...] = ("labelled sound",)
    has = OF_LABELLED_SEQUENCES
    run = ClassifierRun
    task = LabelledTask
    models: tuple[str, ...] = ("conv", *LATENT)

    def describe(self, data: Labelled, transform: str, model: ModelConfig) -> DataConfig:
        return DataConfig(
            self.name,
            data.name,
            unit="example",
            digest=digest_of(data),
            classes=data.classes,
            shape=self.shape(data),
            rate=data.rate,
        )

    def shape(self, data: Labelled) -> tuple[int, ...]:
        """The shape of what a model sees of an example; of a sequence, of one step."""
        return (BANDS,)

    def build(self, about: DataConfig, model: ModelConfig) -> SequenceClassifier | ImageClassifier:
        return build_sequence_classifier(model, about.shape[0], len(about.classes))

    def read_as(self, data: Labelled) -> str:
        return self.name

    def noun(self, data: Labelled) -> str:
        return "labelled data"

    def summary(self, data: Labelled) -> str:
        return f"{data.name}: {len(data.labels):,} {self._examples(data)} in {len(data.classes)} classes."

    def _examples(self, data: Labelled) -> str:
        return "sounds"


class ImageKind(LabelledSoundKind):
    """Images with a label each."""

    name = "images"
    words = ("images",)
    has = OF_IMAGES
    models = ("conv",)

    def shape(self, data: Labelled) -> tuple[int, ...]:
        return np.shape(data.inputs[0])

    def build(self, about: DataConfig, model: ModelConfig) -> ImageClassifier:
        channels, height, width = about.shape
        return build_image_classifier(model, channels, (height, width), len(about.classes))

    def _examples(self, data: Labelled) -> str:
        return f"images of {'x'.join(map(str, self.shape(data)))}"

    def model(self, data: Labelled) -> str:
        return "conv"
