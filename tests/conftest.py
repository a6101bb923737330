"""One thread a test process: two of them on two cores are quicker than four threads, and leave the machine usable."""

import asyncio
import atexit
import gc
import os
import pydoc_data.topics
import shutil
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the cores to others; torch reads it once
import torch

from tests.house.sampling import mark_the_rest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

gc.disable()  # until the tests are collected, which are millions of objects
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
atexit.register(gc.unfreeze)  # extension modules tell of what they would leak otherwise
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell has those that it starts in the background ignore Ctrl-C, and what they start too: tests send it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before any of its kernels is defined


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_the_rest(items)


def pytest_collection_finish() -> None:
    """The tests and what they import, millions of objects, stay: neither garbage collections nor forks look at them."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def without_waiting_for_the_disk() -> Iterator[None]:
    """What a test writes need not outlive a power cut, and a fit writes many times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def small_tables() -> Iterator[None]:
    """Few rows for the n-grams' embeddings: in a network of the tests they would be all but a thousandth of it.

    Processes that a test starts have as many rows as ever, unless they are forks of this one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.models.encoders.embedding._BUCKETS", 512)
        yield


@pytest.fixture
def products() -> Iterator[Any]:
    """torch's settings for products of convolutions on a GPU, which are as before afterwards."""
    cudnn: Any = torch.backends.cudnn
    settings = cudnn.conv
    before = settings.fp32_precision
    yield settings
    settings.fp32_precision = before


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple["Browser", asyncio.AbstractEventLoop]]:
    """The browser, and the event loop of what drives it."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        loop = asyncio.get_running_loop()
        yield launched, loop
        asyncio._set_running_loop(loop)
        launched.close()


@pytest.fixture(scope="module")
def browser(chromium: tuple["Browser", asyncio.AbstractEventLoop]) -> Iterator["Browser"]:
    """A browser for the pages that a file's tests open.

    What drives it keeps its event loop running in this thread, next to which no other test could run its own; so that
    the loop is hidden after the file.
    """
    launched, loop = chromium
    asyncio._set_running_loop(loop)
    yield launched
    asyncio._set_running_loop(None)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def short_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the built-in text, for tests of commands that take it as an example."""
    topics = list(pydoc_data.topics.topics.items())
    monkeypatch.setattr("pydoc_data.topics.topics", dict(topics[::10]))


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Fits make no figures, which takes longer than all else in a small one, and figures asked for are not written."""
    from chainrule.runs.report import write_report  # after what is set above

    patch.setattr(
        "chainrule.runs.fitting.fit.write_report", lambda run, score, figures: write_report(run, score, figures=False)
    )
    patch.setattr("matplotlib.figure.Figure.savefig", lambda figure, file, **options: None)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of other things: tests/runs/test_report.py and tests/runs/figures look at what is drawn."""
    draw_nothing(monkeypatch)
