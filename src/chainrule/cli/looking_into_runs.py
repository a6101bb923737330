"""What ``chainrule look`` shows of a run: through time, or of a classifier layer by layer."""

from collections.abc import Sequence
from typing import Any

from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughLayers, ThroughTime
from chainrule.lens.conversion import as_step
from chainrule.runs import load

__all__ = ["look_into"]


def look_into(
    target: str, data: str | None, steps: int | None, at: str | None, of_classifiers: dict[str, Any]
) -> Sequence[Shown]:
    """What is shown of a run; ``of_classifiers`` are the options ``layer``, ``example``, ``label`` and ``score``.

    Raises:
        ArgumentError: an option that does not apply to the run, or asks for what it does not have.
    """
    run = load(target, device="cpu")
    example, label, score, layer = (of_classifiers[name] for name in ("example", "label", "score", "layer"))
    found = run.look(data, steps, example=example, label=label, score=score)
    if isinstance(found, ThroughLayers):
        results = [found, found.layers(), found.saliency(), *found.of_layer(_layer(layer), *_cell(at))]
        if data is None and example is None:
            results += [run.mistakes(), run.score()]
        return results
    if layer is not None:
        raise ArgumentError(f"--layer is for classifiers of images and sound, and {target} is fitted to other data.")
    if at is None:
        return found.parts()
    if not isinstance(found, ThroughTime):
        raise ArgumentError(
            f"--at traces the gradient of a state, but the model of {target} has none: it sees a window."
        )
    cell = _cell(at)
    if len(cell) > 1:
        raise ArgumentError(f"--at is {at!r}; expected one step of a model with a state.")
    step = as_step("--at", cell[0], found.reach().norms.shape[-1])
    return [*found.parts(), found.term(step)]


def _layer(text: str | None) -> int | str | None:
    """A layer by its number or name."""
    return int(text) if text is not None and text.isdecimal() else text


def _cell(at: str | None) -> tuple[int, ...]:
    """3,5 as (3, 5)."""
    if at is None:
        return ()
    try:
        return tuple(int(part) for part in at.split(","))
    except ValueError:
        raise ArgumentError(
            f"--at is {at!r}; expected a step, or the place of a cell with commas between its numbers, such as 3,5."
        ) from None
