"""torch.nn: for one step, the better of the layer and its cell."""

from typing import Any

import torch

from benchmarks.engines import Built, Call
from benchmarks.engines.layers import both_precisions, forward, infer_from_here, load, make_layer, training
from benchmarks.peers.points import Point, inputs

__all__ = ["build"]


def build(point: Point, threads: int) -> Built:
    torch.set_num_threads(threads)
    layer = make_layer(point, torch.nn)
    if point.task == "training":
        return Built({"layer": training(point, layer)})
    if point.task == "bfloat16":
        return Built(both_precisions(point, layer))
    if point.task == "forward":
        return Built({"layer": forward(point, layer)})
    infer_from_here()
    return Built({"layer": _layer_step(point, layer), "cell": _cell_step(point)})


def _layer_step(point: Point, layer: torch.nn.RNNBase) -> Call:
    x = torch.from_numpy(inputs(point)[0])
    state: Any = None

    def step() -> Any:
        nonlocal state
        y, state = layer(x, state)
        return y

    return step


def _cell_step(point: Point) -> Call:
    I = point.shape.I
    H = point.shape.H
    if point.cell in ("gru", "lstm"):
        cell = {"gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}[point.cell](I, H)
    else:
        cell = torch.nn.RNNCell(I, H, nonlinearity=point.cell.removeprefix("rnn_"))
    load(cell, point, suffix="")
    x = torch.from_numpy(inputs(point)[0][0])
    state: Any = None

    def step() -> Any:
        nonlocal state
        state = cell(x, state)
        return state[0] if isinstance(state, tuple) else state

    return step
