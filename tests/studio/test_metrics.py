"""Curves: read on as the file grows, thinned with their extremes kept, and never broken by what is no record."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.runs.folder.metrics_log import METRICS
from chainrule.studio.metrics import MetricsFiles, MetricsReader, in_columns, thinned


def line(step: int, **more: Any) -> str:
    return json.dumps({"step": step, "seconds": step / 10, "loss": 1 / (step + 1), **more}) + "\n"


def test_a_file_is_read_on_from_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    reader = MetricsReader(path)
    assert reader.news().curves == {}
    whole = line(1, validation=2.0)
    path.write_text(whole + line(2)[:-5])
    news = reader.news()
    assert news.anew
    assert {name: points.tolist() for name, points in news.curves.items()} == {
        "training": [[1, 0.1, 0.5]],
        "validation": [[1, 0.1, 2.0]],
    }
    with path.open("a") as file:
        file.write(line(2)[-5:] + line(3, joined=True))
    other = MetricsReader(path, reader.place)
    news = reader.news()
    assert (news.anew, news.joined) == (False, 3)
    assert news.curves["training"][:, 0].tolist() == [2, 3]
    assert other.news().curves["training"][:, 0].tolist() == [2, 3]
    assert reader.news().curves == {}


def test_a_file_that_was_replaced_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    path.write_text(line(1) + line(2))
    files = MetricsFiles()
    assert files.of(tmp_path)[0]["training"][:, 0].tolist() == [1, 2]
    path.rename(tmp_path / "old")
    path.write_text(line(7) + line(8) + line(9))
    assert files.of(tmp_path)[0]["training"][:, 0].tolist() == [7, 8, 9]
    path.unlink()
    assert files.of(tmp_path)[0] == {}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "{",
        "[1]",
        "null",
        '{"loss": 1}',
        '{"step": "1"}',
        '{"step": NaN}',
        '{"step": true}',
        "[" * 100_000,
        "\udc80",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_record_is_left_out(tmp_path: Path, bad: str) -> None:
    (tmp_path / METRICS).write_bytes((line(1) + bad + "\n" + line(2)).encode(errors="surrogateescape"))
    assert MetricsFiles().of(tmp_path)[0]["training"][:, 0].tolist() == [1, 2]


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    values: list[dict[str, Any]] = [{"loss": None}, {"loss": "x"}, {"loss": math.inf}]
    records = [*values, {"loss": 3.0, "reach": {"horizon": None, "half": 2}}]
    (tmp_path / METRICS).write_text("".join(json.dumps({"step": k, **each}) + "\n" for k, each in enumerate(records)))
    columns = in_columns(MetricsFiles().of(tmp_path)[0])
    assert columns == {
        "training": {"step": [3.0], "seconds": [None], "value": [3.0]},
        "horizon": {"step": [3.0], "seconds": [None], "value": [None]},
        "half": {"step": [3.0], "seconds": [None], "value": [2.0]},
    }


def test_a_look_that_no_gradient_entered_has_no_horizon_beyond_anything(tmp_path: Path) -> None:
    looks = [{"horizon": None, "half": None, "gradient_by_lag": norms} for norms in ([1.0, 0.5], [0.0], [None], [])]
    (tmp_path / METRICS).write_text("".join(line(k, reach=each) for k, each in enumerate(looks)))
    assert in_columns(MetricsFiles().of(tmp_path)[0])["horizon"]["step"] == [0.0]


@pytest.mark.parametrize("count", [1, 2, 10, 11, 12, 13, 1000, 5003])
@pytest.mark.parametrize("most", [10, 11, 100])
def test_thinning_keeps_both_ends_and_all_extremes(count: int, most: int) -> None:
    random = np.random.default_rng(count)
    curve = np.stack([np.arange(count), np.arange(count), random.standard_normal(count)], axis=1)
    thin = thinned(curve, most)
    assert len(thin) <= most
    assert (np.diff(thin[:, 0]) > 0).all()
    assert thin[[0, -1]].tolist() == curve[[0, -1]].tolist()
    assert thin[:, 2].max() == curve[:, 2].max()
    assert thin[:, 2].min() == curve[:, 2].min()
    assert {tuple(row) for row in thin} <= {tuple(row) for row in curve}
