"""Streams: an epoch is every step once, rows run on in order, and documents are told apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, ShapeError, TooShortError
from chainrule.training import Chunk, Streams

lengths_of_documents = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(lambda lengths: sum(lengths) >= 2)


def documents_of(lengths: list[int]) -> list[NDArray[Any]]:
    """Documents laid end to end count 1, 2, 3, ..."""
    return np.split(1 + np.arange(sum(lengths)), np.cumsum(lengths)[:-1])


def rows_of(chunks: list[Chunk], part: str = "y") -> list[list[Any]]:
    """The real steps of each row."""
    rows: list[list[Any]] = [[] for _ in chunks[0].mask]
    for chunk in chunks:
        tensor = getattr(chunk, part)
        tensor = torch.zeros_like(chunk.mask) if tensor is None else tensor
        for row, more, real in zip(rows, tensor, chunk.mask, strict=True):
            assert real.tolist() == sorted(real.tolist(), reverse=True)  # what is not real is at the end
            row += more[real].tolist()
    return rows


@settings(deadline=None, max_examples=200)
@given(
    lengths=lengths_of_documents,
    batch=st.integers(1, 5),
    window=st.integers(1, 6),
    random_windows=st.booleans(),
    shuffle=st.booleans(),
    ranks=st.integers(1, 3),
)
def test_an_epoch_is_every_step_once_in_order(
    lengths: list[int], batch: int, window: int, random_windows: bool, shuffle: bool, ranks: int
) -> None:
    steps = sum(lengths)
    batch = min(batch, steps // (2 * ranks))
    if batch == 0:
        return
    documents = [document.tolist() for document in documents_of(lengths) if len(document)]
    every = [
        Streams(
            documents_of(lengths),
            batch,
            window,
            random_windows=random_windows,
            shuffle=shuffle,
            seed=sum(lengths),
            rank=rank,
            ranks=ranks,
        )
        for rank in range(ranks)
    ]
    for _ in range(2):
        chunks = [list(streams) for streams in every]
        assert len({len(of_rank) for of_rank in chunks}) == 1  # ranks have as many chunks each
        rows, before, starts = (
            [row for of_rank in chunks for row in rows_of(of_rank, part)] for part in ("y", "x", "resets")
        )
        assert max(map(len, rows)) - min(map(len, rows)) <= 1
        order = [step for row in rows for step in row]
        found = np.split(order, np.flatnonzero([start for row in starts for start in row]))[1:]
        if shuffle:
            assert sorted(document.tolist() for document in found) == sorted(documents)
        else:
            assert [document.tolist() for document in found] == documents
        first = {document[0] for document in documents}
        expected = [0 if step in first else step - 1 for step in order]
        assert [step for row in before for step in row] == expected
        if not random_windows:
            assert all(chunk.y.shape[1] == window for of_rank in chunks for chunk in of_rank[:-1])


def test_documents_are_shuffled_between_epochs_and_the_seed_decides_how() -> None:
    lengths = [3] * 20
    orders = []
    for seed in (0, 0, 1):
        streams = Streams(documents_of(lengths), batch=1, window=7, shuffle=True, seed=seed)
        orders.append([rows_of(list(streams))[0] for _ in range(2)])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][0] != orders[0][1]


def test_random_windows_are_about_the_window_and_sometimes_half() -> None:
    streams = Streams(np.zeros(200_000), batch=1, window=70, random_windows=True)
    widths = np.array([chunk.y.shape[1] for chunk in streams][:-1])
    assert 0.02 < (widths < 52).mean() < 0.08
    assert abs(widths[widths > 52].mean() - 70) < 0.5
    assert 4 < widths[widths > 52].std() < 6


def test_values_keep_their_shape_and_dtype() -> None:
    x = np.arange(20.0).reshape(10, 2)
    streams = Streams(x, batch=2, window=3)
    first, second = streams
    assert first.resets is not None
    assert first.resets.tolist() == [[True, False, False], [False, False, False]]
    assert second.y.dtype == torch.float64
    assert torch.equal(second.y, torch.from_numpy(np.stack([x[3:5], x[8:10]])))
    assert torch.equal(second.x, torch.from_numpy(np.stack([x[2:4], x[7:9]])))
    assert second.resets is None
    assert second.mask.all()


def test_whole_numbers_become_symbols() -> None:
    chunk = Streams(np.array([200, 3, 255], dtype=np.uint8), batch=1, window=3).read()
    assert chunk.y.dtype == chunk.x.dtype == torch.int64
    assert chunk.y.tolist() == [[200, 3, 255]]


@pytest.mark.sampled(0)
@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_mapped_file_is_read_where_it_lies(mode: Any, tmp_path: Path) -> None:
    """Also after its pages were given back."""
    path = tmp_path / "stream"
    content = np.arange(20_000, dtype=np.uint16)
    content.tofile(path)
    mapped = np.memmap(path, np.uint16, mode)
    if mode == "c":
        mapped[5] = 0
        content[5] = 0
    streams = Streams(mapped, batch=3, window=4)
    for _ in range(2):
        assert [step for row in rows_of(list(streams)) for step in row] == content.tolist()


@pytest.mark.parametrize("random_windows", [False, True])
def test_a_position_is_gone_back_to(random_windows: bool) -> None:
    make = {"batch": 2, "window": 6, "shuffle": True, "random_windows": random_windows}
    streams, other = (Streams(documents_of([5, 14, 8, 30]), **make) for _ in range(2))  # type: ignore[arg-type]
    for _ in range(13):
        position = streams.position
        peeked = streams.peek(3)
        chunk = streams.read()
        other.seek(*position)
        assert str(other.read()) == str(chunk)
        assert torch.equal(peeked.y[:, :3], chunk.y[:, :3])


@pytest.mark.parametrize("lengths", [[], [0], [1], [0, 1, 0]])
def test_one_step_has_nothing_to_learn_from(lengths: list[int]) -> None:
    with pytest.raises(TooShortError, match=f"two steps a row, and has {sum(lengths)} step"):
        Streams([np.arange(length) for length in lengths], 1, 1)


def test_a_batch_larger_than_the_data_is_told_what_would_fit() -> None:
    with pytest.raises(TooShortError, match=r"a batch of 10 needs .* has 9 steps; expected a batch of at most 4"):
        Streams(np.arange(9), 10, 4)
    with pytest.raises(TooShortError, match=r"a batch of 6 \(3 for each of 2 processes\) .* a batch of at most 2"):
        Streams(np.arange(9), 3, 4, ranks=2)


def test_tensors_and_lists_of_numbers_will_do() -> None:
    for documents in (torch.arange(1, 6), [torch.arange(1, 6)], [[1, 2, 3, 4, 5]]):
        assert Streams(documents, 1, 9).read().y.tolist() == [[1, 2, 3, 4, 5]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([1, 2, 3], r"document 0 is no array of steps .* got shape \(\) and dtype int64"),
        ("a text", "documents are a str; expected an array"),
        ([np.array(["a", "b"])], "document 0 is no array .* and dtype <U1"),
        (np.array(3), r"document 0 is no array .* got shape \(\)"),
        (np.arange(9, dtype=np.uint64), r"document 0 is a ndarray of uint64.* Give it as \.view\(numpy\.int64\)"),
        (np.ma.masked_less(np.arange(9), 3), r"document 0 is a MaskedArray .* Fill what is masked"),
        ([np.array(["a", "b"])], "dtype <U1"),
        ([np.arange(9), np.arange(9.0)], "document 1 has steps .* dtype float64, and one before of .* int64"),
        ([np.zeros((9, 2)), np.zeros((9, 1))], r"document 1 has steps of shape \(1,\)"),
    ],
    ids=str,
)
def test_documents_are_arrays_of_one_kind(documents: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Streams(documents, 1, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"window": 0}, "window is 0"),
        ({"window": 2.5}, "window is 2.5"),
        ({"rank": 2, "ranks": 2}, "rank is 2, but there are 2: expected 0 to 1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_their_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Streams(np.arange(9), **{"batch": 2, "window": 3, **arguments})
