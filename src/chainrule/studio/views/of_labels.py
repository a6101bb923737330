"""Questions to classifiers: labels, mistakes, and their layers one by one."""

from dataclasses import replace
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.lens import ThroughLayers
from chainrule.lens.written import cell_in, layer_in
from chainrule.studio.views.view import Question, Results

__all__ = ["classify", "convolution", "layers", "mistakes", "saliency", "through_steps"]


def classify(asked: Question) -> Results:
    if asked.upload is None:
        raise ArgumentError("there is nothing to classify yet. Drop a file here.")
    found = replace(asked.run.classify(asked.upload)[0], file=asked.upload.name)
    return [found, *_look(asked).parts()[:1]]


def mistakes(asked: Question) -> Results:
    return [asked.run.mistakes()]


def layers(asked: Question) -> Results:
    """All layers of the network, and what one of them makes of an input."""
    found = _look(asked)
    return [found, found.layers(), *found.of_layer(layer_in(asked.values["layer"]), *cell_in(asked.values["at"]))]


def saliency(asked: Question) -> Results:
    found = _look(asked)
    return [found.saliency(), found]


def convolution(asked: Question) -> Results:
    """A convolution of the network, to be explored with its own kernels on its own input."""
    found = _look(asked)
    layer = layer_in(asked.values["layer"])
    return [found.convolution(_first_convolution(found) if layer is None else layer)]


def through_steps(asked: Question) -> Results:
    """Backpropagation through time of a classifier's recurrent layer."""
    return [*_look(asked).through_time().parts()]


def _look(asked: Question) -> ThroughLayers:
    values = asked.values
    label = values.get("label") or None
    given: dict[str, Any] = {"example": values.get("example"), "score": values.get("score") or None}
    if asked.upload is not None:
        given = {"label": label, "score": given["score"] if label is None else None}
    found = asked.run.look(asked.upload, **given)
    assert isinstance(found, ThroughLayers)
    return found if asked.upload is None else found.renamed(asked.upload.name)


def _first_convolution(found: ThroughLayers) -> int:
    numbers = [row.number for row in found.layers().rows if "Conv" in row.kind]
    if not numbers:
        raise ArgumentError("this network has no convolution to explore.")
    return numbers[0]
