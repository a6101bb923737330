"""Using classifiers of images and of labelled sound."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import counted, listed
from chainrule.data import Labelled
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughLayers, through_layers
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.labelled.surprise import each_example, shuffled_examples
from chainrule.runs.kinds.labelled.task import LabelledTask, score_everything
from chainrule.runs.run import Examples, Run, Source
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.labelled.classification import Classifications
from chainrule.runs.scoring.labelled.classify import arguments_of, classify_examples
from chainrule.runs.scoring.labelled.mistakes import Mistakes
from chainrule.runs.scoring.surprise import Each, Shuffled

__all__ = ["ClassifierRun"]


class ClassifierRun(Run):
    """A fitted classifier."""

    _can = "score, classify, list mistakes or be inspected layer by layer"

    def _difference(self, data: Data) -> str | None:
        own = self.config.data
        assert isinstance(data, Labelled)
        if data.classes != own.classes:
            return f"has {data.kind} of the classes {listed(data.classes)}"
        if data.kind == "images" and np.shape(data.inputs)[1:] != own.shape:
            return f"has images of shape {np.shape(data.inputs)[1:]}, not {own.shape}"
        if data.rate != own.rate:
            return f"has {data.rate} samples per second, not {own.rate}"
        return None

    @property
    def _fitted_to(self) -> str:
        return f"{self.config.data.kind} of the classes {listed(self.config.data.classes)}"

    def score(
        self,
        data: Source | None = None,
        *,
        context: int | None = None,
        unknown: str | None = None,
        adapt: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> ClassScore:
        self._refuse_of_symbols(context, unknown, adapt)
        if data is None:
            return self._task().score(self.model)
        labelled = self.read(data)
        assert isinstance(labelled, Labelled)
        return score_everything(self.model, labelled, self.config.model.name)

    def score_each(self, data: Source | None = None, *, unknown: str | None = None) -> Each:
        self._refuse_of_symbols(None, unknown, None)
        return each_example(self.model, *self._scored(data))

    def score_shuffled(
        self,
        data: Source | None = None,
        *,
        times: int = 19,
        seed: int = 0,
        unknown: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Shuffled:
        self._refuse_of_symbols(None, unknown, None)
        labelled, index, of = self._scored(data)
        what = "pixels" if labelled.kind == "images" else "samples"
        about = {"of": of, "unit": "example", "model": self.config.model.title, "what": what}
        return shuffled_examples(self.model, labelled, index, about=about, times=times, seed=seed, advance=advance)

    def _scored(self, data: Source | None) -> tuple[Labelled, Tensor, str]:
        """The data, the examples in it that are scored, and what they are, in words."""
        if data is None:
            task = self._task()
            return task.data, task.test, task.of
        labelled = self.read(data)
        assert isinstance(labelled, Labelled)
        return labelled, torch.arange(len(labelled.labels)), f"{labelled.name}, all"

    def classify(self, files: Examples) -> Classifications:
        return classify_examples(self._newest, self.config.data, files)

    def look(
        self,
        data: Any = None,
        steps: int | None = None,
        *,
        example: int | None = None,
        label: int | str | None = None,
        score: int | str | None = None,
    ) -> ThroughLayers:
        if steps is not None:
            raise self._cannot(f"be inspected through time, over {counted(steps, 'step')}")
        classes = self.config.data.classes
        if data is not None:
            if example is not None:
                raise ArgumentError(
                    "`example` is a number in the test part of the run's own data: give it or new data."
                )
            name, arguments = arguments_of(self.config.data, data)
        else:
            task = self._task()
            number = task.worst(self.model) if example is None else example
            arguments, own = task.test_example(number)
            name = f"{self.config.data.name}, test example {number}"
            if label is not None:
                raise ArgumentError(f"`label` is for new data: the {name} is {classes[own]}. Leave it out.")
            label = own if score is None else None
        return through_layers(self.model, arguments, label, score=score, classes=classes, name=name)

    def mistakes(self) -> Mistakes:
        return self._task().mistakes(self.model)

    def _task(self) -> LabelledTask:
        labelled = self._own()
        assert isinstance(labelled, Labelled)
        return LabelledTask(labelled, self.config)
