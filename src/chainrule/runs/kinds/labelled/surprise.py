"""How likely the label of each example was, and what is left of it where pixels or samples are in random order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule.data import Labelled
from chainrule.runs.kinds.labelled.task import Examples
from chainrule.runs.scoring.surprise import Each, Shuffled, shuffles
from chainrule.training import class_log_probs

__all__ = ["each_example", "shuffled_examples"]


def each_example(model: nn.Module, data: Labelled, index: Tensor, of: str) -> Each:
    """log p of the label of each of the examples with these indices; what was read in its place is said."""
    found = class_log_probs(model, index, Examples(data).batch)
    what = []
    for label, read in zip(found.labels.tolist(), found.log_probs.argmax(1).tolist(), strict=True):
        mistaken = "" if read == label else f", taken for {data.classes[read]}"
        what.append(f"{data.classes[label]}{mistaken}")
    return Each(of, "example", what, found.of_labels)


def shuffled_examples(
    model: nn.Module,
    data: Labelled,
    index: Tensor,
    *,
    about: Mapping[str, str],
    times: int,
    seed: int,
    advance: Callable[[float], None],
) -> Shuffled:
    """The examples as they are, and so many times with their pixels or samples in a random order, for each another."""
    some = replace(
        data,
        inputs=[data.inputs[i] for i in index.tolist()] if data.kind == "sound" else data.inputs[index.numpy()],
        labels=data.labels[index.numpy()],
        test=None,
        groups=(),
    )

    def nats(inputs: Any) -> float:
        examples = Examples(replace(some, inputs=inputs))
        return -float(class_log_probs(model, torch.arange(len(index)), examples.batch).of_labels.mean())

    def in_random_order(generator: np.random.Generator) -> Any:
        if some.kind == "sound":
            return [generator.permutation(sound) for sound in some.inputs]
        images = np.asarray(some.inputs)
        flat = images.reshape(*images.shape[:2], -1)
        order: NDArray[np.int64] = generator.permuted(np.tile(np.arange(flat.shape[2]), (len(flat), 1)), axis=1)
        return np.take_along_axis(flat, order[:, None], axis=2).reshape(images.shape)

    found = shuffles(times, seed, lambda generator: nats(in_random_order(generator)), advance)
    return Shuffled(count=len(index), ordered=nats(some.inputs), shuffled=found, **about)
