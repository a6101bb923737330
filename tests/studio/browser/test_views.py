"""Views of runs: what is changed in them agrees with NumPy and the lens, and what they export works by itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from chainrule import load
from chainrule.lens import ThroughTime
from tests.studio.browser.conftest import Open, framed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame


def numbers(frame: "Frame", name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The table behind a picture of the layer."""
    behind = frame.locator(f"figure[data-array={name}] details")
    behind.evaluate("details => { details.open = true }")
    behind.locator("td").first.wait_for()
    return np.array([float(text) for text in behind.locator("td").all_text_contents()]).reshape(shape)


def test_a_kernel_of_a_layer_is_edited_as_numpy_has_it(open_room: Open) -> None:
    frame = framed(open_room("#/run/digits/convolution?example=0"))
    x = numbers(frame, "x", (8, 8))
    before = numbers(frame, "y", (-1, 8, 8))
    w = numbers(frame, "w", (-1, 3, 3))
    frame.locator('[role=gridcell][aria-label^="w[1,0,2,0]:"]').dblclick()
    frame.page.keyboard.type("0.75")
    frame.page.keyboard.press("Enter")
    w[1, 2, 0] = 0.75
    after = numbers(frame, "y", (-1, 8, 8))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, 1), (3, 3))
    bias = after[1] - np.einsum("hwij,ij->hw", windows, w[1])
    assert np.ptp(bias) < 1e-12
    assert not np.allclose(after[1], before[1])
    np.testing.assert_array_equal(np.delete(after, 1, axis=0), np.delete(before, 1, axis=0))


@pytest.mark.slow
def test_the_slider_of_truncation_has_the_lens_s_numbers(open_room: Open, runs: Path) -> None:
    frame = framed(open_room("#/run/sunspots/look?steps=16"))
    panel = frame.locator("section", has=frame.get_by_role("heading", name="Truncated backpropagation"))
    panel.get_by_role("slider").fill("3")
    look = load(runs / "sunspots").look(None, 16)
    assert isinstance(look, ThroughTime)
    found = look.truncation(4)
    cosine = float(panel.get_by_role("status").first.inner_text().split("cosine ")[1].split(",")[0])
    assert cosine == pytest.approx(found.cosine[0], rel=1e-3)
    page = frame.page
    page.wait_for_url("**explored=k*4**")
    assert str(page.get_by_role("link", name="Open alone").get_attribute("href")).endswith("#k=4")
    page.reload()
    again = framed(page).locator("section", has_text="Truncated backpropagation").last
    expect(again.get_by_role("slider")).to_have_value("3")


@pytest.mark.slow
def test_a_view_is_exported_as_one_file(open_room: Open, browser: "Browser", tmp_path: Path) -> None:
    page = open_room("#/explore?x=1,0,-1,2,4&w=1,2,5")
    framed(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as a file").click()
    download.value.save_as(tmp_path / "view.html")
    with browser.new_context(offline=True) as context:
        alone = context.new_page()
        complaints: list[str] = []
        for event in ("console", "pageerror"):
            alone.on(event, lambda about: complaints.append(str(about)))
        alone.goto((tmp_path / "view.html").as_uri())
        expect(alone.locator(".sum h2")).to_have_text("y[0,0] = -4")  # 1 * 1 + 2 * 0 - 5 * 1
        assert complaints == []


def test_own_numbers_take_the_place_of_the_run_s(open_room: Open) -> None:
    page = open_room("#/run/sunspots/look?steps=4")
    framed(page)
    page.get_by_label("numbers").fill("3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_text("Chosen: pasted.csv")).to_be_visible()
    assert "upload=" in page.url


def test_a_view_without_its_file_invites_one(open_room: Open) -> None:
    page = open_room("#/run/digits/classify")
    expect(page.get_by_text("Choose a file above, or drop it there.")).to_be_visible()
    assert page.locator("iframe").count() == 0
    expect(page.get_by_role("link", name="Export as a file")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_refusal_is_shown_whole_in_the_pages_own_style(scheme: str, open_refused: Open, tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"no picture" * 9)
    page = open_refused("#/run/digits/classify", scheme=scheme)
    page.set_input_files("input[type=file]", tmp_path / "digit.png")
    expect(page.get_by_text("Chosen: digit.png")).to_be_visible()
    frame = framed(page)
    sentence = frame.locator("p.error")
    expect(sentence).to_contain_text("digit.png cannot be read as an image")
    assert sentence.inner_text().startswith("digit.png")  # and not where the server keeps it
    inner = frame.evaluate(
        "[document.documentElement.scrollHeight, innerHeight, getComputedStyle(document.body).color]"
    )
    assert inner[0] <= inner[1]
    assert "serif" not in str(frame.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")).split(", ")
    ground = frame.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}[scheme]
    assert page.get_by_text("is shown").count() == 0


def test_own_files_are_named_as_the_reader_does(open_room: Open, tmp_path: Path) -> None:
    require_png(tmp_path / "mine.png")
    page = open_room("#/run/digits/classify")
    page.set_input_files("input[type=file]", tmp_path / "mine.png")
    frame = framed(page)
    frame.get_by_role("heading", level=1, name="mine.png").wait_for()
    assert "chainrule-studio" not in frame.content()
    page = open_room(page.url.split("/", 3)[3].replace("classify", "layers"))
    frame = framed(page)
    frame.get_by_role("heading", level=1).wait_for()
    assert "chainrule-studio" not in frame.content()


def require_png(path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("L", (8, 8), 3).save(path)
