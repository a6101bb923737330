"""Serving the studio: a socket, an address with its token, a browser that opens it, and the end by Ctrl-C."""

import re
import secrets
import signal
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread
from types import FrameType

import uvicorn

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import new_figure
from chainrule.errors import ArgumentError
from chainrule.studio.app import make_app
from chainrule.studio.folders import RunsFolder
from chainrule.studio.guard import LOCAL, Access
from chainrule.studio.jobs.requests import DataFolder
from chainrule.studio.state import Studio

__all__ = ["serve"]

_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_LEAST = 16  # characters of a token, where others can reach the studio
_UNTIL_OPENED = 10.0  # seconds
_FIRST_VIEW = 0.5  # seconds from the first events to what they lead to
_EVERYWHERE = ("0.0.0.0", "::", "")


def serve(
    runs: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    data: str | Path | None = None,
    keep: bool = False,
    max_upload: int = 16,
    browser: bool = True,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the studio of a folder of runs, until it is interrupted.

    Args:
        runs: the folder; it need not be there yet.
        host: the address to listen on. Any other than this machine's own needs a ``token``.
        port: to listen on; 0 takes a free one.
        token: the secret of the address; by default a random one.
        data: the folder below which fits may read files; by default that of the runs.
        keep: whether fits that were started from the page go on when the studio ends; else they save and stop.
        max_upload: megabytes of a file that is dropped on the page.
        browser: whether to open the address.
        announce: is told the address once it answers.

    Raises:
        ArgumentError: others could get in, or the address or a folder cannot be used.
    """
    _check_token(host, token)
    if data is not None and not Path(data).is_dir():
        raise ArgumentError(f"`data` is {str(data)!r}, which is no folder. Name the one that fits may read files of.")
    secret = secrets.token_urlsafe(24) if token is None else token
    name = socket.gethostname() if host in _EVERYWHERE else host
    access = Access(secret, LOCAL | {name}, any_address=host in _EVERYWHERE, uploads=max_upload * 2**20)
    folder = RunsFolder(Path(runs))
    listening = _listen(host, port)
    studio = Studio(folder, DataFolder(folder.root if data is None else Path(data)), access, keep=keep)
    name = f"[{name}]" if ":" in name else name
    address = f"http://{name}:{listening.getsockname()[1]}/?token={secret}"

    config = uvicorn.Config(
        make_app(studio), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    with suppress(KeyboardInterrupt):  # which is how it ends, and uvicorn raises once all is closed
        _Server(config, studio, partial(_begin, studio, address, browser, announce)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells when it answers, and the studio when it is to end."""

    def __init__(self, config: uvicorn.Config, studio: Studio, begin: Callable[[], None]) -> None:
        super().__init__(config)
        self._studio = studio
        self._begin = begin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self.handle_exit)  # the terminal is closed, which would leave fits behind
        self._begin()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._studio.closing.set()  # or streams of events would go on
        super().handle_exit(sig, frame)


def _begin(studio: Studio, address: str, browser: bool, announce: Callable[[str], None]) -> None:
    announce(address)
    if browser:
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some wait until the browser is there
    Thread(target=_warm_up, args=(studio,), daemon=True).start()


def _warm_up(studio: Studio) -> None:
    """Do what answers would wait for: list the runs, and once there is a page, draw a figure, and import what gradients
    need.
    """
    studio.entries.all()
    studio.opened.wait(_UNTIL_OPENED)
    studio.closing.wait(_FIRST_VIEW)
    new_figure(1.0).savefig(BytesIO(), format="svg")
    for module in ("scipy.optimize", "torch.fx.experimental.symbolic_shapes", "scipy.special", "pandas"):
        require(module)


def _check_token(host: str, token: str | None) -> None:
    """Refuse a studio that others can reach, and could get into.

    Raises:
        ArgumentError: there is no token, or one that could be guessed or be no part of an address.
    """
    if token is None:
        if host in LOCAL:
            return
        raise ArgumentError(
            f"`host` is {host!r}, which others can reach. Give a `token` too, hard to guess, or leave out `host`."
        )
    least = 1 if host in LOCAL else _LEAST
    if not _TOKEN.fullmatch(token) or len(token) < least:
        raise ArgumentError(
            f"`token` has {counted(len(token), 'character')}; expected at least {least}, letters, digits and any of "
            "._~- alone."
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:  # the last of a name that none can be
        raise ArgumentError(
            f"port {port} of {host} cannot be listened on: {error}. Choose another `port`, or 0 for a free one; `host` "
            "has to be an address of this machine."
        ) from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each answer waits 40 ms within itself
    return listening
