"""The commands together, and what happens to their errors: one line on standard error and an exit code."""

import warnings
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from chainrule.cli.console import say
from chainrule.cli.fitting import compare_command, data_command, fit_command
from chainrule.cli.using import (
    backtest_command,
    classify_command,
    forecast_command,
    sample_command,
    score_command,
)
from chainrule.errors import ChainruleError

__all__ = ["app"]

_USER_ERROR, _INTERRUPTED = 2, 130


class _Group(TyperGroup):
    """Turns errors into messages and exit codes, for every command in one place."""

    def invoke(self, ctx: Any) -> Any:
        warnings.showwarning = _show_warning
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted; what was saved is kept (fit goes on with --resume)", style="bold red")
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
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sequence models by the two chain rules: fit, score, sample, forecast and compare.",
)


def _example(*lines: str) -> str:
    """The end of a command's help: commands that work as they stand, one after the other."""
    return "\n\n".join(["Example:", *(f"$ {line}" for line in lines)])


_SERIES = "chainrule fit sunspots --model ar --out runs/sunspots"
_TEXT = "chainrule fit english --steps 300 --out runs/english"

app.command("fit", epilog=_example(_TEXT, _SERIES))(fit_command)
app.command("score", epilog=_example(_SERIES, "chainrule score runs/sunspots"))(score_command)
app.command("sample", epilog=_example(_TEXT, 'chainrule sample runs/english --prompt "The for statement"'))(
    sample_command
)
app.command("forecast", epilog=_example(_SERIES, "chainrule forecast runs/sunspots --horizon 12 --plot fan.png"))(
    forecast_command
)
app.command("backtest", epilog=_example(_SERIES, "chainrule backtest runs/sunspots --horizon 5"))(backtest_command)
app.command("compare", epilog=_example("chainrule compare sunspots --models ar,gru --steps 200"))(compare_command)
app.command(
    "classify",
    epilog=_example(
        "chainrule fit digits --steps 300 --out runs/digits",
        "chainrule data digits --out digits",
        "chainrule classify runs/digits digits/3/0003.png",
    ),
)(classify_command)
app.command("data", epilog=_example("chainrule data", "chainrule data google --out google.csv"))(data_command)
