"""``chainrule look``: inspecting the numbers and gradients of a run; a convolution by itself is in conv.py."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

import chainrule
from chainrule.cli import options as o
from chainrule.cli.console import check_out, emit, show, show_json
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.display import Shown

__all__ = ["look_command"]

_RUN = "look RUN"
_LABELLED = "look RUN, of images or labelled sound"
_CONV = "look conv"


def look_command(
    target: Annotated[str, Argument(metavar="RUN|conv", help="A run's folder, or the word conv.", show_default=False)],
    data: Annotated[
        str | None,
        Argument(
            metavar="DATA",
            help="New data, read like the run's own; for a classifier one image, .wav or .flac file.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        Option(
            help="Steps per sequence (default: four windows, 512 at most).", rich_help_panel=_RUN, show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        Option(
            help="Trace the gradient back from this step; in a classifier take this cell of the layer's output apart: "
            "row,col or channel,row,col of an image, step or channel,step of sound.",
            rich_help_panel=_RUN,
            show_default=False,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        Option(
            help="The layer to show, by number or name (default: the first).",
            rich_help_panel=_LABELLED,
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        int | None,
        Option(
            help="The example of the test part to show (default: the worst).",
            rich_help_panel=_LABELLED,
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        Option(
            help="The true class of DATA, for the gradient of the loss.", rich_help_panel=_LABELLED, show_default=False
        ),
    ] = None,
    score: Annotated[
        str | None,
        Option(
            help="Differentiate the score of this class, not the loss.", rich_help_panel=_LABELLED, show_default=False
        ),
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
        bool, Option("--one-based", help="Count from 1 and write x_3, w_1, d_2, in tables and pages.")
    ] = False,
    html: Annotated[
        Path | None, Option(help="Write a page with figures to this .html file.", show_default=False)
    ] = None,
    json: o.Json = False,
) -> None:
    """Inspect a run: how far back gradients reach, what truncation loses, how saturated the gates are.

    This uses sequences from DATA; without it, of text and sound from the test part of the run's own data, of a series
    from all of it.

    A classifier of images or sound is inspected layer by layer: what each layer makes of one input, kernels, the sum
    behind a cell of its output and what that cell sees, the gradients of the input and of the kernels, and without DATA
    the worst mistakes and the confusion matrix.

    With conv in the place of RUN, it explains the sizes of a convolution; with --x and --w, it convolves these numbers
    and shows the laws that they obey.
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
    of_classifiers = {"layer": layer, "example": example, "label": label, "score": score}
    asked = {name: value for name, value in given.items() if value is not None}
    of_sequences = {"unroll": unroll or None, "k1": k1, "k2": k2}
    of_runs = {"steps": steps, "at": at} | of_sequences | of_classifiers
    with chainrule.lens.one_based(from_one):
        if target == "conv":
            if data is not None or any(value is not None for value in of_runs.values()):
                raise ArgumentError(
                    "look conv takes no DATA and none of the options of runs, such as --steps and --at. To inspect a "
                    "run in the folder conv, write ./conv."
                )
            from chainrule.cli.conv import look_at_convolution

            results = look_at_convolution(asked)
        else:
            if asked:
                names = ", ".join("--" + name.replace("_", "-") for name in asked)
                raise ArgumentError(f"{names}: only look conv takes these options, and {target} is a run.")
            from chainrule.cli.looking_into_runs import look_into

            results = look_into(
                target,
                data,
                steps,
                at,
                of_classifiers=of_classifiers,
                of_sequences=of_sequences,
                first=int(from_one),
            )
        _show_all(results, as_json=json)
        if html is not None:
            emit(chainrule.display.page_of(results), html)


def _show_all(results: "Sequence[Shown]", *, as_json: bool) -> None:
    """Results with a blank line between them, or as a list in JSON, each with its class as its kind."""
    if as_json:
        show_json([{"kind": type(result).__name__, **result.to_dict()} for result in results])
        return
    first, *others = results
    show(first)
    for result in others:
        show("")
        show(result)
