"""Recurrent layers on a GPU: beside torch.nn's own, with options that torch does not have, and swapped models."""

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import chainrule.functional
import chainrule.nn
from benchmarks.gpu.cases import PRECISIONS, Case, Subject
from benchmarks.peers.points import Shape

__all__ = ["CELLS", "TASKS", "cases"]

# Training and forward: layers without options. Options: training with what torch does not have, beside torch's layer
# without it. Swap: training of stacks as torch makes them, and after `swap`. Triton: training by the kernels that run
# options, of layers that have none.
TASKS = ("training", "forward", "options", "swap", "triton")
CELLS = ("rnn_tanh", "gru", "lstm")
_SHAPES = (
    Shape(256, 1, 16, 32),
    Shape(128, 32, 64, 128),
    Shape(64, 64, 128, 64),
    Shape(256, 64, 256, 512),
    Shape(128, 128, 512, 1024),
)
_WITH_OPTIONS = _SHAPES[:4]
_SWAPPED = (_SHAPES[1], _SHAPES[3])
_LAYERS = (1, 2, 3)
_RESETS = (0.001, 0.01, 0.1)  # of the steps


def cases(
    tasks: tuple[str, ...], cells: tuple[str, ...], shapes: tuple[Shape, ...], *, quick: bool, device: torch.device
) -> Iterator[Case]:
    """All comparisons, each made when it is asked for; no shapes means the usual ones."""
    most = 2 if quick else None
    for task, precision in itertools.product(tasks, PRECISIONS):
        usual = {"options": _WITH_OPTIONS, "swap": _SWAPPED}.get(task, _SHAPES)
        for cell, shape in itertools.product(cells, shapes or usual[:most]):
            torch.manual_seed(0)
            if task == "options":
                yield from _options(cell, shape, precision, device)
            elif task == "swap":
                yield from _swapped(cell, shape, precision, _LAYERS[:most], device)
            elif task == "triton":
                yield _by_triton(cell, shape, precision, device)
            else:
                yield _plain(task, cell, shape, precision, device)


def _plain(task: str, cell: str, shape: Shape, precision: str, device: torch.device) -> Case:
    theirs = _layer(nn, cell, shape).to(device, PRECISIONS[precision])
    ours = _layer(chainrule.nn, cell, shape).to(device, PRECISIONS[precision])
    ours.load_state_dict(theirs.state_dict())
    x = _x(shape, precision, device)
    learns = task == "training"
    return Case(task, f"{cell} {shape}", precision, _subject(theirs, x, learns), _subject(ours, x, learns))


def _options(cell: str, shape: Shape, precision: str, device: torch.device) -> Iterator[Case]:
    theirs = _subject(_layer(nn, cell, shape).to(device, PRECISIONS[precision]), _x(shape, precision, device))
    generator = torch.Generator().manual_seed(2)
    drawn = torch.rand(shape.B, shape.T, generator=generator)
    lengths = torch.randint(1, shape.T + 1, (shape.B,), generator=generator)
    calls: dict[str, dict[str, Any]] = {f"resets {rate:.1%}": {"resets": drawn < rate} for rate in _RESETS}
    calls["lengths"] = {"lengths": lengths}
    for name, arguments in calls.items():
        layer = _layer(chainrule.nn, cell, shape).to(device, PRECISIONS[precision])
        given = {key: value.to(device) for key, value in arguments.items()}
        subject = _subject(layer, _x(shape, precision, device), **given)
        yield Case("options", f"{cell} {shape} {name}", precision, theirs, subject, alike=False)
    if cell == "lstm":
        layer = _layer(chainrule.nn, cell, shape, layer_norm=True).to(device, PRECISIONS[precision])
        subject = _subject(layer, _x(shape, precision, device))
        yield Case("options", f"{cell} {shape} layer norm", precision, theirs, subject, alike=False)


def _swapped(cell: str, shape: Shape, precision: str, layers: tuple[int, ...], device: torch.device) -> Iterator[Case]:
    for count, bidirectional in itertools.product(layers, (False, True)):
        made = [nn.Sequential(_layer(nn, cell, shape, num_layers=count, bidirectional=bidirectional)) for _ in range(2)]
        before, after = (model.to(device, PRECISIONS[precision]) for model in made)
        after.load_state_dict(before.state_dict())
        chainrule.swap(after)
        what = f"{cell} {shape} x{count}{' both ways' if bidirectional else ''}"
        x = _x(shape, precision, device)
        yield Case("swap", what, precision, _subject(before, x), _subject(after, x))


class _ByTriton(nn.Module):
    """A layer of torch's whose call is chainrule's, by Triton on a GPU."""

    def __init__(self, cell: str, layer: nn.Module) -> None:
        super().__init__()
        self.cell = cell
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        weights = dict(zip(_WEIGHTS, self.layer.parameters(), strict=True))
        backend = "triton" if x.is_cuda else "auto"
        y, _ = chainrule.functional.recurrence(self.cell, x.transpose(0, 1), None, weights, backend=backend)
        return y.transpose(0, 1)


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _by_triton(cell: str, shape: Shape, precision: str, device: torch.device) -> Case:
    theirs = _layer(nn, cell, shape).to(device, PRECISIONS[precision])
    x = _x(shape, precision, device)
    return Case("triton", f"{cell} {shape}", precision, _subject(theirs, x), _subject(_ByTriton(cell, theirs), x))


def _layer(library: Any, cell: str, shape: Shape, **options: Any) -> nn.Module:
    kinds = {"rnn_tanh": library.RNN, "gru": library.GRU, "lstm": library.LSTM}
    layer: nn.Module = kinds[cell](shape.I, shape.H, **options)
    return layer


def _x(shape: Shape, precision: str, device: torch.device) -> Tensor:
    return torch.randn(shape.T, shape.B, shape.I, device=device, dtype=PRECISIONS[precision])


def _subject(module: nn.Module, x: Tensor, learns: bool = True, **arguments: Any) -> Subject:
    return Subject(module, x, 1, arguments, learns)
