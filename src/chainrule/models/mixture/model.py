"""A mixture of a network and an n-gram as one conditional model of symbols."""

from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.models.alphabet_model import AlphabetModel
from chainrule.models.conditional import Carry
from chainrule.models.encoders import Encode, State
from chainrule.models.mixture.gate import Gate
from chainrule.models.ngram import NGramModel
from chainrule.models.predictions import Categorical, Prediction
from chainrule.models.symbol_model import SymbolModel

__all__ = ["MixtureModel", "Seen"]

_DEPTHS = 8  # contexts of one to so many symbols of which the gate is told what is known
_FEATURES = 3 * _DEPTHS + 4  # with two of each predictor's
_LEAST = -20.0  # log-probabilities below it count as this one, so that no weight makes much of them
_AT_ONCE = 1 << 22  # probabilities: of more, time is gone through in parts
_FITTED_ON = 1 << 24  # log-probabilities that the gate is fitted on at most


class Seen(NamedTuple):
    """What symbols are predicted from: the network's features (..., F), and the n-gram's window (..., W)."""

    features: Tensor
    windows: Tensor

    def flat(self) -> "Seen":
        """With steps alone for dimensions before the last."""
        return Seen(self.features.flatten(0, -2), self.windows.flatten(0, -2))

    def split(self, size: int) -> "list[Seen]":
        """Parts of so many steps."""
        return [Seen(*part) for part in zip(self.features.split(size), self.windows.split(size), strict=True)]


