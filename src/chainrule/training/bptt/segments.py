"""Backpropagation through a sequence segment by segment, from the last to the first."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule._devices import random_states, set_random_states
from chainrule.errors import ArgumentError
from chainrule.ops import blocks
from chainrule.training.bptt.dry_run import Buffers
from chainrule.training.bptt.loss_shares import shares
from chainrule.training.bptt.losses import Loss, check_learns, end_to_end, evaluate
from chainrule.training.bptt.recomputation import Plan, split
from chainrule.training.bptt.stateful_model import Model, advance, at_steps, run
from chainrule.training.bptt.trees import copied, detached, differentiable, kept, leaves_of

__all__ = ["SegmentedPass"]

Cotangents = list[Tensor | None]
"""The gradient of a loss towards each tensor of a state."""


class _Snapshot(NamedTuple):
    """The state before a segment, and torch's random numbers there: the CPU's, and those of the device."""

    segment: int
    state: Any
    random: tuple[Tensor, ...]


class SegmentedPass:
    """One forward and backward pass through a sequence, cut into segments as a plan says.

    Parameters:
        model, loss, x, y, resets, mask, scale: as :class:`FullBPTT` is called with.
        chosen: the plan.
        buffers: those that every call of the model changes; each segment begins with the same ones.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        x: Tensor,
        y: Tensor,
        resets: Tensor | None,
        mask: Tensor | None,
        scale: float,
        chosen: Plan,
        buffers: Buffers,
    ) -> None:
        self.model = model
        self.loss = loss
        self.scale = scale
        self.x = x
        self.y = y
        self.resets = resets
        self.mask = mask
        self.chosen = chosen
        self.buffers = buffers
        self.parts = [slice(n * chosen.length, (n + 1) * chosen.length) for n in range(chosen.segments)]
        self.shares: list[float] | None = None  # of each segment's loss, as the first one with gradients tells
        self.losses: dict[int, float] = {}  # of the segments in which a step counts

    def run(self, state: Any) -> tuple[Tensor, Any]:
        """Add the gradients of all segments, the last first; the loss, and the state after the last step."""
        device = self.x.device
        snapshots = [_Snapshot(0, state, random_states(device))]
        end: tuple[Any, tuple[Tensor, ...]] | None = None  # the state after the last step, and the random numbers there
        cotangents: Cotangents | None = None
        for segment in reversed(range(self.chosen.segments)):
            self._approach(segment, snapshots)
            set_random_states(snapshots[-1].random, device)
            after, cotangents = self._backward(snapshots.pop(), cotangents)
            if end is None:
                end = (detached(after), random_states(device))
                blocks.release()  # of the last segment, which is shorter, no block will serve another
            del after  # the graph, before the next segment makes its own
        assert end is not None
        last_state, random = end
        set_random_states(random, device)
        dtype = self.x.dtype if self.x.is_floating_point() else None
        return torch.tensor(self._total(), dtype=dtype, device=device), last_state

    def _approach(self, segment: int, snapshots: list[_Snapshot]) -> None:
        """Run forward from the last snapshot to the segment, and keep on the way what there is room for."""
        while snapshots[-1].segment < segment:
            at = snapshots[-1].segment
            free = self.chosen.places + 1 - len(snapshots)
            until = at + split(segment + 1 - at, free) if free else segment
            snapshots.append(self._snapshot(snapshots[-1], until))

    @torch.no_grad()
    def _snapshot(self, start: _Snapshot, until: int) -> _Snapshot:
        """The snapshot before segment ``until``, reached from an earlier one."""
        set_random_states(start.random, self.x.device)
        state = copied(start.state)
        for part in self.parts[start.segment : until]:
            # cuDNN's dropout draws from a state of its own, which begins anew where the generators are set: at each
            # segment, as each is run again by itself
            if self.x.is_cuda:
                set_random_states(random_states(self.x.device), self.x.device)
            self.buffers.fresh()
            state = advance(self.model, self.x[:, part], state, _within(self.resets, part))
        random = random_states(self.x.device)
        if all(map(torch.equal, random, start.random)):
            random = start.random  # the same tensors for all, where nothing is drawn
        return _Snapshot(until, kept(state), random)

    def _backward(self, start: _Snapshot, cotangents: Cotangents | None) -> tuple[Any, Cotangents | None]:
        """Run one segment with its graph and send its loss back.

        Args:
            start: the snapshot before it.
            cotangents: of the losses of later segments towards the state after this one; None for the last segment.

        Returns:
            The state after it, and the cotangents towards that before it.
        """
        part = self.parts[start.segment]
        state = differentiable(start.state) if start.segment else start.state
        self.buffers.fresh()
        output, after = run(self.model, self.x[:, part], copied(state), _within(self.resets, part))
        roots, gradients = self._loss_root(start.segment, output)
        leaves = leaves_of(after)
        if cotangents is None:
            cotangents = [None] * len(leaves)
        if len(leaves) != len(cotangents):
            raise ArgumentError(
                f"the state after step {part.stop:,} has {len(leaves)} tensors, and had {len(cotangents)} when the "
                "step was run before. Expected the same state of the same steps, also from the model's own advance."
            )
        for leaf, gradient in zip(leaves, cotangents, strict=True):
            if gradient is not None and leaf.requires_grad:
                roots.append(leaf)
                gradients.append(gradient)
        if roots:
            torch.autograd.backward(roots, gradients)
        if start.segment == 0:
            return after, None
        return after, [leaf.grad for leaf in leaves_of(state)]

    def _loss_root(self, segment: int, output: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The loss of a segment, with its share of the total loss as its gradient; none if no step counts."""
        steps, targets = self._counted(segment, output)
        value = evaluate(self.loss, steps, targets)
        if value is None:
            return [], []
        check_learns(value)
        self.losses[segment] = value.item()
        share = 1.0
        if len(self.parts) > 1:
            if self.shares is None:
                all_targets = [self._targets(n) for n in range(len(self.parts))]
                self.shares = shares(self.loss, steps, targets, all_targets)
            share = self._share(segment)
        return [value], [torch.full_like(value, share * self.scale)]

    def _counted(self, segment: int, output: Tensor) -> tuple[Tensor, Tensor]:
        """The steps of a segment whose losses count, and their targets."""
        part = self.parts[segment]
        return end_to_end(output, self.y[:, part], at_steps(self.mask, part))

    def _targets(self, segment: int) -> Tensor:
        """The targets of a segment whose losses count."""
        y = self.y[:, self.parts[segment]]
        return self._counted(segment, y)[1]

    def _share(self, segment: int) -> float:
        """A segment's share of the total loss; by its number of steps where no gradient tells and none is sent back."""
        if self.shares is not None:
            return self.shares[segment]
        counts = self.x.new_ones(self.x.shape[:2]) if self.mask is None else self.mask
        return float(counts[:, self.parts[segment]].sum() / counts.sum())

    def _total(self) -> float:
        """The loss of the whole sequence."""
        if not self.losses:
            raise ArgumentError("no target counts, in any of the steps; expected at least one.")
        if len(self.parts) == 1:
            return self.losses[0]
        return sum(self._share(segment) * value for segment, value in self.losses.items())


def _within(resets: Tensor | None, part: slice) -> Tensor | None:
    """The resets of a part; None where it has none."""
    if resets is None or not resets[:, part].any():
        return None
    return resets[:, part]
