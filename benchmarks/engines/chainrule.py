"""chainrule.nn; also its options against the plain layer."""

import numpy as np
import torch

import chainrule.nn
from benchmarks.engines import Built, SkipPoint
from benchmarks.engines.layers import both_precisions, forward, make_layer, training
from benchmarks.peers.points import Point, inputs
from chainrule.ops import blocks

__all__ = ["build"]

_DOCUMENT = 32  # steps between two resets, on the average


def build(point: Point, threads: int) -> Built:
    torch.set_num_threads(threads)
    layer = make_layer(point, chainrule.nn)
    if point.task == "training":
        return Built({"layer": training(point, layer)}, release=blocks.release)
    if point.task == "bfloat16":
        return Built(both_precisions(point, layer), release=blocks.release)
    if point.task == "forward":
        return Built({"layer": forward(point, layer)}, release=blocks.release)
    if point.task == "options":
        return _options(point, layer)
    if not hasattr(layer, "stream"):
        raise SkipPoint(f"nn.{type(layer).__name__} has no stream() yet")
    x = inputs(point)[0][0]
    stream = layer.stream(batch=1)
    return Built({"stream": lambda: stream(x)}, release=blocks.release)


def _options(point: Point, layer: torch.nn.RNNBase) -> Built:
    resets = np.random.default_rng(2).random((point.shape.B, point.shape.T)) < 1 / _DOCUMENT
    built = Built({"plain": training(point, layer), "resets": training(point, layer, resets=torch.from_numpy(resets))})
    try:
        normalised = make_layer(point, chainrule.nn, layer_norm=True)
    except TypeError:  # as torch.nn's constructors answer to an argument they do not know
        built.notes.append(f"layer norm: skipped, nn.{type(layer).__name__} takes no layer_norm yet")
    else:
        built.ways["layer norm"] = training(point, normalised)
    return built
