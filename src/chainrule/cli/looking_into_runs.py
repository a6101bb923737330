"""What ``chainrule look`` shows of a run: through time, or of a classifier layer by layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule._devices import one_thread
from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughLayers, ThroughTime, ThroughWindow
from chainrule.lens.conversion import as_step
from chainrule.lens.written import cell_in, layer_in
from chainrule.runs import load

__all__ = ["look_into"]

_UNROLLED = 8  # steps of a sequence that is unrolled, where none are asked for


@one_thread()
def look_into(
    target: str,
    data: str | None,
    steps: int | None,
    at: str | None,
    *,
    of_classifiers: Mapping[str, Any],
    of_sequences: Mapping[str, Any],
    first: int,
) -> Sequence[Shown]:
    """What is shown of a run; tables of sequences give their first step the number ``first``.

    Options not given are None: ``layer``, ``example``, ``label`` and ``score`` are of classifiers, ``unroll``,
    ``k1`` and ``k2`` of sequences.

    Raises:
        ArgumentError: an option that does not apply to the run, or asks for what it does not have.
    """
    run = load(target, device="cpu")
    unrolls = of_sequences["unroll"] is not None
    layer = of_classifiers["layer"]
    looked = {name: of_classifiers[name] for name in ("example", "label", "score")}
    found = run.look(data, _UNROLLED if unrolls and steps is None else steps, **looked)
    if isinstance(found, ThroughLayers):
        if first or any(value is not None for value in of_sequences.values()):
            raise ArgumentError(
                f"--one-based, --unroll, --k1 and --k2 are for sequences and convolutions, and {target} is a "
                "classifier, which is shown layer by layer. Leave them out."
            )
        results = [found, found.layers(), found.saliency(), *found.of_layer(layer_in(layer), *cell_in(at))]
        if data is None and looked["example"] is None:
            results += [run.mistakes(), run.score()]
        return results
    if layer is not None:
        raise ArgumentError(f"--layer is for classifiers of images and sound, and {target} is fitted to other data.")
    hint = f" --unroll alone looks at {_UNROLLED} steps; --steps asks for more." if unrolls and steps is None else ""
    return [*found.parts(), *_of_sequence(found, target, at, of_sequences, first, hint)]


def _of_sequence(
    found: ThroughTime | ThroughWindow,
    target: str,
    at: str | None,
    of_sequences: Mapping[str, Any],
    first: int,
    hint: str,
) -> Iterator[Shown]:
    """The gradient traced back from a step, and the sequence unrolled, where they are asked for.

    The ``hint`` says why sequences are as long as they are, to whoever asks for a step that they do not have.
    """
    unroll, k1, k2 = (of_sequences[name] for name in ("unroll", "k1", "k2"))
    if unroll is None and (k1 is not None or k2 is not None):
        raise ArgumentError("`k1` and `k2` strike terms out of the table of `unroll`: give it too.")
    if at is None and unroll is None:
        return
    if not isinstance(found, ThroughTime):
        raise ArgumentError(f"--at and --unroll follow a state, but the model of {target} has none: it sees a window.")
    if at is not None:
        try:
            step = _step(at, found.reach().norms.shape[-1], first)
        except ArgumentError as error:
            raise ArgumentError(f"{error}{hint}") from error
        yield found.term(step)
    if unroll is not None:
        yield found.unrolled(k1=k1, k2=k2)


def _step(at: str, count: int, first: int) -> int:
    """The step that --at says, where the first has the number ``first``, 0 or 1."""
    cell = cell_in(at)
    if len(cell) != 1:
        raise ArgumentError(f"--at is {at!r}; expected one step of a model with a state.")
    step = cell[0]
    if first and not (1 <= step <= count or -count <= step < 0):
        raise ArgumentError(
            f"--at is {step}; with --one-based expected a step from 1 to {count}, or below 0 from the end."
        )
    return as_step("--at", step - first if step > 0 else step, count)
