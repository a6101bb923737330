"""Fitting classifiers of images and of labelled sound."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._choices import whole
from chainrule.data import Labelled, split_labelled, split_note
from chainrule.models import as_pixels, pad_features, sound_features
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.task import Task
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.labelled.mistakes import Mistakes
from chainrule.training import ALONE, Group, LabelledFeed, class_log_probs, confusion_and_loss

__all__ = ["Examples", "LabelledTask", "score_everything"]


class LabelledTask(Task):
    """Labelled examples, split by class into training, validation and test."""

    def __init__(self, data: Labelled, config: RunConfig, group: Group = ALONE) -> None:
        training = config.training
        self.data = data
        self._name = config.model.name
        train, valid, test = split_labelled(data, training.seed)
        self.parts = len(train), len(valid), len(test)
        self.split = split_note(data, (train, valid, test))
        self._train, self._valid, self._test = (torch.from_numpy(part) for part in (train, valid, test))
        self._examples = Examples(data)
        self.config = config
        self._group = group
        self.feed = LabelledFeed(len(train), training.batch, self._train_batch, training.seed, group)

    def feed_everything(self) -> LabelledFeed:
        training = self.config.training
        return LabelledFeed(sum(self.parts), training.batch, self._examples.batch, training.seed, self._group)

    def _train_batch(self, index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return self._examples.batch(self._train[index])

    def validate(self, model: nn.Module) -> float:
        """Mean nats per example of the validation part."""
        return confusion_and_loss(model, self._valid, self._examples.batch, len(self.data.classes))[1]

    @property
    def of(self) -> str:
        """The test part, in words."""
        return f"{self.data.name}, test part"

    @property
    def test(self) -> Tensor:
        """The indices of the test part."""
        return self._test

    def test_example(self, number: int) -> tuple[tuple[Tensor, ...], int]:
        """The arguments and the label of one of the test part's examples, which are numbered from 0.

        Raises:
            ArgumentError: there is no such example.
        """
        place = whole("`example`", number, 0, len(self._test) - 1)
        arguments, labels = self._examples.batch(self._test[place : place + 1])
        return arguments, int(labels)

    def worst(self, model: nn.Module) -> int:
        """The example of the test part whose label the model holds for least probable."""
        return int(class_log_probs(model, self._test, self._examples.batch).of_labels.argmin())

    def mistakes(self, model: nn.Module) -> Mistakes:
        """The examples of the test part that the model gets wrong, worst first."""
        found = class_log_probs(model, self._test, self._examples.batch)
        return Mistakes.of_scores(self.of, self.data.classes, found, self._picture)

    def _picture(self, number: int) -> NDArray[np.float64]:
        """An example of the test part as (height, width): an image in grey, a sound as bands by steps."""
        arguments, _ = self.test_example(number)
        x = arguments[0][0].double().numpy()
        picture: NDArray[np.float64] = x.mean(0) if self.data.kind == "images" else x.T[::-1]
        return picture

    def score(self, model: nn.Module) -> ClassScore:
        """The score of the test part, which no choice depended on."""
        score = _score(model, self.data, self._examples, self._test, self.of, self._name)
        return replace(score, split=self.split)


def score_everything(model: nn.Module, data: Labelled, name: str) -> ClassScore:
    """The score of all of the data, of a model of this name."""
    every = torch.arange(len(data.labels))
    return _score(model, data, Examples(data), every, f"{data.name}, all", name)


def _score(model: nn.Module, data: Labelled, examples: "Examples", index: Tensor, of: str, name: str) -> ClassScore:
    matrix, loss = confusion_and_loss(model, index, examples.batch, len(data.classes))
    majority = float(matrix.sum(1).max() / matrix.sum())
    return ClassScore(of, data.classes, matrix, loss, majority, name)


class Examples:
    """Examples as a classifier's arguments, their features computed once."""

    def __init__(self, data: Labelled) -> None:
        self._labels = torch.from_numpy(data.labels)
        self._images = torch.empty(0)
        self._sounds: list[Tensor] = []
        if data.kind == "images":
            self._images = torch.from_numpy(np.asarray(data.inputs))
        else:
            assert data.rate is not None
            self._sounds = sound_features(list(data.inputs), data.rate)

    def batch(self, index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        labels = self._labels[index]
        if self._sounds:
            return pad_features([self._sounds[i] for i in index.tolist()]), labels
        return (as_pixels(self._images[index]),), labels
