"""How likely each symbol was, and what is left of it in random order."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Alphabet, Symbols
from chainrule.display.terminal import printable
from chainrule.models import AlphabetModel
from chainrule.runs.kinds.symbols.task import known_symbols
from chainrule.runs.scoring.surprise import Each, Shuffled, shuffles
from chainrule.training import Piece, log_probs

__all__ = ["each_symbol", "shuffled_symbols"]


def each_symbol(model: AlphabetModel, pieces: Sequence[Piece], of: str, unit: str, symbols: Symbols) -> Each:
    """log p of every scored symbol of the pieces, but for those that stand for an unknown one."""
    log_prob = known_symbols(np.concatenate(log_probs(model, pieces)), symbols)
    written = _written(symbols.alphabet)
    what = [written[index] for index in known_symbols(_scored(pieces), symbols).tolist()]
    notes = () if symbols.unknown is None else (str(symbols.unknown),)
    return Each(of, unit, what, log_prob, is_text=symbols.alphabet.kind == "characters", notes=notes)


def shuffled_symbols(
    model: AlphabetModel,
    pieces: Sequence[Piece],
    symbols: Symbols,
    *,
    about: Mapping[str, str],
    times: int,
    seed: int,
    advance: Callable[[float], None],
) -> Shuffled:
    """The symbols as they came and in so many random orders; what is read and not scored stays in its place."""
    scored = _scored(pieces)
    counts = np.ones(len(scored), dtype=bool)
    if symbols.unscored is not None:
        counts[symbols.unscored] = False

    def nats(order: NDArray[np.int64]) -> float:
        log_prob = np.concatenate(log_probs(model, _in_place_of(pieces, scored[order])))
        return -float(log_prob[counts[order]].mean())

    ordered = nats(np.arange(len(scored)))
    found = shuffles(times, seed, lambda generator: nats(generator.permutation(len(scored))), advance)
    return Shuffled(count=int(counts.sum()), ordered=ordered, shuffled=found, **about)


def _scored(pieces: Sequence[Piece]) -> NDArray[np.int64]:
    """What is scored of the pieces, end to end."""
    return np.concatenate([piece.x[piece.context :] for piece in pieces])


def _in_place_of(pieces: Sequence[Piece], scored: NDArray[np.int64]) -> list[Piece]:
    """The pieces with other symbols in the places of those that are scored."""
    ends = list(accumulate(len(piece.x) - piece.context for piece in pieces))
    parts = np.split(scored, ends[:-1])
    return [
        Piece(np.concatenate([piece.x[: piece.context], part]), piece.context)
        for piece, part in zip(pieces, parts, strict=True)
    ]


def _written(alphabet: Alphabet) -> list[str]:
    """Each symbol of the alphabet, as it is written in a table."""
    if alphabet.kind == "characters":
        return list(alphabet.symbols)
    if alphabet.kind == "bytes":
        return [printable(chr(byte)) if byte < 128 else f"0x{byte:02x}" for byte in range(len(alphabet))]
    return [f"{value:+.4f}" for value in np.asarray(alphabet.decode(np.arange(len(alphabet)))).tolist()]
