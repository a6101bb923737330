"""The blocks that are held out of a text: spread, equal, aligned with short documents, never of the test part."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import split_steps
from chainrule.runs.kinds.symbols.blocks import spread


@given(st.lists(st.integers(1, 400), min_size=1, max_size=80), st.integers(10, 60_000))
def test_blocks_are_apart_in_order_and_before_the_test_part(lengths: list[int], more: int) -> None:
    lengths = [*lengths, more]
    train, valid, _ = split_steps(sum(lengths)) if sum(lengths) >= 10 else (8, 1, 1)
    begin_test = train + valid
    starts = [start for start in accumulate([0, *lengths[:-1]]) if start <= begin_test]
    blocks = spread(starts, begin_test, valid)
    ends = [0, *(bound for block in blocks for bound in block), begin_test]
    assert ends == sorted(ends)
    assert all(begin < end for begin, end in blocks)
    assert ends[1] > 0, "something trains before the first"
    assert all(after - before > 0 for before, after in zip(ends[2::2], ends[3::2], strict=True))
    assert abs(sum(end - begin for begin, end in blocks) - valid) <= valid / 2
    sizes = [end - begin for begin, end in blocks]
    assert len(blocks) == 1 or min(sizes) >= 125
    assert all(begin - first <= begin_test / len(blocks) for (_, first), (begin, _) in pairwise(blocks))


@given(st.integers(2, 30), st.integers(1000, 30_000))
def test_short_documents_are_held_out_whole(length: int, steps: int) -> None:
    begin_test = steps * 9 // 10
    starts = range(0, begin_test, length)
    for begin, end in spread(starts, begin_test, steps // 10):
        assert begin % length == end % length == 0
