"""Progress: strict JSON records, plain lines in a pipe, silence when asked, a bar on a terminal."""

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from chainrule.lens import Recorder
from chainrule.runs.folder.metrics_log import METRICS, keep_until, read_metrics, reporting
from chainrule.training import Progress


def spent(step: int, of: int = 100, loss: float = 2.0, since: Progress | None = None, **more: float) -> Progress:
    """The progress at a step, with what a loop carries on from the step before: ``since``."""
    before = since or Progress()
    return Progress(
        step=step,
        seconds=step / 10,
        spent=step / of,
        seen=step * 8,
        loss=loss,
        per_second=80.0,
        recorded=before.recorded,
        unrecorded=(before.unrecorded[0] + loss, before.unrecorded[1] + 1),
        **more,  # type: ignore[arg-type]
    )


def test_records_are_one_json_object_a_line_with_mean_losses(tmp_path: Path) -> None:
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True) as report:
        progress = Progress()
        for step in range(1, 1001):
            validated = {"validation": 1.5, "validated_step": step} if step % 50 == 0 else {}
            progress = spent(step, of=1000, loss=float(step), since=progress, **validated)
            report(progress)
            report(progress)  # as a resumed run does, which records nothing twice
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert records == read_metrics(tmp_path)
    steps = [record["step"] for record in records]
    assert steps == sorted(set(steps))
    assert 190 <= len(records) <= 230
    assert [record["step"] for record in records if "validation" in record] == list(range(50, 1001, 50))
    assert records[1]["loss"] == pytest.approx((steps[0] + 1 + steps[1]) / 2)


def test_a_line_that_a_kill_cut_short_is_left_out_and_later_ones_are_dropped_on_resuming(tmp_path: Path) -> None:
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True) as report:
        for step in range(1, 11):
            report(spent(step, of=10))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "lo')
    assert len(read_metrics(tmp_path)) == 10
    keep_until(tmp_path, 7)
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True) as report:
        report(spent(8, of=10))
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_plain_lines_on_standard_error_when_it_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with reporting(tmp_path / METRICS, "gru of [b]x", "character", quiet=False) as report:
        for step in range(1, 101):
            report(spent(step, validation=1.25))
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert 10 <= len(lines) <= 12
    assert lines[0] == "gru of [b]x  10%  loss 2.000 held out 1.250, 80 characters/s, 0:09 left"
    assert "100%" in lines[-1]
    assert "\x1b" not in err


def test_looks_at_the_gradients_are_recorded_once_shown_and_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(2, 4, batch_first=True)
    reach = Recorder(layer, every=2, window=20)
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=False, reach=reach) as report:
        for step in range(1, 5):
            layer(torch.randn(3, 20, 2))[0].sum().backward()
            report(spent(step, of=4))
    records = read_metrics(tmp_path)
    assert ["reach" in record for record in records] == [False, True, False, True]
    last = records[-1]["reach"]
    assert last["horizon"] == reach.records[-1].horizon
    assert last["gradient_by_lag"] == pytest.approx(reach.records[-1].by_lag.tolist(), rel=1e-3)
    assert last["saturated"].keys() == {"r", "z", "n"}
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("gru of x  25%  loss 2.000, 80 characters/s")
    assert f"loss 2.000, horizon {last['horizon']}, 80/s, 0:00 left" in lines[3]
    assert lines[-1] == f"gradients at step 4: {last['verdict']}"
    assert not layer._forward_hooks


def test_the_last_look_is_at_the_end(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(2, 4, batch_first=True)
    reach = Recorder(layer, share=0.01)
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True, reach=reach) as report:
        for step in range(1, 41):
            layer(torch.randn(3, 20, 2))[0].sum().backward()
            report(spent(step, of=40))
    assert [record["step"] for record in read_metrics(tmp_path) if "reach" in record] == [39]


def test_what_overflows_is_recorded_as_null(tmp_path: Path) -> None:
    layer = torch.nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").fill_(1e20)
        layer.get_parameter("weight_ih_l0").fill_(1e-38)
    reach = Recorder(layer, every=1)
    with reporting(tmp_path / METRICS, "rnn of x", "character", quiet=True, reach=reach) as report:
        layer(torch.ones(1, 4, 1))[0].sum().backward()
        report(spent(1))
    record = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)
    assert record["reach"]["gradient_by_lag"] == [1.0, 1e20, None, None]
    assert record["reach"]["verdict"].startswith("exploding")


