"""Which backend runs a checked call, and why."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from chainrule._choices import counted
from chainrule.errors import ArgumentError, BackendError, ShapeError
from chainrule.ops.choices import Choice, listener
from chainrule.ops.convolution.backends import cpu, fft, formula, reference
from chainrule.ops.convolution.backends import torch as torch_backend
from chainrule.ops.convolution.geometry import Geometry, output_shape
from chainrule.ops.once import once
from chainrule.ops.plain import is_traced, is_transformed, needs_grad
from chainrule.ops.pointers import check_held

__all__ = ["causal_convolution", "convolution", "fastest"]

_NUMBERS = 2**40
_BACKENDS = ("auto", "cpu", "fft", "torch", "formula", "reference")


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, backend: str) -> Tensor:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K): y (B, G*O, *J)."""
    chosen, reason = _choose(x, weight, geometry, backend)
    _tell("convolution", x, weight, geometry, chosen, reason)
    if chosen == "cpu":
        return cpu.convolution(x, weight, bias, geometry)
    check_held(x, weight, bias)
    if chosen == "torch":
        return torch_backend.convolution(x, weight, bias, geometry)
    if chosen == "fft":
        return fft.convolution(x, weight, bias, geometry)
    if any(geometry.pads):
        x = pad(x, geometry.pads)
    stride = tuple(geometry.stride)
    dilation = tuple(geometry.dilation)
    if chosen == "formula":
        return formula.convolution(x, weight, bias, stride, dilation, geometry.groups)
    _check_countable(x, weight)
    return reference.convolution(x, weight, bias, stride, dilation, geometry.groups)


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    geometry: Geometry,
    backend: str,
) -> tuple[Tensor, Tensor]:
    """Convolve the state, zeros where it is None, followed by x: y (B, G*O, T), and the last inputs.

    geometry: with as many zeros before x as the state has inputs.
    """
    chosen, reason = _choose(x, weight, geometry, backend)
    if chosen in ("fft", "torch") and (resets is not None or lengths is not None):
        if backend != "auto":
            raise BackendError(f"backend {chosen!r} has neither resets nor lengths. Use backend='auto'.")
        obstacle = reason if torch.compiler.is_exporting() else _obstacle(x, weight, geometry)
        chosen, reason = ("formula", obstacle) if obstacle else ("cpu", "others have neither resets nor lengths")
    _tell("causal_convolution", x, weight, geometry, chosen, reason)
    rest = (resets, lengths, geometry.dilation[0], geometry.groups)
    check_held(x, weight, bias, state, resets, lengths)
    if chosen == "cpu":
        return cpu.causal_convolution(x, weight, bias, state, *rest)
    if state is None:
        state = x.new_zeros(*x.shape[:2], geometry.before[0])
    if chosen in ("fft", "torch"):
        past = torch.cat([state, x], dim=-1)
        run = fft.convolution if chosen == "fft" else torch_backend.convolution
        return run(past, weight, bias, geometry._replace(before=(0,))), past[..., x.shape[-1] :].clone()
    if chosen == "formula":
        return formula.causal_convolution(x, weight, bias, state, *rest)
    _check_countable(x, weight)
    return reference.causal_convolution(x, weight, bias, state, *rest)


def _check_countable(x: Tensor, weight: Tensor) -> None:
    """Refuse what the reference would sooner try to count to than torch to allocate."""
    if x.numel() * len(weight) >= _NUMBERS:
        raise ShapeError(
            f"x of shape {tuple(x.shape)} and {counted(len(weight), 'output channel')} are more than memory holds."
        )


def _choose(x: Tensor, weight: Tensor, geometry: Geometry, backend: str) -> tuple[str, str]:
    """Which backend runs this call, and why, as a sentence."""
    if not isinstance(backend, str) or backend not in _BACKENDS:
        raise ArgumentError(f"unknown backend {backend!r}; the known ones are {', '.join(map(repr, _BACKENDS))}")
    if backend == "auto" and torch.compiler.is_exporting():
        return "torch", "torch.export records torch's own operations"
    if backend == "auto":
        if (obstacle := cpu.obstacle(x)) is None:
            if torch_backend.keeps_format(x, weight):
                return "torch", "torch's own keeps channels last"
            learns = needs_grad((x, weight))
            chosen = once(fastest, x.shape, weight.shape, geometry, x.dtype, learns, True)
            if chosen[0] == "fft" and fft.obstacle(x, weight, geometry):
                return once(fastest, x.shape, weight.shape, geometry, x.dtype, learns, False)
            return chosen
        by_torch = is_traced() or not (is_transformed() or torch_backend.obstacle(x.shape)) or not x.is_floating_point()
        return ("torch" if by_torch else "formula"), obstacle
    if backend == "torch":
        obstacle = None if is_traced() else torch_backend.obstacle(x.shape)
    elif backend in ("formula", "reference"):
        obstacle = None if x.is_floating_point() else f"its numbers are real, and x is {x.dtype}"
    else:
        obstacle = _obstacle(x, weight, geometry)
        if backend == "fft":
            obstacle = fft.obstacle(x, weight, geometry) or obstacle
    if obstacle:
        raise BackendError(f"backend {backend!r} cannot run this convolution: {obstacle}. Use backend='auto'.")
    return backend, f"backend={backend!r} asks for it"


def _obstacle(x: Tensor, weight: Tensor, geometry: Geometry) -> str | None:
    """Why the kernels can't run this call; None if they can."""
    return cpu.obstacle(x) or once(cpu.excess, x.shape, weight.shape, geometry)


def fastest(
    x: Sequence[int],
    weight: Sequence[int],
    geometry: Geometry,
    dtype: torch.dtype,
    learns: bool,
    transforms: bool,
) -> tuple[str, str]:
    """What takes the least time of all that can run the call, and why.

    learns: whether gradients will be asked for. transforms: whether Fourier's may be taken.
    """
    if reason := cpu.excess(x, weight, geometry):
        return ("formula" if torch_backend.obstacle(x) else "torch"), reason
    y = output_shape(x, weight, geometry)
    if transforms and fft.is_faster(y, weight, geometry):
        return "fft", f"transforms take less time with a kernel of {weight[-1]}"
    if dtype == torch.float32 and (reason := torch_backend.why_faster(x, y, weight, geometry, learns)):
        return "torch", reason
    return "cpu", f"{dtype} on the CPU, instructions {cpu.LEVELS[0]}"


def _tell(op: str, x: Tensor, weight: Tensor, geometry: Geometry, chosen: str, reason: str) -> None:
    """Tell whoever listens which chosen runs, and why."""
    if tell := listener():
        compiled = chosen == "cpu"
        threads = cpu.threads(output_shape(x.shape, weight.shape, geometry), weight.shape)
        tell(Choice(op, tuple(x.shape), False, chosen, reason, cpu.LEVELS[0] if compiled else None, threads))
