"""Convolutions on a GPU: beside torch.nn's own, causal ones beside padding by hand, and swapped nets."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

import chainrule.nn
from benchmarks.claims.nets import NETS
from benchmarks.gpu.cases import PRECISIONS, Case, Subject
from benchmarks.peers.convolutions import ConvolutionShape

__all__ = ["TASKS", "cases"]

# Training and forward: layers of one to three dimensions. Causal: training of CausalConv1d, alone, after a state and
# with resets, beside torch's layer over a padded input or joined to the state; forward alone as "causal forward". Swap:
# training of nets before and after `swap`.
TASKS = ("training", "forward", "causal", "causal forward", "swap")
_SHAPES = (
    ConvolutionShape(16, 32, 32, (1024,), 3, dilation=8),
    ConvolutionShape(8, 256, 256, (1024,), 4, groups=256),
    ConvolutionShape(1, 1, 1, (1_000_000,), 4096),
    ConvolutionShape(16, 128, 128, (28, 28), 3, padding=1),
    ConvolutionShape(16, 32, 32, (1024,), 3),
    ConvolutionShape(16, 64, 64, (1024,), 3, dilation=64),
    ConvolutionShape(8, 256, 256, (512,), 3),
    ConvolutionShape(8, 1536, 1536, (2048,), 4, groups=1536),
    ConvolutionShape(1, 1, 1, (1_000_000,), 64),
    ConvolutionShape(1, 1, 1, (1_000_000,), 1024),
    ConvolutionShape(1, 1, 1, (100_000,), 4096),
    ConvolutionShape(4, 16, 16, (32_768,), 2048, groups=16),
    ConvolutionShape(64, 1, 32, (28, 28), 3),
    ConvolutionShape(16, 128, 128, (28, 28), 3, groups=128, padding=1),
)
_CAUSAL = (
    ConvolutionShape(16, 64, 64, (1024,), 3, dilation=8),
    ConvolutionShape(8, 1536, 1536, (2048,), 4, groups=1536),
    ConvolutionShape(16, 64, 64, (1024,), 3, dilation=64),
    ConvolutionShape(8, 256, 256, (1024,), 4, groups=256),
)
_NETS = ("TCN", "Encodec's encoder")
_RESETS = 0.01  # of the steps


class _Causal(nn.Conv1d):
    """torch's layer over what lies before x, zeros or a state, and x."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        reach = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(pad(x, (reach, 0)) if state is None else torch.cat([state, x], dim=-1))


def cases(tasks: tuple[str, ...], *, quick: bool, device: torch.device) -> Iterator[Case]:
    """All comparisons, each made when it is asked for."""
    most = 2 if quick else None
    for task, precision in itertools.product(tasks, PRECISIONS):
        learns = "forward" not in task
        if task == "swap":
            yield from (_swapped(name, precision, device) for name in _NETS[:most])
        elif task.startswith("causal"):
            for shape in _CAUSAL[:most]:
                yield from _causal(task, shape, precision, learns, device)
        else:
            yield from (_plain(task, shape, precision, learns, device) for shape in _SHAPES[:most])


def _plain(task: str, s: ConvolutionShape, precision: str, learns: bool, device: torch.device) -> Case:
    sizes = (s.C, s.O, s.K)
    options: dict[str, Any] = {"padding": s.padding, "dilation": s.dilation, "groups": s.groups}
    layers = [getattr(library, f"Conv{len(s.size)}d")(*sizes, **options) for library in (nn, chainrule.nn)]
    return _case(task, str(s), precision, layers, _x(s, precision, device), learns)


def _causal(task: str, s: ConvolutionShape, precision: str, learns: bool, device: torch.device) -> Iterator[Case]:
    x = _x(s, precision, device)
    generator = torch.Generator().manual_seed(2)
    resets = torch.rand(s.B, s.size[0], generator=generator) < _RESETS
    state = torch.randn(s.B, s.C, s.dilation * (s.K - 1), device=device, dtype=x.dtype)
    for name, theirs, ours in (
        ("alone", {}, {}),
        ("after a state", {"state": state}, {"state": state}),
        (f"resets {_RESETS:.0%}", {}, {"resets": resets.to(device)}),
    ):
        options: dict[str, Any] = {"dilation": s.dilation, "groups": s.groups}
        layers = [kind(s.C, s.O, s.K, **options) for kind in (_Causal, chainrule.nn.CausalConv1d)]
        yield _case(task, f"{s} {name}", precision, layers, x, learns, theirs, ours)


def _swapped(name: str, precision: str, device: torch.device) -> Case:
    torch.manual_seed(0)
    nets = [NETS[name].make() for _ in range(2)]
    x = NETS[name].draw().to(device, PRECISIONS[precision])
    chainrule.swap(nets[1])
    return _case("swap", name, precision, nets, x, learns=True)


def _case(
    task: str,
    what: str,
    precision: str,
    modules: Sequence[nn.Module],
    x: Tensor,
    learns: bool,
    theirs: Mapping[str, Any] | None = None,
    ours: Mapping[str, Any] | None = None,
) -> Case:
    """Of torch's module and chainrule's, which is given the same weights."""
    before, after = (module.to(x.device, x.dtype) for module in modules)
    after.load_state_dict(before.state_dict())
    torchs = Subject(before, x, 0, theirs or {}, learns)
    return Case(task, what, precision, torchs, Subject(after, x, 0, ours or {}, learns), alike=theirs == ours)


def _x(s: ConvolutionShape, precision: str, device: torch.device) -> Tensor:
    return torch.randn(s.B, s.C, *s.size, device=device, dtype=PRECISIONS[precision])
