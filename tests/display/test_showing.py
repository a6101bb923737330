"""Every way to show a result: tables at 80 columns, dictionaries for json, figures by their data, pages by elements."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

from chainrule import lens
from chainrule.display import Shown, Table, logarithmic, new_figure, page_of, signed
from chainrule.errors import ArgumentError
from chainrule.lens import Recorder
from chainrule.models import ModelConfig, build_symbol_model
from tests.lens.cases import inputs, layer_of, look

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def convolved() -> lens.Convolution:
    torch.manual_seed(0)
    return lens.convolution(torch.nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), torch.randn(1, 2, 9, 8))


def windowed() -> Shown:
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig("conv", hidden=4, window=4), symbols=5)
    return lens.through_time(model, torch.randint(0, 5, (2, 9)))


def recorded() -> Recorder:
    layer = layer_of("lstm").train()
    with Recorder(layer, every=1) as recorder:
        layer(inputs())[0].sum().backward()
    return recorder


RESULTS: dict[str, Callable[[], Shown]] = {
    "convolution": convolved,
    "convolution in 1-D": lambda: lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]),
    "convolution in 3-D": lambda: lens.convolution(torch.nn.Conv3d(1, 2, 2), torch.randn(1, 4, 4, 4)),
    "sizes": lambda: lens.sizes((8, 28, 28), (1, 3, 3), out_channels=16),
    "output": lambda: convolved().output(1, 2, 2),
    "input gradient": lambda: convolved().input_gradient(1, 4, 4),
    "kernel gradient": lambda: convolved().kernel_gradient(1, 0, 1, 1),
    "in 3-D": lambda: lens.convolution(torch.nn.Conv3d(1, 2, 2), torch.randn(1, 4, 4, 4)).output(1, 2, 2, 2),
    "nothing reaches": lambda: lens.convolution([1.0], x=[1.0, 3.0, 5.0], stride=2).input_gradient(1),
    "through time": lambda: look(layer_of("lstm"), inputs()),
    "in both directions": lambda: look(layer_of("lstm with everything"), inputs()),
    "reach": lambda: look(layer_of("torch's gru"), inputs()).reach(),
    "steps": lambda: look(layer_of("lstm"), inputs()).steps(),
    "term": lambda: look(layer_of("lstm"), inputs()).term(6, 1),
    "truncation": lambda: look(layer_of("lstm"), inputs()).truncation(),
    "gates": lambda: look(layer_of("rnn_tanh"), inputs()).gates(),
    "through window": windowed,
    "recorder": recorded,
}


@pytest.fixture(params=RESULTS)
def result(request: pytest.FixtureRequest) -> Shown:
    return RESULTS[request.param]()


def test_tables_fit_a_terminal(result: Shown) -> None:
    assert max(map(len, str(result).splitlines())) <= 80
    console = Console(width=80, file=io.StringIO())
    console.print(result)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for cell in result.table().columns:
        assert cell in text
    assert "…" not in text or len(result.table().rows) > 40


def test_numbers_give_up_digits_before_the_edge_of_the_terminal() -> None:
    layer = torch.nn.LSTM(4, 5, batch_first=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1e-3)
    test_tables_fit_a_terminal(look(layer, 1e-2 * inputs(), lambda result: 1e-5 * result[0].sum()).steps())


def test_dictionaries_are_json(result: Shown) -> None:
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)


@pytest.mark.sampled(0)
def test_figures_leave_the_session_alone(result: Shown) -> None:
    before = dict(mpl.rcParams)
    (axes, *_) = result.plot().axes
    assert axes.get_title("left")
    assert axes.get_xlabel()
    own = Figure().subplots()
    assert result.plot(own) is own
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


class Page(HTMLParser):
    """The elements of a page, all of which have to be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def allowed(policy: str, what: str) -> str:
    """What the content security policy of a page allows of scripts or styles."""
    (found,) = re.findall(rf"{what} '([^']+)'(?:;|$)", policy)
    return str(found)


def hash_of(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", ["convolution", "sizes", "through time", "term", "recorder"])
def test_pages_run_their_views_alone_and_fetch_nothing(name: str, tmp_path: Path) -> None:
    result = RESULTS[name]()
    text = result.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text
    page = Page(text)
    tags = [tag for tag, _ in page.elements]
    assert "link" not in tags
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    (policy,) = (str(attrs["content"]) for tag, attrs in page.elements if tag == "meta" and "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; ")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert allowed(policy, "style-src") == hash_of(style)
    scripts = re.findall(r'<script type="module">(.*?)</script>', text, re.S)
    assert len(scripts) == any(part.view() for part in result.parts())
    assert allowed(policy, "script-src") == (hash_of(scripts[0]) if scripts else "none")
    assert len(re.findall("<script", text)) == len(scripts) + sum(part.view() is not None for part in result.parts())
    pictures = [attrs for tag, attrs in page.elements if tag == "img"]
    assert len(pictures) == len(result.parts())
    for _, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        assert all((attrs.get(name) or "data:").startswith("data:") for name in ("src", "href"))
    for attrs in pictures:
        assert attrs["alt"]
        svg = base64.b64decode((attrs["src"] or "").partition("base64,")[2]).decode()
        assert svg.count("<svg") == 1
        assert "<script" not in svg
        fetched = re.findall(r'(?:href|src)="([^"#][^"]*)"', svg)
        assert all(url.startswith("data:") for url in fetched)
    assert Page(result._repr_html_()).elements[0] == ("div", {"class": "chainrule"})


@pytest.mark.sampled(0)
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_page_opens_without_the_network_or_a_complaint(scheme: str, tmp_path: Path) -> None:
    RESULTS["through time"]().to_html(tmp_path / "page.html")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--hide-scrollbars"]
    options += [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
    ]
    options += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}"]
    command = [str(CHROMIUM), *options, f"file://{tmp_path / 'page.html'}"]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert seen.returncode == 0
    assert "CONSOLE" not in seen.stderr
    pixels = mpl.image.imread(tmp_path / "page.png")
    assert pixels[0, 0, :3].mean() == pytest.approx(1.0 if scheme == "light" else 0.1, abs=0.05)
    assert pixels[..., :3].std() > 0.02  # there is something on it


