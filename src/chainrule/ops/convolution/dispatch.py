"""Which backend runs a checked call, and why.

Under ``backend="auto"`` the backends are asked in the order of the list: the first that can run the call and has a
reason to be taken before those behind it runs it.
"""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.nn.functional import pad

from chainrule._torch import (
    count_dispatch_modes,
    in_forward_mode,
    is_any_autocast_enabled,
    is_profiler_enabled,
    is_transform_active,
    tracing_state,
)
from chainrule.errors import ArgumentError, BackendError, ChainruleError
from chainrule.ops import choices
from chainrule.ops.arguments import FOREIGN
from chainrule.ops.choices import Choice, Description
from chainrule.ops.convolution.backends import cpu, fft, formula, reference
from chainrule.ops.convolution.backends import torch as torch_backend
from chainrule.ops.convolution.backends import triton as triton_backend
from chainrule.ops.convolution.call import ConvolutionCall, has_channels_last
from chainrule.ops.convolution.checks import autocast_dtype, geometry_of_shapes
from chainrule.ops.once import remember
from chainrule.ops.plain import PLAIN, is_captured, is_plain, is_traced, is_transformed

__all__ = ["BACKENDS", "by_torch", "causal_by_torch", "choose", "is_torchs", "run"]


class Backend(Protocol):
    """What a module of ``backends`` has. Calls are checked before, by ``checks``."""

    def obstacle(self, call: ConvolutionCall) -> str | None:
        """Why it cannot run this call; None if it can."""

    def merit(self, call: ConvolutionCall) -> str | None:
        """Of a call that it can run: why it is to be taken before those behind it in the list; None if it is not.

        "" where it is for what those before it cannot run, which is the reason then.
        """

    def run(self, call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
        """y, and of a causal call the inputs before the next chunk."""

    def describe(self, call: ConvolutionCall) -> Description:
        """What runs the call, for :func:`chainrule.explain`."""


BACKENDS: dict[str, Backend] = {
    "fft": fft,
    "triton": triton_backend,
    "torch": torch_backend,
    "cpu": cpu,
    "formula": formula,
    "reference": reference,
}


def run(call: ConvolutionCall, backend: str) -> tuple[Tensor, Tensor | None]:
    """y (B, G*O, *J), and of a causal call the inputs before the next chunk, (B, G*C, dilation * (K - 1))."""
    name, reason = choose(call, backend)
    if tell := choices.listener():
        op = "convolution" if call.causal is None else "causal_convolution"
        how = BACKENDS[name].describe(call)
        tell(Choice(op, tuple(call.x.shape), False, name, reason, how.instructions, how.threads))
    return BACKENDS[name].run(call)


def choose(call: ConvolutionCall, backend: str) -> tuple[str, str]:
    """The name of the backend that runs this call, and why, as a sentence."""
    if backend == "auto":
        return _chosen_for(call)
    if not isinstance(backend, str) or backend not in BACKENDS:
        known = ", ".join(map(repr, ("auto", *BACKENDS)))
        raise ArgumentError(f"unknown backend {backend!r}; the known ones are {known}")
    if obstacle := BACKENDS[backend].obstacle(call):
        raise BackendError(f'backend {backend!r} cannot run this convolution: {obstacle}. Use `backend="auto"`.')
    return backend, f"backend={backend!r} asks for it"


def _chosen_for(call: ConvolutionCall) -> tuple[str, str]:
    """The first backend of the list that can run this call and has a reason to; looked up where it is known."""
    x = call.x
    weight = call.weight
    if not (x.is_cpu or x.is_cuda) or not is_plain((x, weight)) or is_traced() or is_transformed() or is_captured(x):
        return _first_willing(call)  # who looks on is no part of the key
    layout = has_channels_last(x, weight)
    key = (x.shape, weight.shape, call.geometry, x.dtype, call.has_masks, call.learns, layout, x.get_device())
    choice = _chosen.get(key)
    return choice or remember(_chosen, key, _first_willing(call))


_chosen: dict[Any, tuple[str, str]] = {}


def _first_willing(call: ConvolutionCall) -> tuple[str, str]:
    missed = ""  # why the last of those asked before cannot
    for name, backend in BACKENDS.items():
        obstacle = backend.obstacle(call)
        if obstacle is None and (merit := backend.merit(call)) is not None:
            return name, merit or missed
        missed = obstacle or missed
    obstacles = {name: backend.obstacle(call) for name, backend in BACKENDS.items()}
    reasons = "; ".join(f"{name}: {obstacle}" for name, obstacle in obstacles.items() if obstacle)
    raise BackendError(f"no backend can run this convolution. {reasons}.")


def is_torchs(x: object, weight: Tensor) -> bool:
    """Whether the call is torch's own whatever its sizes: on a GPU, but for kernels that may be transformed.

    Nobody looks on, and torch is asked without checks: for a layer, whose parameters fit together.
    """
    if type(x) not in PLAIN or not x.is_cuda or weight.shape[-1] >= fft.LONG_ON_A_GPU:  # type: ignore[attr-defined]
        return False
    if is_compiling() or choices.listening or is_profiler_enabled() or tracing_state() is not None:
        return False
    return not (is_transform_active() or in_forward_mode())


def by_torch(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Tensor | None:
    """torch's own convolution where it takes the least time, by the shortest way; None for all other calls.

    What torch refuses there is left to the checks of the other way, which say it in words. Between the layers of a net
    Python's own code is seldom in the caches, so that each call of a function here is felt.
    """
    if is_compiling() or choices.listening or is_profiler_enabled() or tracing_state() is not None:
        return None
    if type(x) not in PLAIN or type(weight) not in PLAIN or is_transform_active() or in_forward_mode():
        return None
    if x.layout is not torch.strided or x.is_nested or x.device != weight.device:
        return None
    if bias is not None and bias.device != x.device:
        return None
    layout = not (x.is_contiguous() and weight.is_contiguous()) and has_channels_last(x, weight)
    learns = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    dtype = x.dtype
    if is_any_autocast_enabled() and dtype != torch.float64:
        dtype = autocast_dtype(x.device.type) or dtype
    key = (x.shape, weight.shape, stride, padding, dilation, groups, dtype, learns, x.is_cpu, layout)
    try:
        taken = _taken.get(key, _UNKNOWN)
    except TypeError:  # a list among the sizes
        return None
    if taken is _UNKNOWN:
        if count_dispatch_modes() > 0:
            return None
        taken = remember(_taken, key, _prepared(x, weight, dtype, stride, padding, dilation, groups))
    if taken is None or x.untyped_storage().nbytes() < x.nbytes or weight.untyped_storage().nbytes() < weight.nbytes:
        return None
    op, pads, rest = taken
    try:
        y: Tensor = op(pad(x, pads) if pads else x, weight, bias, *rest)
    except FOREIGN:
        return None
    return y


_taken: dict[Any, Any] = {}  # what _prepared says of each call
_UNKNOWN = object()


def causal_by_torch(
    x: Tensor, weight: Tensor, bias: Tensor | None, state: Tensor | None, dilation: int, groups: int
) -> tuple[Tensor, Tensor] | None:
    """A layer's causal convolution without resets and lengths, where it is torch's own for certain; None elsewhere."""
    if not is_torchs(x, weight) or is_any_autocast_enabled() or x.dim() != 3 or 0 in x.shape:
        return None
    if weight.shape[:2] == (groups, 1):  # depthwise: Triton's, where it starts
        return None
    if state is not None and not _follows(x, weight, state, dilation):
        return None
    try:
        return torch_backend.convolve_causally(x, weight, bias, state, dilation, groups)
    except FOREIGN:
        return None


def _follows(x: Tensor, weight: Tensor, state: Tensor, dilation: int) -> bool:
    """Whether x may follow the state."""
    if type(state) not in PLAIN or state.dtype is not x.dtype or state.device != x.device:
        return False
    return state.shape == (*x.shape[:2], dilation * (weight.shape[-1] - 1))


def _prepared(x: Tensor, weight: Tensor, dtype: torch.dtype, *sizes: Any) -> Any:
    """torch's function, and what it is given beside the tensors; None where another backend runs the call."""
    if x.ndim != weight.ndim:
        return None
    try:
        geometry = geometry_of_shapes(x.shape, weight.shape, *sizes)
    except (ChainruleError, *FOREIGN):
        return None
    call = ConvolutionCall(x.to(dtype), weight, None, geometry)
    return torch_backend.prepared(geometry) if choose(call, "auto")[0] == "torch" else None
