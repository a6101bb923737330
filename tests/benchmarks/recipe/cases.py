"""A small text and settings of a small network."""

import numpy as np
from benchmarks.learning.texts import Text

SMALL = "hidden=8+embedding=6+batch=4+window=16"


def a_text(characters: int = 2000) -> Text:
    """In which each character tells much of the next."""
    random = np.random.default_rng(0)
    symbols = (np.arange(characters) + (random.random(characters) < 0.1)) % 4
    return Text("made", "made", symbols, alphabet=4, scored=characters // 10)
