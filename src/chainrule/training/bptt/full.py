"""Exact gradients of a whole sequence under a memory bound: states are kept now and then, the rest is run again."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chainrule._choices import finite
from chainrule.errors import ArgumentError
from chainrule.ops import blocks
from chainrule.training.bptt.byte_sizes import bytes_of
from chainrule.training.bptt.cut_check import check_cut
from chainrule.training.bptt.losses import Loss, end_to_end, evaluate, shares
from chainrule.training.bptt.model_step import Model, advance, check_steps, run
from chainrule.training.bptt.recomputation import Plan, plan, split
from chainrule.training.bptt.trees import copied, detached, differentiable, kept, leaves_of
from chainrule.training.bptt.trial import Buffers, aside

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
        gradients, gets them. What is drawn, as in dropout, is drawn once for each segment and is the same each time;
        buffers are as one call leaves them. Hooks are called as often as segments are run.

        Raises:
            ShapeError: x, y, resets and mask do not go together.
            ArgumentError: the memory is too small for one step, or not the CPU's; model or loss give something else;
                or, where the memory is bounded, the model is not the same in parts as whole, or the loss of all is
                neither mean nor sum of those of parts.
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
            return sequence.back(chosen, state, Buffers())
        in_parts = chosen.segments > 1
        buffers = check_cut(model, x, state, again=True, most=2 * chosen.length) if in_parts else Buffers()
        with blocks.idle_at_most(self.memory // _IDLE):
            try:
                found = sequence.back(chosen, state, buffers)
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
        few = max(1, min(_TRIAL, steps // 2))
        with aside(model, x.device):
            (some, after), (more, _) = (
                _graph_bytes(model, loss, x[:, :n], y[:, :n], state, None if resets is None else resets[:, :n])
                for n in (few, min(2 * few, steps))
            )
        a_step = (more - some) / few if steps > 1 else some
        learned = sum(p.nbytes for p in model.parameters()) if isinstance(model, nn.Module) else 0
        always = max(0, some - int(few * a_step)) + _OF_WEIGHTS * learned
        kept = sum(leaf.nbytes for leaf in leaves_of(after)) + torch.get_rng_state().nbytes
        return plan(steps, self.memory, _GRAPHS * a_step, kept, always)


class _Sequence:
    """One sequence, gone through segment by segment."""

    def __init__(
        self, model: Model, loss: Loss, x: Tensor, y: Tensor, resets: Tensor | None, mask: Tensor | None, scale: float
    ) -> None:
        self.model = model
        self.loss = loss
        self.scale = scale
        self.x = x
        self.y = y
        self.resets = resets
        self.mask = mask
        self.buffers = Buffers()
        self.parts: list[slice] = []
        self.shares: list[float] | None = None  # of each segment's loss, as the first one with gradients tells
        self.losses: dict[int, float] = {}  # of the segments in which a step counts

    def back(self, chosen: Plan, state: Any, buffers: Buffers) -> tuple[Tensor, Any]:
        """All segments, from the last to the first; each begins with the same buffers, as one call has one."""
        self.buffers = buffers
        self.parts = [slice(n * chosen.length, (n + 1) * chosen.length) for n in range(chosen.segments)]
        places = [_Kept(0, state, torch.get_rng_state())]
        last = None
        cotangents = None
        for segment in reversed(range(chosen.segments)):
            while (at := places[-1].at) < segment:
                free = chosen.places + 1 - len(places)
                until = at + split(segment + 1 - at, free) if free else segment
                places.append(self.on(places[-1], until))
            torch.set_rng_state(places[-1].random)
            after, cotangents = self.send_back(places.pop(), cotangents)
            if last is None:
                last = (detached(after), torch.get_rng_state())
                blocks.release()  # of the last segment, which is shorter, no block will serve another
            del after
        assert last is not None
        torch.set_rng_state(last[1])
        return torch.tensor(self.total(), dtype=self.x.dtype if self.x.is_floating_point() else None), last[0]

    @torch.no_grad()
    def on(self, place: _Kept, until: int) -> _Kept:
        """What is kept before segment ``until``."""
        torch.set_rng_state(place.random)
        state = copied(place.state)
        for part in self.parts[place.at : until]:
            self.buffers.fresh()
            state = advance(self.model, self.x[:, part], state, _within(self.resets, part))
        random = torch.get_rng_state()
        return _Kept(until, kept(state), place.random if random.equal(place.random) else random)

    def send_back(self, place: _Kept, cotangents: list[Tensor | None] | None) -> tuple[Any, list[Tensor | None] | None]:
        """One segment: the state after it, and the gradient of all losses towards that before.

        cotangents: the gradient of the losses after the segment towards the state after it.
        """
        part = self.parts[place.at]
        start = place.state if place.at == 0 else differentiable(place.state)
        self.buffers.fresh()
        output, after = run(self.model, self.x[:, part], copied(start), _within(self.resets, part))
        roots, gradients = self.root(place.at, output)
        leaves = leaves_of(after)
        if cotangents is not None and len(leaves) != len(cotangents):
            raise ArgumentError(
                f"the state after step {part.stop:,} has {len(leaves)} tensors, and had {len(cotangents)} when the "
                "step was run before. Expected the same state of the same steps, also from the model's own advance."
            )
        for leaf, gradient in zip(leaves, cotangents or [None] * len(leaves), strict=True):
            if gradient is not None and leaf.requires_grad:
                roots.append(leaf)
                gradients.append(gradient)
        if roots:
            torch.autograd.backward(roots, gradients)
        found = [leaf.grad for leaf in leaves_of(start)] if place.at else None
        return after, found

    def root(self, segment: int, output: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The loss of a segment, and its share of the loss of all as its gradient; none if nothing counts."""
        steps, targets = self.counted(segment, output)
        value = evaluate(self.loss, steps, targets)
        if value is None:
            return [], []
        self.losses[segment] = value.item()
        share = 1.0
        if len(self.parts) > 1:
            if self.shares is None:
                self.shares = shares(self.loss, steps, targets, [self.targets(n) for n in range(len(self.parts))])
            share = self.share(segment)
        return [value], [torch.full_like(value, share * self.scale)]

    def counted(self, segment: int, output: Tensor) -> tuple[Tensor, Tensor]:
        """The steps of a segment that the mask has, and their targets."""
        part = self.parts[segment]
        return end_to_end(output, self.y[:, part], None if self.mask is None else self.mask[:, part])

    def targets(self, segment: int) -> Tensor:
        """Those that the mask has."""
        y = self.y[:, self.parts[segment]]
        return self.counted(segment, y)[1]

    def share(self, segment: int) -> float:
        """Of the loss of all; by the number of steps where no gradient tells, and nothing is sent back."""
        if self.shares is not None:
            return self.shares[segment]
        counts = self.x.new_ones(self.x.shape[:2]) if self.mask is None else self.mask
        return float(counts[:, self.parts[segment]].sum() / counts.sum())

    def total(self) -> float:
        """The loss of all."""
        if not self.losses:
            raise ArgumentError("no target counts, in any of the steps; expected at least one.")
        if len(self.parts) == 1:
            return self.losses[0]
        return sum(self.share(segment) * value for segment, value in self.losses.items())


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
        value = evaluate(loss, *end_to_end(output, y, None))
    del value
    return sum(sizes.values()), detached(after)
