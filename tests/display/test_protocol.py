"""What every kind of result can do, made by real fits of data whose names are wide, long and full of markup."""

import inspect
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

import chainrule
from chainrule import Run
from chainrule.cli.app import app
from chainrule.cli.console import show
from chainrule.data.panels.panel import Panel
from chainrule.display import Shown, Table
from chainrule.display.formula import typeset
from chainrule.doctor import diagnose
from chainrule.errors import ArgumentError
from chainrule.lens import Recorder
from chainrule.runs import Comparison, Forecast
from chainrule.runs.scoring.panels import PanelBacktest
from chainrule.runs.scoring.panels.baselines.simple import naive
from chainrule.runs.scoring.panels.forecast_arrays import forecast_panel
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.score import score_panel
from chainrule.runs.scoring.sampled import SampledSound, SampledText, SampledValues
from chainrule.runs.watching.beside import CurvesBeside
from chainrule.runs.watching.curves import TrainingCurves
from chainrule.runs.watching.looks import TrainingLooks
from tests.runs.cases import ar1, daily, panel, text
from tests.runs.scoring.panels.cases import LEVELS

COLUMNS = ("<b>가격</b>", "a name that goes on & on, " * 5 + "to its end")
FOLDER = Path()  # of the runs, which a fixture makes


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    global FOLDER
    FOLDER = tmp_path_factory.mktemp("protocol")
    yield
    for cached in (series_run, text_run, digits_run, compared, look, look_at_digits, recorded, made):
        cached.cache_clear()


def fit(source: Any, *args: Any, **options: Any) -> Run:
    return chainrule.fit(source, *args, out=FOLDER / options.pop("name"), quiet=True, figures=False, **options)


@cache
def series_run() -> Run:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ar1(columns=2) * [1, 1e4], columns=list(COLUMNS), index=pandas.Index(daily(300)))
    path = FOLDER / "<script>값.csv"
    frame.to_csv(path, index_label="date")
    return fit(path, "ar", window=2, name="series", reading=chainrule.Reading(columns=COLUMNS))


@cache
def panel_run() -> Run:
    return fit(panel(3, 40), "gru", hidden=4, horizon=4, steps=2, name="panel")


@cache
def text_run() -> Run:
    (FOLDER / "<b>words.txt").write_text(text())
    return fit(FOLDER / "<b>words.txt", hidden=4, window=8, steps=10, training={"batch": 4}, name="text")


@cache
def digits_run() -> Run:
    return fit("digits", hidden=4, steps=4, name="digits")


@cache
def compared() -> Comparison:
    source = series_run().config.source
    assert source is not None
    reading = chainrule.Reading(columns=COLUMNS)
    options: dict[str, Any] = {"hidden": 2, "window": 4, "steps": 2, "quiet": True}
    result = chainrule.compare(source, ["ar", "gru"], reading=reading, out=FOLDER / "compared", **options)
    assert isinstance(result, Comparison)
    return result


def compared_folder() -> Path:
    compared()
    return FOLDER / "compared"


def files() -> list[Path]:
    if not (FOLDER / "<b>").exists():
        chainrule.data.export("digits", FOLDER / "<b>")
    return sorted((FOLDER / "<b>").rglob("*.png"))[:60]


@cache
def look() -> Any:
    return text_run().look(steps=6)


@cache
def look_at_digits() -> Any:
    return digits_run().look(files()[0], label="3")


def panel_result(scored: bool) -> Shown:
    """Of two series, one of them constant, by forecasters whose names are as hard to show."""
    both = Panel(np.append(ar1(40), np.ones(40)), np.array([0, 40, 80]), COLUMNS, target=COLUMNS[1], name=COLUMNS[0])
    series = np.array([0, 1])
    rows = np.array([36, 76])
    quantiles = naive(Origins(both, series, rows, 4), LEVELS).quantiles
    if not scored:
        return forecast_panel(both, series, rows, quantiles, LEVELS)
    return score_panel(both, series, rows, {COLUMNS[0]: quantiles, "naive": quantiles}, LEVELS, 4)


def panel_scores() -> Shown:
    backtest = panel_result(scored=True)
    assert isinstance(backtest, PanelBacktest)
    return backtest.scores


