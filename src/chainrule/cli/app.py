"""The commands together, and what happens to their errors: one message on standard error and an exit code."""

import inspect
import warnings
from collections.abc import Callable
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from chainrule.cli.commands.fitting import compare_command, fit_command
from chainrule.cli.commands.forecasting import backtest_command, forecast_command, update_command
from chainrule.cli.commands.listing import data_command, doctor_command, runs_command
from chainrule.cli.commands.looking import look_command
from chainrule.cli.commands.studio import studio_command
from chainrule.cli.commands.using import classify_command, sample_command, score_command
from chainrule.cli.console import say, show
from chainrule.cli.flags import learn, prefer
from chainrule.cli.memory import keep_memory
from chainrule.errors import ChainruleError

__all__ = ["app"]

_USER_ERROR = 2
_INTERRUPTED = 130
_KEPT = "interrupted; what was saved is kept (to continue a fit, give its command again, with all options and --resume)"


class _Group(TyperGroup):
    """Turns errors into messages and exit codes, for every command in one place."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            prefer(command)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        learn(self)
        keep_memory()
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                say(_KEPT, style="bold red")
                raise typer.Exit(_INTERRUPTED) from None
            except BrokenPipeError:
                raise  # the reader of a pipe has seen enough: typer ends quietly
            except (ChainruleError, OSError) as error:
                say(f"error: {error}", style="bold red")
                raise typer.Exit(_USER_ERROR) from None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {message}", style="yellow")


app = typer.Typer(
    name="chainrule",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        show(f"chainrule {metadata.version('chainrule')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sequence models by the two chain rules: fit, score, sample, forecast, compare, inspect."""


def _add(name: str, command: Callable[..., None], *example: str) -> None:
    """Add a command: its help is its docstring, a paragraph a line, and then commands that work as they stand."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    described = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    shown = "\n\n".join(["Example:", *(f"$ {line}" for line in example)])
    app.command(name, help=described, epilog=shown)(command)


def _series(out: str) -> str:
    return f"chainrule fit sunspots --model ar --out runs/{out}"


def _text(out: str) -> str:
    return f"chainrule fit english --hidden 128 --steps 100 --out runs/{out}"


# Each example has a folder of its own, so that all of them can be tried in one place.
_add("fit", fit_command, _text("english"), _series("sunspots") + " --device cpu")
_add("score", score_command, _series("scored"), "chainrule score runs/scored --device cpu")
_add("sample", sample_command, _text("sampled"), 'chainrule sample runs/sampled --prompt "The for statement"')
_add("forecast", forecast_command, _series("ahead"), "chainrule forecast runs/ahead --horizon 12 --plot fan.png")
_add(
    "update",
    update_command,
    _series("updated"),
    "chainrule data sunspots --out sunspots.csv",
    "chainrule update runs/updated sunspots.csv",
)
_add("backtest", backtest_command, _series("tested"), "chainrule backtest runs/tested --horizon 5")
_add("compare", compare_command, "chainrule compare sunspots --models ar,gru --steps 200 --out runs/compared")
_add(
    "classify",
    classify_command,
    "chainrule fit digits --steps 300 --out runs/digits",
    "chainrule data digits --out pictures",
    "chainrule classify runs/digits pictures/3/0003.png",
)
_add(
    "look",
    look_command,
    _series("looked").replace("--model ar", "--steps 200"),
    "chainrule look runs/looked --at 40 --html look.html",
    "chainrule fit digits --steps 300 --out runs/filters",
    "chainrule look runs/filters --layer 3 --at 2,2",
    "chainrule look conv --input 28x28 --kernel 3x3 --out-channels 8",
)
_add("studio", studio_command, "chainrule studio runs --no-browser")
_add("data", data_command, "chainrule data", "chainrule data google --out google.csv")
_add("runs", runs_command, _series("listed"), "chainrule runs runs")
_add("doctor", doctor_command, "chainrule doctor --seconds 2", "chainrule doctor --seconds 0 --json")
