"""One studio over a few small runs, and one browser in which its rooms are opened; none of them may complain."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from chainrule import fit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

HOSTILE = "<img src=x onerror=alert(1)> & co"
_TOKEN = "secret"

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier, a recurrent network of a series, the same under a hostile name, and a broken run."""
    folder = tmp_path_factory.mktemp("runs")
    few = {"quiet": True, "figures": False}
    fit("digits", "conv", steps=2, hidden=2, out=folder / "digits", **few)  # type: ignore[arg-type]
    fit("sunspots", "gru", steps=40, hidden=3, window=12, out=folder / "sunspots", **few)  # type: ignore[arg-type]
    shutil.copytree(folder / "sunspots", folder / HOSTILE)
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    return folder


@pytest.fixture(scope="session")
def studio(runs: Path) -> Iterator[str]:
    """The address of a studio of these runs."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs uvicorn")
    from chainrule.studio.app import make_app
    from chainrule.studio.folders import RunsFolder
    from chainrule.studio.guard import Access
    from chainrule.studio.jobs.requests import DataFolder
    from chainrule.studio.state import Studio

    made = Studio(RunsFolder(runs), DataFolder(runs), Access(_TOKEN))
    server = uvicorn.Server(uvicorn.Config(make_app(made), log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        made.close()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def tab(browser: "Browser", studio: str) -> Iterator["Page"]:
    """A tab that has been let in, which one test after another uses."""
    with browser.new_page() as page:
        page.set_default_timeout(30_000)
        page.goto(f"{studio}/?token={_TOKEN}")
        yield page


@pytest.fixture
def open_room(tab: "Page", studio: str) -> Iterator[Open]:
    """Opens the room at an address such as #/fit: so wide, in this colour scheme."""
    complaints: list[str] = []

    def complain(about: Any) -> None:
        complaints.append(str(about))

    def opened(address: str, width: int = 1200, scheme: Any = "light") -> "Page":
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto("about:blank")
        tab.goto(f"{studio}/{address}")
        tab.locator("h1").first.wait_for()
        return tab

    for event in ("console", "pageerror", "dialog"):
        tab.on(event, complain)
    yield opened
    for event in ("console", "pageerror", "dialog"):
        tab.remove_listener(event, complain)
    assert complaints == []


def framed(page: "Page") -> "Frame":
    """The document of the view that is shown, once it is there."""
    frame = page.locator("iframe:not(.loading)").element_handle().content_frame()
    assert frame is not None
    return frame