def side_by_side() -> Shown:
    x = torch.ones(2, 9, 2)
    layers = {COLUMNS[0]: torch.nn.RNN(2, 3, batch_first=True), "<b>GRU": torch.nn.GRU(2, 3, batch_first=True)}
    return chainrule.lens.side_by_side({name: chainrule.lens.through_time(layer, x) for name, layer in layers.items()})


@cache
def recorded() -> Recorder:
    layer = torch.nn.GRU(2, 3, batch_first=True)
    with Recorder(layer, every=1) as recorder:
        layer(torch.ones(2, 9, 2))[0].sum().backward()
    return recorder


def curves() -> TrainingCurves:
    run = text_run()
    return TrainingCurves.of_folder(run.path, run.config, {"<b>": 3.0})


KINDS: dict[str, Callable[[], Shown]] = {
    "score of a series": lambda: series_run().score(),
    "score of text": lambda: text_run().score(context=16),
    "score of classes": lambda: digits_run().score(),
    "comparison": compared,
    "backtest": lambda: series_run().backtest(horizon=3, paths=20),
    "forecast": lambda: series_run().forecast(5, paths=50),
    "long forecast": lambda: series_run().forecast(120, paths=20),
    "backtest of a panel": lambda: panel_result(scored=True),
    "scores of a panel": lambda: panel_scores(),
    "forecast of a panel": lambda: panel_result(scored=False),
    "classification": lambda: digits_run().classify(files()[:1])[0],
    "classifications": lambda: digits_run().classify(files()[:5]),
    "run of text": text_run,
    "run of images": digits_run,
    "run in closed form": series_run,
    "run of a panel": panel_run,
    "run that was loaded": lambda: chainrule.load(text_run().path),
    "look through time": look,
    "reach": lambda: look().reach(),
    "steps": lambda: look().steps(),
    "term": lambda: look().term(4),
    "truncation": lambda: look().truncation(),
    "gates": lambda: look().gates(),
    "side by side": side_by_side,
    "look through a window": lambda: series_run().look(steps=20),
    "convolution": lambda: chainrule.lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]),
    "sum": lambda: chainrule.lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]).output(1),
    "laws of convolution": lambda: chainrule.lens.convolution_laws([1.0, 2.0], [1.0, 3.0, 5.0]),
    "unrolled": lambda: look().unrolled(k1=2),
    "score of each symbol": lambda: text_run().score_each(),
    "score of each step": lambda: series_run().score_each(),
    "score in random order": lambda: text_run().score_shuffled(times=3),
    "sizes": lambda: chainrule.lens.sizes((28, 28), (3, 3)),
    "look through layers": look_at_digits,
    "layers": lambda: look_at_digits().layers(),
    "saliency": lambda: look_at_digits().saliency(),
    "feature maps": lambda: look_at_digits().maps(0),
    "kernels": lambda: look_at_digits().kernels(0),
    "cell": lambda: look_at_digits().cell(3, 1, 2),
    "receptive field": lambda: look_at_digits().receptive_field(3, 1, 2),
    "mistakes": lambda: digits_run().mistakes(),
    "recorder": lambda: recorded(),
    "curves of a fit": curves,
    "curves side by side": lambda: CurvesBeside({COLUMNS[0]: curves(), COLUMNS[1]: curves()}, {COLUMNS[0]: 2.5}),
    "looks of a fit": lambda: TrainingLooks.of_records(COLUMNS[0], curves().records),
    "sampled text": lambda: SampledText("<b>words", f"{COLUMNS[0]}\n" * 9, "the \t", "Seed 0."),
    "sampled sound": lambda: SampledSound(COLUMNS[0], np.sin(np.arange(99, dtype=np.float32)), 8000),
    "sampled values": lambda: SampledValues(COLUMNS[0], COLUMNS, ar1(9, columns=2), ar1(columns=2), "Seed 0."),
    "record": lambda: recorded().records[-1],
    "runs": lambda: chainrule.runs.list_runs(compared_folder()),
    "diagnosis": lambda: diagnose(seconds=1e-9),
}


@pytest.fixture(params=KINDS)
def result(request: pytest.FixtureRequest) -> Shown:
    return made(request.param)


@cache
def made(name: str) -> Shown:
    return KINDS[name]()


