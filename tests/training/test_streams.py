"""Streams: an epoch is every step once, rows run on in order, and documents are told apart."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, TooShortError
from chainrule.training import Streams

lengths_of_documents = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(lambda lengths: sum(lengths) >= 2)


def documents_of(lengths: list[int]) -> list[NDArray[Any]]:
    """Documents laid end to end count 0, 1, 2, ..."""
    return np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])


@settings(deadline=None, max_examples=200)
@given(lengths=lengths_of_documents, batch=st.integers(1, 5), window=st.integers(1, 6))
def test_an_epoch_is_every_step_once_in_order(lengths: list[int], batch: int, window: int) -> None:
    streams = Streams(documents_of(lengths), batch, window)
    steps = sum(lengths)
    assert streams.rows == min(batch, steps // 2)
    starts = set(np.cumsum([0, *lengths])[:-1][np.array(lengths) > 0].tolist())
    rows: list[list[int]] = [[] for _ in range(streams.rows)]
    for index in range(len(streams)):
        x, resets, mask = streams.chunk(index)
        assert x.shape == mask.shape
        assert 1 <= x.shape[1] <= window
        assert x.shape[1] == window or index == len(streams) - 1
        assert (resets is None) == (len(starts) == 1)
        if resets is not None:
            assert not resets[~mask].any()
            assert resets[mask].tolist() == [step in starts for step in x[mask].tolist()]
        for row, more, real in zip(rows, x.tolist(), mask.tolist(), strict=True):
            assert real == sorted(real, reverse=True)  # what is not real is at the end
            row += [step for step, is_real in zip(more, real, strict=True) if is_real]
    assert [step for row in rows for step in row] == list(range(steps))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_values_keep_their_shape_and_dtype() -> None:
    x = np.arange(20.0).reshape(10, 2)
    chunk = Streams([x], batch=2, window=3).chunk(1)
    assert chunk.x.dtype == torch.float64
    assert torch.equal(chunk.x, torch.from_numpy(np.stack([x[3:5], x[8:10]])))
    assert chunk.resets is None
    assert chunk.mask.all()


def test_chunks_do_not_remember_which_was_asked_for_before() -> None:
    streams = Streams(documents_of([5, 4, 8]), batch=2, window=3)
    first = streams.chunk(0)
    streams.chunk(1)
    assert str(first) == str(streams.chunk(0))


@pytest.mark.parametrize("lengths", [[], [0], [1], [0, 1, 0]])
def test_one_step_has_nothing_to_learn_from(lengths: list[int]) -> None:
    with pytest.raises(TooShortError, match=f"at least 2 steps, got {sum(lengths)}"):
        Streams([np.arange(length) for length in lengths], 1, 1)


@pytest.mark.parametrize(("batch", "window"), [(0, 1), (1, 0)])
def test_nothing_is_no_batch_and_no_window(batch: int, window: int) -> None:
    with pytest.raises(ArgumentError, match=f"at least 1, got {batch} and {window}"):
        Streams([np.arange(9)], batch, window)