def test_quiet_records_and_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True) as report:
        report(spent(100))
    assert capsys.readouterr() == ("", "")
    assert len(read_metrics(tmp_path)) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("title", "shown"), [("gru of x", "gru of x"), ("gru of words.txt", "gru of wo…")])
@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_the_title_gives_way_to_the_bar_and_the_numbers(
    title: str, shown: str, columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    with reporting(tmp_path / METRICS, title, "character", quiet=False) as report:
        report(spent(100, validation=1.25))
    last = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).strip())[-1]
    if columns == 80:
        assert last.rstrip() == f"{shown} ━━━━━━━━━━ 100% loss 2.000 held out 1.250, 80 characters/s, 0:00 left"
    else:
        assert "loss 2.000 held out 1.250" in last
    assert len(last) <= columns


def test_a_run_without_metrics_has_no_records(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []


BROKEN = {
    b'{"step": 2, "loss": [1]}': "it.loss is a list of 1; expected a finite number or null",
    b'{"loss": 1.0}': "it lacks step",
    b'{"step": "2", "loss": 1.0}': "it.step is '2'; expected a whole number",
    b'{"step": 2, "loss": 1.0, "reach": {"horizon": "far", "gradient_by_lag": []}}': "it.reach.horizon is 'far'",
    b'{"step": 2, "loss": NaN}': "NaN is no number of JSON",
    b'{"step": 2,': "line 1 column",
    b"[" * 999_999: "nested too deeply",
    b"\xff\xfe": "can't decode byte 0xff",
    b"7": "it is 7; expected an object",
}


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: repr(line[:40]))
def test_a_line_that_is_no_record_is_left_out_and_told(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / METRICS
    good = [b'{"step": 1, "loss": 2.0, "colour": "any"}', b'{"step": 3, "loss": null, "validation": 1.5}']
    path.write_bytes(b"\n".join([good[0], line, good[1], b'{"step": 4, "lo']))
    with pytest.warns(UserWarning, match=f"line 2 of .*{METRICS} is left out, as it is no record.*({BROKEN[line]})"):
        records = read_metrics(tmp_path)
    assert [record["step"] for record in records] == [1, 3]
    with pytest.warns(UserWarning, match="line 2"):
        keep_until(tmp_path, 3)
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 3]


class Page:
    """What IPython.display.display gives for an output that can be updated."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Page":
        assert raw
        assert display_id
        self.shown.append(data["text/plain"])
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data["text/plain"])


def test_in_a_notebook_one_line_is_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import IPython
    import IPython.display

    page = Page()
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr(IPython.display, "display", page.display)
    with reporting(tmp_path / "metrics.jsonl", "gru of words", "character", quiet=False) as report:
        for step in (1, 2):
            report(Progress(step=step, spent=step / 2, seconds=1.0, loss=1.5))
    assert page.shown[0] == "gru of words"
    assert page.shown[1].startswith("gru of words  50%  loss 1.500")
    assert len(page.shown) == 3
    assert capsys.readouterr().err == ""


def test_how_training_ended_is_said_once_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Patience that is lost ends a training; where a last stage follows, it is that which is told."""

    def said(*more: Progress) -> str:
        with reporting(tmp_path / METRICS, "gru of x", "character", quiet=False) as report:
            for progress in more:
                report(progress)
        return capsys.readouterr().err

    lost = spent(60, best_step=30, stale=3, stopped=True)
    assert "stopped at step 60: no improvement since step 30\n" in said(lost)
    ended = spent(75, best_step=30, stale=3, joined=0.6, until=0.75)
    told = said(lost, ended)
    assert "stopped at" not in told
    assert "gone back to step 30, as nothing after it was better; then trained over everything for 15 % of the" in told
    assert "gone back" not in said(spent(100, best_step=85, joined=0.85))


def test_the_validation_of_the_start_is_the_first_record_once(tmp_path: Path) -> None:
    for first in (1, 3):  # as a fit that is gone on with does
        with reporting(tmp_path / METRICS, "gru of x", "character", quiet=True) as report:
            for step in range(first, first + 2):
                report(spent(step, of=10, start=(3.5, 0.25, 4.0)))  # type: ignore[arg-type]
    start, *others = read_metrics(tmp_path)
    assert start == {
        "step": 0, "seconds": 0.0, "seen": 0, "loss": None, "validation": 3.5, "beside": 0.25, "alone": 4.0
    }  # fmt: skip
    assert [record["step"] for record in others] == [1, 2, 3, 4]