def kinds_of(base: type[Any]) -> Iterator[type[Any]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_of(kind)


for room in (chainrule, chainrule.doctor, chainrule.lens, chainrule.runs):
    for name in room.__all__:
        getattr(room, name)  # rooms import what they export on demand
RESULTS = [kind for kind in kinds_of(Shown) if kind.__module__.startswith("chainrule.")]
"""Every class of results that there is."""


def returned_by(function: Callable[..., Any]) -> Iterator[type[Any]]:
    """The classes of chainrule that a function says to return, alone, in a union or in a list."""
    if not inspect.isfunction(function):
        return
    found = inspect.signature(function).return_annotation
    if isinstance(found, str):
        named = inspect.getmodule(function)
        found = getattr(named, found, None)
    for each in (found, *get_args(found)):
        if isinstance(each, type) and each.__module__.startswith(("chainrule.lens.", "chainrule.runs.")):
            yield each


def test_every_kind_of_result_is_held_to_the_protocol() -> None:
    concrete = {kind for kind in RESULTS if not inspect.isabstract(kind)}
    assert concrete == {type(made(name)) for name in KINDS}


def test_what_public_functions_and_results_return_are_results() -> None:
    functions = [
        (module.__name__, name, getattr(module, name))
        for module in (chainrule, chainrule.lens, chainrule.runs)
        for name in module.__all__
    ]
    methods = [
        (kind.__name__, name, method)
        for kind in RESULTS
        for name, method in vars(kind).items()
        if not name.startswith("_")
    ]
    found = {(where, name, kind) for where, name, each in functions + methods for kind in returned_by(each)}
    assert {"score", "forecast", "look", "convolution", "truncation"} <= {name for _, name, _ in found}
    assert [entry for entry in found if not issubclass(entry[2], Shown)] == []


@pytest.mark.parametrize("kind", RESULTS)
def test_no_kind_prints_its_arrays(kind: type) -> None:
    for name in ("__repr__", "__str__", "__rich__", "_repr_html_", "plot", "to_html"):
        assert getattr(kind, name) is getattr(Shown, name), f"{kind.__name__}.{name}"


def test_a_repr_is_one_short_line(result: Shown) -> None:
    line = repr(result)
    assert line.startswith(f"<{type(result).__name__} ")
    assert line.endswith(">")
    assert "\n" not in line
    assert len(line) < 160


def test_a_str_fits_a_terminal_and_is_cut_in_the_middle(result: Shown) -> None:
    lines = str(result).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) < 120


def printed(result: Shown | Table, width: int, terminal: bool = False) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None)
    console.print(result)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_show_writes_is_the_str(
    result: Shown, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show(result)
    written = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    if "… " not in str(result):  # a pipe gets all rows
        assert written == str(result).splitlines()
    assert len(written) >= len(str(result).splitlines())


@pytest.mark.sampled(1)
@pytest.mark.parametrize("width", [40, 30])
def test_in_a_narrow_terminal_lines_fit_and_no_number_is_broken(result: Shown, width: int) -> None:
    assert max(map(cell_len, printed(result, width).splitlines())) <= width
    for table in result.tables():
        if any(isinstance(cell, str) and len(cell) > width for row in table.rows for cell in row):
            continue  # words may fold
        narrow = printed(Table("", table.columns, table.rows, formats=table.formats), width)
        wide = str(Table("", table.columns, table.rows[:30], formats=table.formats)).splitlines()[2:]
        fixed = [k for k, name in enumerate(table.columns) if name in table.formats]
        if len(fixed) == len(table.columns) - 1:
            for number in re.findall(r"(?<!\S)-?[\d,]+\.?\d*%?(?!\S)", "\n".join(wide)):
                assert re.search(rf"(?<!\S){re.escape(number)}(?!\S)", narrow), number


def test_frames_have_rows_and_numbers(result: Shown) -> None:
    frame = result.to_frame()
    assert len(frame)
    assert len(frame.select_dtypes("number").columns)


def test_dictionaries_are_strict_json(result: Shown) -> None:
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))


def test_a_notebook_shows_tables_and_figures_and_reads_no_markup(
    result: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)  # they are drawn below
    shown, _ = DisplayFormatter().format(result)  # type: ignore[no-untyped-call]
    assert shown["text/plain"] == repr(result)
    page = shown["text/html"]
    assert page.count("<table>") == sum(len(part.tables()) for part in result.parts())
    assert page.count("<img") == sum(part.drawable for part in result.parts())
    for markup in ("<b>", "<script"):
        assert markup not in page
    if "가격" in str(result):
        assert "&lt;b&gt;가격&lt;/b&gt;" in page