def test_a_page_of_several_is_named_after_the_first() -> None:
    results = [RESULTS["sizes"](), RESULTS["gates"]()]
    text = page_of(results)
    assert "<title>Convolution of 1x8x28x28" in text
    assert text.count("<h1>") == text.count("<h2>") == 1


def test_names_are_escaped() -> None:
    table = Table("<b>", ("a & b",), (("<script>",),), ("1 < 2",))
    assert table.to_html() == (
        '<table><thead><tr><th class="text">a &amp; b</th></tr></thead><tbody>\n'
        '<tr><td class="text">&lt;script&gt;</td></tr>\n</tbody></table>\n<p>1 &lt; 2</p>'
    )


def test_long_tables_leave_out_the_middle_and_say_how_much() -> None:
    table = Table("t", ("k",), [(k,) for k in range(100)])
    lines = str(table).splitlines()
    assert len(lines) == 3 + 41
    assert lines[3 + 20].strip() == "… 60"
    assert lines[-1].strip() == "99"


def test_signed_colours_are_centred_at_zero() -> None:
    (axes,) = new_figure(3).axes
    values = np.array([[-1.0, 0.0, 4.0]])
    signed(axes, values, "v")
    (image,) = axes.images
    assert image.get_clim() == (-4.0, 4.0)
    np.testing.assert_array_equal(image.get_array(), values)
    np.testing.assert_allclose(image.to_rgba(np.array([0.0]))[0, :3], np.ones(3), atol=0.04)  # white


def test_a_scale_of_norms_tells_zero_from_tiny_and_from_nothing() -> None:
    (axes,) = new_figure(3).axes
    logarithmic(axes, np.array([[1.0, 1e-3, 1e-30, 0.0, np.nan]]), "norm")
    (image,) = axes.images
    assert image.get_clim() == (1e-8, 1.0)
    figure = axes.get_figure(root=True)
    assert figure is not None
    assert figure.axes[1].get_ylabel() == "norm; floor 1e-08, exact zero grey"
    shown = image.get_array()
    assert shown is not None
    top, middle, tiny, zero, nothing = (tuple(np.round(c, 3)) for c in image.to_rgba(shown)[0])
    assert len({top, middle, tiny, zero, nothing}) == 5
    assert zero[:3] == (0.69, 0.69, 0.69)
    assert nothing == (0, 0, 0, 0)


def test_a_scale_of_norms_ends_where_the_norms_do() -> None:
    (axes,) = new_figure(3).axes
    logarithmic(axes, np.array([[1.0, 0.02, 0.5]]), "norm")
    assert axes.images[0].get_clim() == (0.02, 1.0)


def test_figures_show_the_numbers() -> None:
    found = look(layer_of("lstm"), inputs())
    reach = found.reach()
    image = reach.plot().axes[0].images[0].get_array()
    assert image is not None
    lower = np.tril_indices(7)
    np.testing.assert_allclose(np.ma.getdata(image)[lower], reach.norms.mean(0)[lower], rtol=1e-12)
    assert np.isnan(np.ma.filled(image, np.nan)[np.triu_indices(7, 1)]).all()
    lines = reach.plot(what="lags").axes[0].lines[:2]
    for name, line in zip(("h", "c"), lines, strict=True):
        curve = reach.curves[name]
        np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), curve / curve[0])
    steps = found.steps(row=2)
    for what, expected in (("h", steps.h), ("dc", steps.dc), ("f", steps.gates["f"]), ("df", steps.dgates["f"])):
        assert expected is not None
        np.testing.assert_array_equal(steps.plot(what=what).axes[0].images[0].get_array(), expected.T)
    with pytest.raises(ArgumentError, match="what is 'r'; expected one of h, c, dh, dc, i, f, g, o, di"):
        steps.plot(what="r")
    cut = found.truncation(2, 4)
    np.testing.assert_array_equal(cut.plot().axes[0].lines[0].get_ydata(), cut.lost)
    term = found.term(5, 1)
    np.testing.assert_array_equal(term.plot().axes[0].lines[0].get_ydata(), np.linalg.norm(term.carried, axis=1))
    look_ = convolved()
    np.testing.assert_array_equal(look_.plot().axes[0].images[0].get_array(), look_.y[0, 0])
    total = look_.input_gradient(1, 4, 4)
    drawn = total.overlay.source[np.ix_(total.overlay.rows, total.overlay.columns)]
    assert (drawn * total.overlay.kernel).sum() != 0
    assert len(total.plot().axes[0].patches) == 9
