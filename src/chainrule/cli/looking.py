"""``chainrule look``: inspecting the gradients of a run; a convolution by itself is in conv.py."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule.cli.console import check_out, emit, show
from chainrule.cli.conv import look_at_convolution
from chainrule.display import Shown, page_of
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughTime, one_based
from chainrule.lens.conversion import as_step
from chainrule.runs import load

__all__ = ["look_command"]

_RUN = "look RUN"
_CONV = "look conv"
_UNROLLED = 8  # steps of a sequence that is unrolled, where none are asked for


def look_command(
    target: Annotated[str, Argument(metavar="RUN|conv", help="A run's folder, or the word conv.", show_default=False)],
    data: Annotated[
        str | None, Argument(metavar="DATA", help="New data, read like the run's own.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None,
        Option(
            help="Steps per sequence (default: four windows, 512 at most).", rich_help_panel=_RUN, show_default=False
        ),
    ] = None,
    at: Annotated[
        int | None, Option(help="Trace the gradient back from this step.", rich_help_panel=_RUN, show_default=False)
    ] = None,
    unroll: Annotated[
        bool,
        Option(
            "--unroll",
            help="Also unroll the last layer over one sequence, 8 steps by default: all terms of its gradient.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    k1: Annotated[
        int | None,
        Option(help="Strike out what truncation drops: steps of a chunk.", rich_help_panel=_RUN, show_default=False),
    ] = None,
    k2: Annotated[
        int | None,
        Option(help="Steps that its gradients go back (default k1).", rich_help_panel=_RUN, show_default=False),
    ] = None,
    input: Annotated[
        str | None, Option(help="Input size, such as 100, 28x28 or 8x28x28.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    kernel: Annotated[
        str | None, Option(help="Kernel size, such as 9, 3x3 or 1x3x3.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    in_channels: Annotated[
        int | None, Option(help="Input channels (default 1).", rich_help_panel=_CONV, show_default=False)
    ] = None,
    out_channels: Annotated[
        int | None, Option(help="Output channels (default 1).", rich_help_panel=_CONV, show_default=False)
    ] = None,
    stride: Annotated[
        str | None,
        Option(help="Stride: 2, or one per dimension, 2x1 (default 1).", rich_help_panel=_CONV, show_default=False),
    ] = None,
    padding: Annotated[
        str | None,
        Option(help="Padding: 1, 1x0, valid, same or causal (default 0).", rich_help_panel=_CONV, show_default=False),
    ] = None,
    dilation: Annotated[
        str | None,
        Option(help="Dilation: 2, or one per dimension, 2x1 (default 1).", rich_help_panel=_CONV, show_default=False),
    ] = None,
    groups: Annotated[
        int | None, Option(help="Groups of channels (default 1).", rich_help_panel=_CONV, show_default=False)
    ] = None,
    x: Annotated[
        str | None,
        Option(
            help='Numbers to convolve: 1,0,-1; rows of an image as "1,0;0,1"; or FILE:path.',
            rich_help_panel=_CONV,
            show_default=False,
        ),
    ] = None,
    w: Annotated[
        str | None, Option(help="The kernel's numbers, written likewise.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    from_one: Annotated[
        bool, Option("--one-based", help="Count from 1 and write x_3, w_1, d_2 in all tables.")
    ] = False,
    html: Annotated[
        Path | None, Option(help="Write a page with figures to this .html file.", show_default=False)
    ] = None,
) -> None:
    """Inspect a run: how far back gradients reach, what truncation loses, how saturated the gates are.

    This uses sequences from the test part of its data, or from DATA. With conv in the place of RUN, it explains the
    sizes of a convolution; with --x and --w, it convolves these numbers and shows the laws that they obey.
    """
    check_out("--html", html, ".html")
    given = {
        "input": input,
        "kernel": kernel,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "x": x,
        "w": w,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    unrolling = {"unroll": unroll or None, "k1": k1, "k2": k2}
    of_runs = {"steps": steps, "at": at} | unrolling
    with one_based(from_one):
        if target == "conv":
            if data is not None or any(value is not None for value in of_runs.values()):
                raise ArgumentError(
                    "look conv takes no DATA and none of the options of runs, such as --steps and --at. To inspect a "
                    "run in the folder conv, write ./conv."
                )
            results = look_at_convolution(asked)
        else:
            if asked:
                names = ", ".join("--" + name.replace("_", "-") for name in asked)
                raise ArgumentError(f"{names}: only look conv takes these options, and {target} is a run.")
            results = _run(target, data, steps, at, unroll=unroll, k1=k1, k2=k2, first=int(from_one))
        first, *others = results
        show(first)
        for result in others:
            show("")
            show(result)
        if html is not None:
            emit(page_of(results), html)


def _run(
    target: str,
    data: str | None,
    steps: int | None,
    at: int | None,
    *,
    unroll: bool,
    k1: int | None,
    k2: int | None,
    first: int,
) -> Sequence[Shown]:
    """What a run has to show; ``first`` is the number of the first step."""
    if not unroll and (k1 is not None or k2 is not None):
        raise ArgumentError("`k1` and `k2` strike terms out of the table of `unroll`: give it too.")
    found = load(target, device="cpu").look(data, _UNROLLED if unroll and steps is None else steps)
    results = [*found.parts()]
    if at is None and not unroll:
        return results
    if not isinstance(found, ThroughTime):
        raise ArgumentError(f"--at and --unroll follow a state, but the model of {target} has none: it sees a window.")
    if at is not None:
        results.append(found.term(_step(at, found.reach().norms.shape[-1], first)))
    if unroll:
        results.append(found.unrolled(k1=k1, k2=k2))
    return results


def _step(at: int, count: int, first: int) -> int:
    """The step that --at says, where the first has this number, 0 or 1."""
    if first and not (1 <= at <= count or -count <= at < 0):
        raise ArgumentError(
            f"--at is {at}; with --one-based expected a step from 1 to {count}, or below 0 from the end."
        )
    return as_step("--at", at - first if at > 0 else at, count)
