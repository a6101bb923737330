"""``chainrule data``, ``runs`` and ``doctor``: what there is."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

import chainrule
from chainrule.cli import options as o
from chainrule.cli.console import progress, say, show, show_json
from chainrule.display import writing
from chainrule.errors import ArgumentError

__all__ = ["UNSOUND", "data_command", "doctor_command", "runs_command"]

UNSOUND = 1  # the exit code of a doctor that found something


def data_command(
    name: Annotated[
        str | None, Argument(metavar="NAME", help="Built-in set to write to files.", show_default=False)
    ] = None,
    out: Annotated[Path | None, Option(help="File to write NAME to; for digits, a folder.", show_default=False)] = None,
    json: o.Json = False,
) -> None:
    """List the built-in data sets, with sources and licences; or write one to files, in the form that fit reads."""
    if name is None and out is None:
        _list_sets(json)
    elif name is None:
        raise ArgumentError(f"`out` is {out}: give the NAME of the built-in set to write there, too.")
    elif out is None:
        from chainrule.data.builtin.exporting import check_name

        check_name(name)
        raise ArgumentError(
            f"give `out` with {name}, the file or folder to write it to; or no NAME, to list the built-in sets."
        )
    elif json:
        raise ArgumentError("`json` is for the list of the sets: leave it out where one is written to files.")
    else:
        with writing(out):
            chainrule.data.export(name, out)
        say(f"{name} written to {out}")


def _list_sets(as_json: bool) -> None:
    sets = chainrule.data.builtins()
    if as_json:
        show_json([{f.name: getattr(each, f.name) for f in fields(each) if f.name != "read"} for each in sets])
        return
    rows = [
        (each.name, f"{each.description} ({each.kind}, {each.size})", f"{each.source}; {each.licence}") for each in sets
    ]
    show(chainrule.display.Table("", ("name", "what", "source and licence"), rows))


def runs_command(
    folder: Annotated[Path, Argument(metavar="FOLDER", help="The folder that the runs are in.")] = Path("runs"),
    json: o.Json = False,
) -> None:
    """List the runs in FOLDER and in the folders in it: data, model, steps, losses, and whether each has ended.

    A run that cannot be read is listed as broken, with what is wrong with it.
    """
    show(chainrule.runs.list_runs(folder), as_json=json)


def doctor_command(
    seconds: Annotated[float, Option(help="About how long to time the operations; 0 for no timing.")] = 10.0,
    json: o.Json = False,
) -> None:
    """Look at the installation, and try the kernels: versions, processor, threads, devices, extras and a self-test.

    Each backend's results and gradients are compared with those of the definition in float64, and its speed with that
    of torch's own operation. If one computes something else, the exit code is 1.
    """
    from chainrule.doctor import diagnose

    with progress("self-test") as advance:
        found = diagnose(seconds, advance=advance)
    show(found, as_json=json)
    if not found.sound:
        raise typer.Exit(UNSOUND)
