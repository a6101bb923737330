"""Exact gradients of a whole sequence in bounded memory: some states are kept, the steps between are run again."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from chainrule._choices import bytes_of, finite
from chainrule._devices import random_states
from chainrule.errors import ArgumentError
from chainrule.ops import blocks
from chainrule.training.bptt.chunk_check import check_chunking
from chainrule.training.bptt.dry_run import Buffers, dry_run
from chainrule.training.bptt.losses import Loss, end_to_end, evaluate
from chainrule.training.bptt.recomputation import Plan, plan
from chainrule.training.bptt.segments import SegmentedPass
from chainrule.training.bptt.stateful_model import Model, at_steps, check_steps, run
from chainrule.training.bptt.trees import detached, leaves_of

__all__ = ["FullBPTT"]

_LARGEST = 1e30  # scale of a loss: float32 has room for gradients of its size

_OF_WEIGHTS = 2  # a segment's gradient of the weights, before it is added to the others, and packed weights
_MEASURED = 2  # steps that are run to see what one takes
_GRAPHS = 4  # a backward pass holds what its graph keeps, gradients of as much, and scratch
_IDLE = 4  # of the memory, this part may lie idle where segments take blocks of other sizes, as with resets


class FullBPTT:
    """The exact gradient of a whole sequence, added to ``.grad`` as ``backward`` does.

    Parameters:
        memory: what it may take, of the CPU's or the GPU's, besides the model, its gradients and the sequence itself:
            bytes, or "256MB", "1GiB"; None for no bound, when nothing is run twice. Recurrent and dilated networks keep
            to it on the CPU. The scratch of convolutions with many taps comes on top: an AR(64) of 90 symbols took
            26 MB where 16 were given, and 87 of 64.

    Raises:
        ArgumentError: memory is no size.

    >>> from chainrule.nn import GRU
    >>> model, x = GRU(1, 4, batch_first=True).double(), torch.randn(1, 500, 1, dtype=torch.float64)
    >>> gradients = []
    >>> for memory in (None, "50kB"):
    ...     model.zero_grad()
    ...     loss, h_n = FullBPTT(memory)(model, torch.nn.functional.mse_loss, x, x.expand(1, 500, 4))
    ...     gradients.append(model.weight_hh_l0.grad)
    >>> torch.allclose(*gradients, rtol=0, atol=1e-12)
    True
    """

    def __init__(self, memory: str | int | None = None) -> None:
        self.memory = None if memory is None else bytes_of(memory)

    def __repr__(self) -> str:
        return f"FullBPTT({'' if self.memory is None else self.memory})"

    def __call__(
        self,
        model: Model,
        loss: Loss,
        x: Tensor,
        y: Tensor,
        state: Any = None,
        *,
        resets: Tensor | None = None,
        mask: Tensor | None = None,
        scale: float = 1.0,
    ) -> tuple[Tensor, Any]:
        """Run all steps and send their loss back, a mean or a sum; the loss, and the state after the last step.

        The arguments are those of :class:`TruncatedBPTT`, for any number of steps. Tensors of ``state`` that require
        gradients get them. Random numbers, as of dropout, are drawn once for each segment and are the same each time it
        is run; buffers are left as one call leaves them. Hooks are called as often as segments are run.

        Raises:
            ShapeError: x, y, resets and mask do not go together.
            ArgumentError: the memory is too small for one step; model or loss give something else; or, where the
                memory is bounded, the model is not the same in parts as whole, or the loss of all is neither mean nor
                sum of those of parts.
        """
        check_steps(x, y, resets, mask)
        scale = finite("scale", scale, -_LARGEST, _LARGEST)
        if mask is not None and not mask.any():
            raise ArgumentError("the mask has no step whose loss counts; expected at least one.")
        passing = partial(SegmentedPass, model, loss, x=x, y=y, resets=resets, mask=mask, scale=scale)
        if self.memory is None:
            return passing(chosen=Plan(x.shape[1], 1, 0), buffers=Buffers()).run(state)
        chosen = self.plan(model, loss, x, y, state, resets=resets)
        buffers = Buffers()
        if chosen.segments > 1:
            buffers = check_chunking(model, x, state, again=True, most=2 * chosen.length)
        with blocks.idle_at_most(self.memory // _IDLE):
            try:
                found = passing(chosen=chosen, buffers=buffers).run(state)
                buffers.settle()
            finally:
                buffers.restore()
        return found

    def plan(
        self, model: Model, loss: Loss, x: Tensor, y: Tensor, state: Any = None, *, resets: Tensor | None = None
    ) -> Plan:
        """How the memory would be used for this call; ``print`` it."""
        steps = x.shape[1]
        if self.memory is None:
            return Plan(steps, 1, 0)
        blocks.release()  # memory that is kept for later calls counts as well
        few = max(1, min(_MEASURED, steps // 2))

        def measured(first: int) -> tuple[int, Any]:
            part = slice(first)
            return _graph_bytes(model, loss, x[:, part], y[:, part], state, at_steps(resets, part))

        with dry_run(model, x.device):
            some, after = measured(few)
            more, _ = measured(min(2 * few, steps))
        of_step = (more - some) / few if steps > 1 else some
        learned = sum(p.nbytes for p in model.parameters()) if isinstance(model, nn.Module) else 0
        always = max(0, some - int(few * of_step)) + _OF_WEIGHTS * learned
        of_state = sum(leaf.nbytes for leaf in leaves_of(after)) + sum(
            state.nbytes for state in random_states(x.device)
        )
        return plan(steps, self.memory, step_bytes=_GRAPHS * of_step, state_bytes=of_state, always=always)


def _graph_bytes(model: Model, loss: Loss, x: Tensor, y: Tensor, state: Any, resets: Tensor | None) -> tuple[int, Any]:
    """How many bytes a forward pass keeps for its backward pass, and the state after it."""
    sizes: dict[tuple[int, int], int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            sizes[tensor.data_ptr(), tensor.numel()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output, after = run(model, x, state, resets)
        value = evaluate(loss, *end_to_end(output, y, None))
    del value
    return sum(sizes.values()), detached(after)
