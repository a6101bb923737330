"""The private names of torch that chainrule uses, under names of its own. Nothing else imports one.

torch promises nothing about them, and has no public name for what they do. All of them are in torch 2.11, the oldest
version that chainrule takes. A later version that lacks one fails here, when chainrule is imported: this is the one
file to mend then. They are torch's own objects wherever possible, not functions around them, as some are asked several
times in a call of a few microseconds, and as torch.compile knows them by their identity.

Attributes of torch's objects cannot be gathered: ``Tensor._is_zerotensor``; of modules ``_parameters``,
``_forward_hooks``, ``_forward_pre_hooks``, ``_all_weights``, ``_conv_forward``, ``_reversed_padding_repeated_twice``.
"""

import torch
from torch import UntypedStorage
from torch._higher_order_ops.scan import scan
from torch.autograd import forward_ad
from torch.nn.modules.batchnorm import _NormBase as NormBase
from torch.nn.modules.conv import _ConvNd as ConvNd
from torch.nn.modules.conv import _ConvTransposeNd as ConvTransposeNd
from torch.utils import _pytree as pytree

__all__ = [
    "ConvNd",
    "ConvTransposeNd",
    "DispatchModeKey",
    "NormBase",
    "add_decayed",
    "below_autograd",
    "check_when_run",
    "count_dispatch_modes",
    "cudnn_takes_chunks",
    "dispatch_mode",
    "divide_all",
    "flatten_for_cudnn",
    "fused",
    "graph_task",
    "in_forward_mode",
    "is_any_autocast_enabled",
    "is_exporting",
    "is_legacy_batched",
    "is_profiler_enabled",
    "is_transform_active",
    "pytree",
    "scan",
    "set_cudnn_enabled",
    "set_tracing_state",
    "tensors_on",
    "tracing_state",
]

# Who looks on while an op is called

tracing_state = torch._C._get_tracing_state
"""() -> what torch.jit.trace keeps while it records a call; None where it records none."""

set_tracing_state = torch._C._set_tracing_state  # type: ignore[attr-defined]
"""(state) -> None: let torch.jit.trace go on recording, or with None look away."""

is_transform_active = torch._C._are_functorch_transforms_active
"""() -> whether one of torch.func's transforms, such as vmap, is at work."""


def in_forward_mode() -> bool:
    """Whether inside forward_ad.dual_level, outside of torch.func: its level is -1 elsewhere."""
    return forward_ad._current_level >= 0


def is_exporting() -> bool:
    """Whether torch.export records. Inside torch.compile, torch 2.11's own function of this name is always true."""
    return bool(torch.compiler._is_exporting_flag)


is_profiler_enabled = torch._C._autograd._profiler_enabled
"""() -> whether torch's profiler is at work."""

is_any_autocast_enabled = torch._C._is_any_autocast_enabled
"""() -> whether torch.autocast is on, for whatever device."""

count_dispatch_modes = torch._C._len_torch_dispatch_stack
"""() -> how many of torch's dispatch modes, such as FakeTensorMode, are on."""

dispatch_mode = torch._C._get_dispatch_mode
"""(key) -> the innermost dispatch mode of this kind; None if there is none."""

DispatchModeKey = torch._C._TorchDispatchModeKey
"""The kinds of dispatch modes that torch itself has."""

is_legacy_batched = torch._C._functorch.is_legacy_batchedtensor
"""(tensor) -> whether it stands for many, as a gradient does with ``is_grads_batched``."""

graph_task = torch._C._current_graph_task_id
"""() -> the number of the backward pass that runs; -1 where none does."""

# What torch can do besides

below_autograd = torch._C._AutoDispatchBelowAutograd
"""() -> a context in which registered ops are called without their gradients."""

check_when_run = torch._assert_async
"""(condition, message) -> None: raise where a tensor of one bool is false, in a recorded call whenever that runs."""

divide_all = torch._foreach_div_
"""(tensors, divisor) -> None: divide all in place, in as few calls as possible."""

add_decayed = torch._foreach_lerp_
"""(tensors, ends, weight) -> None: move each towards its end in place, in as few calls as possible."""

fused = torch._VF
"""torch's fused recurrent layers and cells, as torch.nn calls them: rnn_tanh, gru, lstm, gru_cell, ..."""

flatten_for_cudnn = torch._cudnn_rnn_flatten_weight
"""(weights, weights of a layer, ...sizes) -> the chunk that the weights of a stack of layers have become views of."""

cudnn_takes_chunks = torch._use_cudnn_rnn_flatten_weight
"""() -> whether torch was built with a cuDNN that reads all weights from one chunk."""

set_cudnn_enabled = torch._C._set_cudnn_enabled
"""(enabled) -> None: torch.backends.cudnn.enabled may be closed to assignments, and its flags() sets others besides."""


def tensors_on(storage: UntypedStorage) -> int:
    """How many tensors, and whatever else of C++, hold the storage, besides this object."""
    return torch._C._storage_Use_Count(storage._cdata) - 1
