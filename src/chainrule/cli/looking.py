"""``chainrule look``: into a run, through time, and at the sizes of a convolution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from chainrule.cli.console import check_out, emit, show
from chainrule.display import Shown, page_of
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughTime, sizes
from chainrule.lens.arrays import as_step
from chainrule.runs import load

__all__ = ["look_command"]

_RUN = "look RUN"
_CONV = "look conv"


def look_command(
    target: Annotated[str, Argument(metavar="RUN|conv", help="The folder that fit made; or conv.", show_default=False)],
    data: Annotated[
        str | None, Argument(metavar="DATA", help="New data, read as the run's own was.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None,
        Option(help="Of a stretch of data; four windows, at most 512.", rich_help_panel=_RUN, show_default=False),
    ] = None,
    at: Annotated[
        int | None, Option(help="Follow the gradient back from this step.", rich_help_panel=_RUN, show_default=False)
    ] = None,
    input: Annotated[
        str | None, Option(help="Its size: 100, 28x28, 8x28x28.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    kernel: Annotated[
        str | None, Option(help="Its size: 9, 3x3, 1x3x3.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    in_channels: Annotated[
        int | None, Option(help="Of the input; 1.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    out_channels: Annotated[
        int | None, Option(help="Of the output; 1.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    stride: Annotated[
        str | None, Option(help="2, or one a dimension: 2x1; 1.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    padding: Annotated[
        str | None, Option(help="1, 1x0, valid, same or causal; 0.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    dilation: Annotated[
        str | None, Option(help="2, or one a dimension: 2x1; 1.", rich_help_panel=_CONV, show_default=False)
    ] = None,
    groups: Annotated[int | None, Option(help="Of the channels; 1.", rich_help_panel=_CONV, show_default=False)] = None,
    html: Annotated[Path | None, Option(help="Write a page with figures to this .html.", show_default=False)] = None,
) -> None:
    """Look into a run: how far back gradients reach, what truncation cuts off, how the gates are used.

    On stretches of the test part of its data, or of DATA. Or, as look conv, explain the sizes of a convolution.
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
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if target == "conv":
        if data is not None or steps is not None or at is not None:
            raise ArgumentError("look conv explains sizes: it takes no DATA, --steps or --at. For a run, write ./conv.")
        results = _conv(asked)
    else:
        if asked:
            names = ", ".join("--" + name.replace("_", "-") for name in asked)
            raise ArgumentError(f"{names}: for look conv alone, and {target} is taken for a run.")
        results = _run(target, data, steps, at)
    for k, result in enumerate(results):
        show(result if k == 0 else "")
        if k:
            show(result)
    if html is not None:
        emit(page_of(results), html)


def _run(target: str, data: str | None, steps: int | None, at: int | None) -> Sequence[Shown]:
    look = load(target).look(data, steps)
    if not isinstance(look, ThroughTime):
        if at is not None:
            raise ArgumentError(f"--at follows a state's gradient, and {target} has no state: its model sees a window.")
        return look.parts()
    if at is None:
        return look.parts()
    return [*look.parts(), look.term(as_step("--at", at, look.reach().norms.shape[-1]))]


def _conv(asked: dict[str, Any]) -> Sequence[Shown]:
    if not {"input", "kernel"} <= asked.keys():
        raise ArgumentError("look conv needs --input and --kernel: chainrule look conv --input 28x28 --kernel 3x3")
    for name in ("input", "kernel", "stride", "padding", "dilation"):
        if name in asked and not (name == "padding" and asked[name] in ("valid", "same", "causal")):
            asked[name] = _numbers(name, asked[name])
    for name in ("stride", "padding", "dilation"):
        if name in asked and len(asked[name]) == 1:
            (asked[name],) = asked[name]
    return [sizes(**asked)]


def _numbers(name: str, text: str) -> tuple[int, ...]:
    """28x28 as (28, 28)."""
    try:
        return tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        words = ", or valid, same or causal" if name == "padding" else ""
        raise ArgumentError(
            f"--{name} is {text!r}; expected whole numbers with x between them, such as 3x3{words}."
        ) from None
