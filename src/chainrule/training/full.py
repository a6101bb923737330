"""Exact gradients of a whole sequence under a memory bound: states are kept now and then, the rest is run again."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chainrule._choices import finite
from chainrule.errors import ArgumentError
from chainrule.ops import blocks
from chainrule.training.memory import bytes_of
from chainrule.training.recomputation import Plan, plan, split
from chainrule.training.steps import Loss, Model, advance, check_steps, is_sum, loss_of, run
from chainrule.training.trees import detached, differentiable, leaves_of

__all__ = ["FullBPTT"]

_LARGEST = 1e30  # scale of a loss: float32 has room for gradients of its size

_OF_WEIGHTS = 2  # a segment's gradient of the weights, before it is added to the others, and packed weights
_TRIAL = 2  # steps that are run to see what one takes
_GRAPHS = 4  # a backward pass holds what its graph keeps, gradients of as much, and scratch
_IDLE = 4  # of the memory, this part may lie idle where segments take blocks of other sizes, as with resets


class _Kept(NamedTuple):
    """The state before segment ``at``, and of torch's generator there."""

    at: int
    state: Any
    random: Tensor


class FullBPTT:
    """The exact gradient of a whole sequence, added to ``.grad`` as ``backward`` does.

    Parameters:
        memory: what it may take besides the model, its gradients and the sequence itself: bytes, or "256MB",
            "1GiB"; None for no bound, when nothing is run twice. Recurrent and dilated networks keep to it. The
            scratch of convolutions with many taps comes on top: an AR(64) of 90 symbols took 26 MB where 16 were
            given, and 87 of 64.

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
        """Run all steps and send their loss back, mean or sum; the loss, and the state after the last step.

        The arguments are those of :class:`TruncatedBPTT`, of any number of steps. ``state``, if its tensors ask for
        gradients, gets them. What is drawn, as in dropout, is drawn once for each segment and is the same each time.

        Raises:
            ShapeError: x, y, resets and mask do not go together.
            ArgumentError: the memory is too small for one step, or not the CPU's; model or loss give something else, or
                parts of a loss that is neither mean nor sum are to be put together.
        """
        check_steps(x, y, resets, mask)
        scale = finite("scale", scale, -_LARGEST, _LARGEST)
        if mask is not None and not mask.any():
            raise ArgumentError("the mask has no step whose loss counts; expected at least one.")
        if self.memory is not None and x.device.type != "cpu":
            raise ArgumentError(f"x is on {x.device}; a bounded memory is for the CPU, whose random numbers are kept.")
        sequence = _Sequence(model, loss, x, y, resets, mask, scale)
        chosen = Plan(x.shape[1], 1, 0) if self.memory is None else self.plan(model, loss, x, y, state, resets=resets)
        if self.memory is None:
            return sequence.back(chosen, state)
        with blocks.idle_at_most(self.memory // _IDLE):
            return sequence.back(chosen, state)

    def plan(
        self, model: Model, loss: Loss, x: Tensor, y: Tensor, state: Any = None, *, resets: Tensor | None = None
    ) -> Plan:
        """How the memory would be used for this call; ``print`` it."""
        steps = x.shape[1]
        if self.memory is None:
            return Plan(steps, 1, 0)
        blocks.release()  # memory that is kept for later calls counts as well
        random = torch.get_rng_state()
        few = max(1, min(_TRIAL, steps // 2))
        (some, after), (more, _) = (
            _graph_bytes(model, loss, x[:, :n], y[:, :n], state, None if resets is None else resets[:, :n])
            for n in (few, min(2 * few, steps))
        )
        torch.set_rng_state(random)
        a_step = (more - some) / few if steps > 1 else some
        learned = sum(p.nbytes for p in model.parameters()) if isinstance(model, nn.Module) else 0
        always = max(0, some - int(few * a_step)) + _OF_WEIGHTS * learned
        kept = sum(leaf.nbytes for leaf in leaves_of(after)) + random.nbytes
        return plan(steps, self.memory, _GRAPHS * a_step, kept, always)


class _Sequence:
    """One sequence, gone through segment by segment."""

    def __init__(
        self, model: Model, loss: Loss, x: Tensor, y: Tensor, resets: Tensor | None, mask: Tensor | None, scale: float
    ) -> None:
        self.model, self.loss, self.scale = model, loss, scale
        self.x, self.y, self.resets, self.mask = x, y, resets, mask
        self.count = x.shape[0] * x.shape[1] if mask is None else int(mask.sum())
        self.summed: bool | None = None  # whether the loss is a sum, as the first segment with losses tells

    def back(self, chosen: Plan, state: Any) -> tuple[Tensor, Any]:
        """All segments, from the last to the first."""
        kept = [_Kept(0, state, torch.get_rng_state())]
        parts = [slice(n * chosen.length, (n + 1) * chosen.length) for n in range(chosen.segments)]
        total, last, cotangents = 0.0, None, None
        for segment in reversed(range(chosen.segments)):
            while (at := kept[-1].at) < segment:
                free = chosen.places + 1 - len(kept)
                until = at + split(segment + 1 - at, free) if free else segment
                kept.append(self.on(kept[-1], parts[at:until]))
            torch.set_rng_state(kept[-1].random)
            value, after, cotangents = self.send_back(parts[segment], kept.pop(), cotangents)
            total += value
            if last is None:
                last = (detached(after), torch.get_rng_state())
                blocks.release()  # of the last segment, which is shorter, no block will serve another
            del after
        assert last is not None
        torch.set_rng_state(last[1])
        return torch.tensor(total, dtype=self.x.dtype if self.x.is_floating_point() else None), last[0]

    @torch.no_grad()
    def on(self, kept: _Kept, parts: list[slice]) -> _Kept:
        """What is kept after some more segments."""
        torch.set_rng_state(kept.random)
        state = kept.state
        for part in parts:
            state = advance(self.model, self.x[:, part], state, _within(self.resets, part))
        random = torch.get_rng_state()
        return _Kept(kept.at + len(parts), detached(state), kept.random if random.equal(kept.random) else random)

    def send_back(
        self, part: slice, kept: _Kept, cotangents: list[Tensor | None] | None
    ) -> tuple[float, Any, list[Tensor | None] | None]:
        """One segment: its share of the loss, the state after it, and the gradient of all losses towards that before.

        cotangents: the gradient of the losses after the segment towards the state after it.
        """
        start = kept.state if kept.at == 0 else differentiable(kept.state)
        output, after = run(self.model, self.x[:, part], start, _within(self.resets, part))
        mask = None if self.mask is None else self.mask[:, part]
        count = output.shape[0] * output.shape[1] if mask is None else int(mask.sum())
        share = self.share(count, output, part, mask) if count else 0.0
        roots: list[Tensor] = []
        gradients: list[Tensor] = []
        if count:
            roots.append(loss_of(self.loss, output, self.y[:, part], mask))
            gradients.append(torch.full_like(roots[0], share * self.scale))
        for leaf, gradient in zip(leaves_of(after), cotangents or (), strict=cotangents is not None):
            if gradient is not None and leaf.requires_grad:
                roots.append(leaf)
                gradients.append(gradient)
        torch.autograd.backward(roots, gradients)
        found = [leaf.grad for leaf in leaves_of(start)] if kept.at else None
        return share * roots[0].item() if count else 0.0, after, found

    def share(self, count: int, output: Tensor, part: slice, mask: Tensor | None) -> float:
        """What the loss of a segment with so many steps that count is multiplied by in the loss of all."""
        if count == self.count:
            return 1.0
        if self.summed is None:
            self.summed = is_sum(self.loss, output, self.y[:, part], mask)
        return 1.0 if self.summed else count / self.count


def _within(resets: Tensor | None, part: slice) -> Tensor | None:
    """The resets of a part; None where it has none."""
    return None if resets is None or not resets[:, part].any() else resets[:, part]


def _graph_bytes(model: Model, loss: Loss, x: Tensor, y: Tensor, state: Any, resets: Tensor | None) -> tuple[int, Any]:
    """How many bytes a forward pass keeps for its backward pass, and the state after it."""
    sizes: dict[tuple[int, int], int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            sizes[tensor.data_ptr(), tensor.numel()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output, after = run(model, x, state, resets)
        value = loss_of(loss, output, y, None)
    del value
    return sum(sizes.values()), detached(after)