class _Encoders:
    """The encoder of a mixture, as far as whoever reads on needs one: the network's own, and how far both see."""

    def __init__(self, network: SymbolModel, ngram: NGramModel) -> None:
        self._network = network
        self._ngram = ngram

    @property
    def out_features(self) -> int:
        return self._network.encoder.out_features

    @property
    def receptive_field(self) -> int | None:
        of_network = self._network.encoder.receptive_field
        return None if of_network is None else max(of_network, self._ngram.order - 1)

    def __call__(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        return self._network.encoder(x, state, resets=resets)

    def streamed(self, state: State | None, rows: int) -> Encode:
        """The network's encoder; the n-gram's window stays in the state."""
        return self._network.encoder.streamed(state and state[:-1], rows)


class MixtureModel(AlphabetModel):
    """A network and an n-gram of the same symbols, mixed by a `Gate`: exact, and used as any one model is.

    The gate weighs their log-probabilities by what is known before a symbol: of the n-gram's contexts of one to eight
    symbols how often and how variously they were followed, and how much they leave to shorter ones; of either's
    prediction the entropy and the largest log-probability. The state is the network's, and the n-gram's last symbols.

    The n-gram stays on the CPU when the model is moved to a GPU; what it predicts is brought to the network's device.

    Gradients go to the network alone; the n-gram counts (``ngram.learn``), and ``fit_gate`` fits the gate.

    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> network = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> model = MixtureModel(network, NGramModel(symbols=5, order=3))
    >>> carry = model.ngram.learn(torch.tensor([[3, 1, 4, 1, 3, 1, 4]]))
    >>> model.log_prob(torch.tensor([[3, 1, 4, 1]])).shape
    torch.Size([1, 4])
    """

    adapting = ("gate.weights",)

    def __init__(self, network: SymbolModel, ngram: NGramModel) -> None:
        super().__init__(network.symbols, network.end)
        self.network = network
        self.ngram = ngram
        self.gate = Gate(predictors=2, features=_FEATURES)
        self.encoder = _Encoders(network, ngram)

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        log_probs, carry = self.apart(x, carry, resets=resets)
        return log_probs[..., 0], carry

    def apart(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        """As ``forward``, (B, T, 3): log-probabilities of the mixture, of the network and of the n-gram alone."""
        seen, carry = self.see(x, carry, resets=resets)
        return self.log_probs(seen.flat(), x.long().flatten()).view(*x.shape, 3), carry

    def score_and_count(
        self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """As ``forward``, but every symbol is counted once it is scored, before the next is, row after row."""
        seen, carry = self.see(x, carry, resets=resets)
        return self.log_probs(seen.flat(), x.long().flatten(), counting=True)[:, 0].view(x.shape), carry

    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        return self.see(x, carry, resets=resets)[1]

    def see(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Seen, Carry]:
        """What each x (B, T) is predicted from, and the carry for the next chunk."""
        x = self.checked(x)
        carry = carry or self.start(len(x))
        inputs = self.inputs(x, carry, resets)
        seen, state = self._encode(inputs, carry.encoder, resets)
        return seen, Carry(x[:, -1], state)

    def _encode(
        self, inputs: Tensor, state: State | None, resets: Tensor | None, encode: Encode | None = None
    ) -> tuple[Seen, State]:
        features, of_network = self.network.encode(inputs, state and state[:-1], resets, encode)
        windows, of_ngram = self.ngram.encoder(inputs, state and state[-1:])
        return Seen(features, windows), (*of_network, *of_ngram)

    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        last = carry.last[:, None]
        resets = last == self.symbols if self.end else None
        seen, state = self._encode(last, carry.encoder, resets, encode)
        log_p, features = self._predicted(seen.flat())
        return Categorical(self.gate(_bounded(log_p), features)), state

    def log_probs(self, seen: Seen, x: Tensor, *, counting: bool = False) -> Tensor:
        """log p (N, 3) of the symbols x (N,): of the mixture, of the network and of the n-gram.

        With ``counting`` each symbol is counted before the next is predicted.

        Time is gone through in parts, so that all symbols' probabilities are never there at once.
        """
        at_once = max(1, _AT_ONCE // self.symbols)
        found = []
        for part, of in zip(seen.split(at_once), x.split(at_once), strict=True):
            found.append(self._scored(*self._predicted(part, of if counting else None), of))
        return torch.cat(found)

    def _scored(self, log_p: list[Tensor], features: Tensor, x: Tensor) -> Tensor:
        mixed = Categorical(self.gate(_bounded(log_p), features)).log_prob(x)
        alone = [each.gather(1, x[:, None])[:, 0] for each in log_p]
        return torch.stack([mixed, *alone], dim=1)

    @torch.no_grad()
    def fit_gate(self, seen: Seen, x: Tensor) -> Tensor:
        """Fit the gate to held-out symbols x (N,); their ``log_probs`` then.

        Where the alphabet is so large that there is no room for more, it is fitted to some of them, evenly spread.
        """
        most = max(1, _FITTED_ON // (2 * self.symbols))
        if len(x) > most:
            some = torch.linspace(0, len(x) - 1, most, device=x.device).round().long()
            log_p, features = self._predicted(Seen(seen.features[some], seen.windows[some]))
            self.gate.fit(_bounded(log_p), features, x[some])
            return self.log_probs(seen, x)
        log_p, features = self._predicted(seen)
        self.gate.fit(_bounded(log_p), features, x)
        return self._scored(log_p, features, x)

    def _predicted(self, seen: Seen, counted: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Either's log-probabilities (N, V), and the features of the gate (N, K); symbols (N,) may be counted by it."""
        of_network = self.network.head(seen.features).logits.log_softmax(-1)
        # Counts are looked up on the CPU, wherever the network is.
        counted = None if counted is None else counted.cpu()
        p, known = (part.to(of_network.device) for part in self.ngram.after(seen.windows.cpu(), _DEPTHS, counted))
        log_p = [of_network, p.log().to(of_network.dtype)]
        entropies = [-(each.exp() * each).sum(-1) for each in log_p]
        largest = [each.amax(-1) for each in log_p]
        features = torch.cat([known.flatten(1), torch.stack([*entropies, *largest], dim=1).double()], dim=1)
        return log_p, features


def _bounded(log_p: list[Tensor]) -> list[Tensor]:
    return [each.clamp(min=_LEAST) for each in log_p]
