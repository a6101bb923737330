"""Backpropagation through time as its page shows it: steps, map, Jacobians and truncation, of the first row."""

from typing import Any

import numpy as np
import torch

from chainrule.display import View, exact
from chainrule.lens.bptt.network_passes import ScanPasses
from chainrule.lens.bptt.steps import Steps
from chainrule.lens.bptt.term import Term
from chainrule.lens.bptt.truncation import Truncation
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.notation import written_step
from chainrule.lens.reach.reach import Reach

__all__ = ["chunks_of", "has_jacobians", "view_of"]

_UNITS = 64  # of a layer that are shown, or fewer:
_STATES = 400_000  # numbers of its states, gates and their gradients
_NORMS = 400_000  # of the map, whose targets are thinned out to them
_NUMBERS = 250_000  # of all Jacobians
_CUTS = 48  # lengths of chunks for which truncation is computed,
_STEPS_RUN = 12_000  # whose steps are so many,
_KEPT = 4_000_000  # and whose gradients are of so many numbers in all


def chunks_of(steps: int, parameters: int) -> list[int]:
    """The lengths k that the page offers: all below this number of steps, or some of each size, with powers of two."""
    powers = [2**k for k in range(steps.bit_length()) if 2**k < steps] or [steps]
    most = min(_CUTS, _STEPS_RUN // (2 * steps), _KEPT // parameters)
    if most <= len(powers):
        return powers
    spread = np.geomspace(1, max(1, steps - 1), most).round().astype(int)
    every = range(1, steps) if steps <= most else spread.tolist()
    return sorted({*powers, *every})


def has_jacobians(width: int, steps: int) -> bool:
    """Whether those of all steps, of a state so wide, are few enough for a page."""
    return steps * width**2 <= _NUMBERS


def view_of(
    *,
    steps: Steps,
    reach: Reach,
    passes: ScanPasses,
    path: Term | None,
    truncation: Truncation | None,
    losses: Floats | None,
) -> View:
    """What display/interactive/through_time.js shows of a row and layer; ``path`` is that from end to start."""
    length = int(passes.scan.live.sum())

    forward = {"h": steps.h, "c": steps.c, **steps.gates}
    backward = {"dh": steps.dh, "dc": steps.dc, **{f"d{name}": values for name, values in steps.dgates.items()}}
    units = min(_UNITS, max(1, _STATES // (length * len(forward | backward))))

    def states(arrays: dict[str, Floats | None]) -> list[dict[str, Any]]:
        there = [(name, array) for name, array in arrays.items() if array is not None]
        return [{"name": name, "values": exact(array[:length, :units])} for name, array in there]

    within = [k for k, t in enumerate(reach.targets) if t < length]
    every = -(-len(within) * length // _NORMS)
    rows = within[::-every][::-1]  # with the last
    look = {
        "first": written_step(0),
        "name": passes.of,
        "label": passes.of,
        "steps": length,
        "units": steps.h.shape[1],
        "forward": states(forward),
        "backward": states(backward),
        "losses": if_given(lambda found: exact(found[:length]), losses),
        "targets": [reach.targets[k] for k in rows],
        "map": exact(reach.norms[0][rows, :length]),
        "path": if_given(lambda found: _path(found, passes, length), path),
        "truncation": if_given(_truncation, truncation),
        "verdict": reach.verdict,
    }
    return View("through_time", {"looks": [look]})


def _path(path: Term, passes: ScanPasses, length: int) -> dict[str, Any]:
    """In order of time: what enters at each step, and from all but the first the Jacobian, its norm and its radius."""
    entering = np.zeros((length, path.carried.shape[1]))
    entering[:, : passes.back.dY.shape[-1]] = to_numpy(passes.back.dY[:length, 0])
    entering[-1] += to_numpy(torch.cat([part[0] for part in passes.back.dlast]))
    arrays = {"jacobians": path.factors, "norms": path.norms, "radii": path.radii}
    return {"entering": exact(entering)} | {name: exact(array[::-1]) for name, array in arrays.items()}


def _truncation(truncation: Truncation) -> dict[str, Any]:
    arrays = {name: exact(getattr(truncation, name)) for name in ("lost", "cosine", "norms")}
    return {"chunks": list(truncation.chunks), "full": truncation.full} | arrays
