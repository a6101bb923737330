"""Documents in the symbols of files: as splitting the text itself would have them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Reading
from chainrule.data.text import decoding
from chainrule.data.text.documents import Documents
from chainrule.data.text.reader import text_symbols

TEXTS = st.lists(st.text("ab \t\r\n\x0cé漢𝄞"), max_size=3)
WHITE = " \t\v\f\r"
HOW = ("one", "line", "blank-line")


def by_hand(text: str, how: str) -> list[str]:
    text = text.replace("\r\n", "\n")
    if how == "one":
        return [text] if text else []
    lines = text.split("\n")
    if how == "line":
        return [line + "\n" for line in lines if line]
    found: list[str] = []
    open_one = False
    for line in lines:
        has_text = bool(line.strip(WHITE))
        if has_text and open_one:
            found[-1] += line + "\n"
        elif has_text:
            found.append(line + "\n")
        open_one = has_text
    return [document + "\n" for document in found]


@pytest.mark.slow
@given(TEXTS, st.sampled_from(HOW), st.integers(4, 40))
@settings(deadline=None, max_examples=300)
def test_documents_are_those_of_the_text_wherever_blocks_end(texts: list[str], how: str, size: int) -> None:
    expected = [document for text in texts for document in by_hand(text, how)]
    files: dict[str, bytes] = {f"{i}.txt": text.encode() for i, text in enumerate(texts)}
    files["last.txt"] = b"last"
    expected += by_hand("last", how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK", size)
        symbols = text_symbols(files, Reading(documents=how), "texts")  # type: ignore[arg-type]
    assert [symbols.alphabet.decode(document) for document in symbols.documents] == expected
    assert symbols.length == sum(map(len, expected))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3))), st.integers(0, 9))
@settings(deadline=None)
def test_positions_are_counted_over_documents_alone(parts: list[tuple[int, int]], seed: int) -> None:
    """Parts are (steps of a document, steps behind it that are of none)."""
    whole = np.random.default_rng(seed).integers(0, 3, sum(size + gap for size, gap in parts))
    sizes, gaps = np.array(parts, dtype=np.int64).reshape(-1, 2).T
    stops = np.cumsum(sizes + gaps) - gaps
    starts = stops - sizes
    kept = stops > starts
    documents = Documents(whole, starts[kept], stops[kept])
    together = np.concatenate([np.zeros(0, np.int64), *documents])
    assert documents.length == len(together)
    np.testing.assert_array_equal(documents.positions(2), np.flatnonzero(together == 2))
    assert [document.tolist() for document in documents[1:]] == [document.tolist() for document in documents][1:]
