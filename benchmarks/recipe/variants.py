"""What a variant is: settings of a network and of its training."""

from dataclasses import dataclass, field, fields
from typing import Any

from chainrule._choices import listed
from chainrule.errors import ArgumentError

__all__ = ["VARIANTS", "Variant", "variant_of"]

_LEAST = dict.fromkeys(("members", "layers", "hidden", "embedding", "longest", "buckets", "batch", "window"), 1)
"""Other numbers may be 0."""
_MOST = 10**6


def _one_of(*choices: str) -> Any:
    """A setting that is one of these, the first where nothing is said."""
    return field(default=choices[0], metadata={"choices": choices})


@dataclass(frozen=True)
class Variant:
    """A recurrent network on text, and how it is trained.

    Attributes:
        members: networks that learn by themselves; their probabilities are averaged.
        layers: recurrent layers, one over another.
        embedding: width of the vectors that symbols and n-grams become.
        longest: n-grams up to this length are embedded into the input; 1 for symbols alone.
        ngram_dropout: probability of leaving out an n-gram's embedding, at each step by itself.
        buckets: rows of an n-gram's table, at most.
        output_longest: n-grams up to this length have logits of their own, added to the network's; 0 for none.
        dropout: of what the network puts out; ``dropout_of`` a step by itself, or of a row's window as a whole.
        input_dropout: of the embedded input, a step by itself.
        batch, window: rows, and the steps of each that gradients go back through.
        first, first_batch, first_window: a share of the characters that is read in the beginning, by other numbers
            of rows and steps, where they are not 0.
        after_next: weight of the loss on the symbol after next, which has a head of its own.
        optimiser: "adamw"; or for the recurrent matrices Muon by gates ("muon"), Muon of whole matrices ("muon-whole")
            or torch.optim.Muon, which takes five repetitions where chainrule's takes three ("muon-torch").
        rate, muon_rate: peak learning rates.
        decay, muon_decay: weight decays, of matrices other than embeddings.
        decay_by: what weights decay by at each step: in proportion to the learning rate ("rate"), as much at the end as
            at its peak ("steady"), or by the rate and more from step to step ("rising").
        average: decay of a moving average of the weights, which is judged in their place; 0 for none.
        schedule: how rates fall to a twentieth: as a cosine; on a line from the share ``flat`` of the training on; or
            as the library's "wsd" does, on a line from the half of it to seven eighths.
    """

    cell: str = _one_of("lstm", "gru", "rnn")
    members: int = 1
    layers: int = 1
    hidden: int = 256
    layer_norm: str = _one_of("no", "yes")
    embedding: int = 64
    longest: int = 1
    ngram_dropout: float = 0.0
    buckets: int = 1 << 14
    output_longest: int = 0
    dropout: float = 0.2
    dropout_of: str = _one_of("step", "window")
    input_dropout: float = 0.0
    batch: int = 32
    window: int = 64
    first: float = 0.0
    first_batch: int = 0
    first_window: int = 0
    after_next: float = 0.0
    optimiser: str = _one_of("adamw", "muon", "muon-whole", "muon-torch")
    rate: float = 5e-3
    muon_rate: float = 2e-2
    decay: float = 0.01
    muon_decay: float = 0.0
    decay_by: str = _one_of("rate", "steady", "rising")
    average: float = 0.0
    schedule: str = _one_of("cosine", "line", "wsd")
    flat: float = 0.0


_BOTH = "longest=4+optimiser=muon"
_KEPT = (
    f"{_BOTH}+ngram_dropout=0.6+dropout=0.1+dropout_of=window+decay=0.1+muon_decay=0.1+schedule=wsd"  # the library's
)

VARIANTS: dict[str, str] = {
    "plain": "",
    "ngrams": "longest=3",
    "output": "output_longest=3",
    "window-dropout": "longest=3+dropout_of=window",
    "muon": "optimiser=muon",
    "muon-ngrams": _BOTH,
    "whole": "longest=4+optimiser=muon-whole",
    "torch": "longest=4+optimiser=muon-torch",
    "five-grams": f"{_BOTH}+longest=5",
    "buckets": f"{_BOTH}+buckets=65536",
    "batch-16": f"{_BOTH}+batch=16",
    "ngram-dropout": f"{_BOTH}+ngram_dropout=0.5",
    "input-dropout": f"{_BOTH}+dropout=0.3+input_dropout=0.15",
    "kept": _KEPT,
    "gru": f"{_KEPT}+cell=gru",
    "layer-norm": f"{_KEPT}+layer_norm=yes",
    "average": f"{_KEPT}+average=0.99",
    "cosine": f"{_KEPT}+schedule=cosine",
    "line": f"{_KEPT}+schedule=line",
    "late": f"{_KEPT}+schedule=line+flat=0.6",
    "embedding-32": f"{_KEPT}+embedding=32",
    "embedding-128": f"{_KEPT}+embedding=128",
    "steady-decay": f"{_KEPT}+decay_by=steady",
    "rising-decay": f"{_KEPT}+decay_by=rising",
    "windows-first": f"{_KEPT}+first=0.25+first_window=16",
    "batches-first": f"{_KEPT}+first=0.25+first_batch=8",
    "after-next": f"{_KEPT}+after_next=0.3",
    "two": f"{_KEPT}+members=2+hidden=156",  # which cost what one of 256 does
    "two-layers": f"{_KEPT}+layers=2+hidden=156",
}
"""Names of what ``variant_of`` takes."""


def variant_of(told: str) -> Variant:
    """A variant by its name, by its settings, or both: ``kept+hidden=128+dropout=0.3``; the later ones count.

    Raises:
        ArgumentError: no such name or setting, or a value that is none of it.

    >>> variant_of("ngrams+hidden=128") == Variant(longest=3, hidden=128)
    True
    """
    return Variant(**_settings(told))


def _settings(told: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for piece in filter(None, told.split("+")):
        name, equals, value = piece.partition("=")
        if equals:
            found[name] = _value(name, value)
        elif piece in VARIANTS:
            found |= _settings(VARIANTS[piece])
        else:
            names = listed(VARIANTS, shown=len(VARIANTS))
            raise ArgumentError(f"there is no variant {piece}. There are {names}; and settings, as hidden=128.")
    return found


def _value(name: str, text: str) -> Any:
    settings = {each.name: each for each in fields(Variant)}
    if name not in settings:
        raise ArgumentError(f"a variant has no setting {name}. It has {listed(settings, shown=len(settings))}.")
    default = settings[name].default
    if choices := settings[name].metadata.get("choices"):
        if text not in choices:
            raise ArgumentError(f"{name} is {text}; expected one of {listed(choices)}.")
        return text
    assert isinstance(default, int | float)
    least = _LEAST.get(name, 0)
    most = 0.99 if name in ("first", "flat") else _MOST  # shares of a training
    try:
        value = type(default)(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise ArgumentError(f"{name} is {text}; expected a number from {least} to {most}, as {default} is.")
    return value
