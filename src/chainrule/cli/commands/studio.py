"""``chainrule studio``: the local page over a folder of runs."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule._optional import require
from chainrule.cli.console import show

__all__ = ["studio_command"]

_PORT = 8642


def studio_command(
    runs: Annotated[Path, Argument(metavar="RUNS", help="The folder of runs.")] = Path("runs"),
    host: Annotated[str, Option(help="Address to listen on; any but this machine's own needs --token.")] = "127.0.0.1",
    port: Annotated[int, Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = _PORT,
    token: Annotated[
        str | None, Option(help="Secret of the address (default a random one).", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, Option(help="Folder below which fits may read files (default RUNS).", show_default=False)
    ] = None,
    max_upload: Annotated[int, Option(help="Megabytes of a file that is dropped on the page.", min=1, max=4096)] = 16,
    keep: Annotated[bool, Option("--keep", help="Let fits that the page started go on when the studio ends.")] = False,
    no_browser: Annotated[bool, Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Serve a local page over a folder of runs: curves while they train, scores, samples, forecasts, looks.

    The page is for whoever has the address that is printed, with its token. Ctrl-C ends it.

    It needs the extra studio beside app: pip install '.\\[app,studio]', in a clone of chainrule.
    """
    require("starlette", "studio")
    require("uvicorn", "studio")
    from chainrule.studio.serving import serve  # needs both to be imported at all

    serve(
        runs,
        host=host,
        port=port,
        token=token,
        data=data,
        keep=keep,
        max_upload=max_upload,
        browser=not no_browser,
        announce=show,
    )