@pytest.mark.sampled(0)
def test_a_plot_shows_itself_in_a_notebook(result: Shown) -> None:
    if not result.drawable:
        with pytest.raises(ArgumentError, match=r"fitted in closed form, without steps to draw\. Plot its score"):
            result.plot()
        return
    figure = result.plot()
    shown, about = DisplayFormatter().format(figure)  # type: ignore[no-untyped-call]
    assert shown["image/png"].startswith(b"\x89PNG")
    assert about["image/png"]["width"] == 800
    assert figure.axes[0].get_title("left")


def test_a_plot_draws_on_the_axes_it_is_given(result: Shown) -> None:
    if not result.drawable:
        return
    own = Figure().subplots()
    options = {"column": result.columns[-1]} if isinstance(result, Forecast) else {}
    assert result.plot(own, **options) is own
    assert own.has_data()
    assert own.get_title("left")


def test_a_page_is_whole_and_runs_its_views_alone(
    result: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shown, "drawable", False)  # figures are drawn above
    page = result.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert page.startswith("<!DOCTYPE html>")
    assert "<table>" in page
    views = sum(part.view() is not None for part in result.parts())
    assert page.count('<div class="view"') == page.count('<script type="application/json">') == views
    assert page.count("<script") == views + (views > 0)
    for outside in ("<link", "http-equiv=refresh", "url(", '="http'):
        assert outside not in page
    assert "<b>" not in page


def test_formulas_are_typeset(result: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shown, "drawable", False)
    html = result._repr_html_()
    for latex in result.formulas():
        written = ElementTree.fromstring(typeset(latex))
        assert written.attrib["alttext"] == latex
        assert "\\" not in "".join(written.itertext()), "a command that is not known is left as it was"
        assert typeset(latex) in html


def test_a_forecast_of_several_columns_needs_one_for_one_axes() -> None:
    forecast = made("forecast")
    assert isinstance(forecast, Forecast)
    with pytest.raises(ArgumentError, match="one axes has room for one column, and there are 2"):
        forecast.plot(Figure().subplots())
    with pytest.raises(ArgumentError, match="column"):
        forecast.plot(column="none")
    assert len(forecast.plot().axes) == 2
    assert len(forecast.plot(column=forecast.columns[0]).axes) == 1


def test_a_forecast_as_a_frame_has_dates_and_every_digit() -> None:
    forecast = made("forecast")
    assert isinstance(forecast, Forecast)
    frame = forecast.to_frame()
    assert len(frame) == 5 * len(forecast.columns)
    assert (
        frame["date"].to_numpy()[:5].astype("datetime64[D]").tolist()
        == daily(305)[300:].astype("datetime64[D]").tolist()
    )
    first = frame[frame["column"] == forecast.columns[0]]
    np.testing.assert_array_equal(first[0.5], forecast.quantiles[1, :, 0])


def test_a_frame_keeps_the_time_zone() -> None:
    forecast = made("forecast")
    assert isinstance(forecast, Forecast)
    frame = replace(forecast, timezone="Europe/Berlin").to_frame()
    assert str(frame["date"].dt.tz) == "Europe/Berlin"
    np.testing.assert_array_equal(frame["date"].dt.tz_convert(None).to_numpy()[:5], forecast.dates)


def test_the_commands_print_what_python_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = chainrule.load(series_run().path)
    for command, result in (
        (["forecast", "--horizon", "5"], run.forecast(5)),
        (["score"], run.score()),
        (["backtest", "--horizon", "5"], run.backtest(horizon=5)),
    ):
        out = CliRunner().invoke(app, [command[0], str(run.path), *command[1:]]).stdout
        assert [line.rstrip() for line in out.splitlines()] == str(result).splitlines()


def test_a_pipe_gets_all_rows_and_a_terminal_is_told_of_those_left_out() -> None:
    table = Table("t", ("k",), [(k,) for k in range(100)])
    assert len(printed(table, 80).splitlines()) == 3 + 100
    seen = printed(table, 80, terminal=True)
    assert "… 60" in seen
    assert "The output has all rows if it is written to a file or a pipe." in seen


def test_runs_stand_below_one_another_in_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.concat([run.to_frame() for run in (text_run(), digits_run())], ignore_index=True)
    assert frame["model"].tolist() == ["lstm + ngram", "conv"]
    assert frame["parameters"].tolist() == [text_run().parameters, digits_run().parameters]
