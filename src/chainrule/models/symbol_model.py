"""Conditional models of symbols: text, and quantised sound."""

from torch import Tensor

from chainrule.models.alphabet_model import AlphabetModel
from chainrule.models.conditional import Carry
from chainrule.models.encoders import Encode, Encoder, State
from chainrule.models.encoders.embedding import SymbolEmbedding
from chainrule.models.heads import CategoricalHead
from chainrule.models.predictions import Prediction

__all__ = ["SymbolModel"]


class SymbolModel(AlphabetModel):
    """A network that predicts symbols: an embedding, an encoder, and a head over the alphabet.

    >>> import torch
    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> x = torch.tensor([[3, 1, 4, 1]])
    >>> model.log_prob(x).shape
    torch.Size([1, 4])
    >>> first, carry = model(x[:, :2])  # the same in two chunks
    >>> second, carry = model(x[:, 2:], carry)
    >>> torch.allclose(torch.cat([first, second], dim=1), model.log_prob(x))
    True
    >>> model.sample(6, context=x, seed=1).shape
    torch.Size([1, 6])
    """

    def __init__(
        self,
        symbols: int,
        embedding: SymbolEmbedding,
        encoder: Encoder,
        head: CategoricalHead,
        end: tuple[int, ...] = (),
    ) -> None:
        super().__init__(symbols, end)
        self.embedding = embedding
        self.encoder = encoder
        self.head = head

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        x = self.checked(x)
        features, carry = self._features(x, carry, resets)
        return self.head(features).log_prob(x), carry

    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        return self._features(self.checked(x), carry, resets)[1]

    def _features(self, x: Tensor, carry: Carry | None, resets: Tensor | None) -> tuple[Tensor, Carry]:
        """What the head predicts each x from."""
        carry = carry or self.start(len(x))
        features, state = self.encode(self.inputs(x, carry, resets), carry.encoder, resets)
        return features, Carry(x[:, -1], state)

    def encode(
        self, inputs: Tensor, state: State | None, resets: Tensor | None, encode: Encode | None = None
    ) -> tuple[Tensor, State]:
        """Features (B, T, F) of the inputs (B, T); the state is the embedding's, and then the encoder's.

        ``encode`` is what the encoder's ``streamed`` returned, if anything.
        """
        past = None if state is None else state[: self.embedding.parts]
        rest = None if state is None else state[self.embedding.parts :]
        embedded, past = self.embedding(inputs, past, resets=resets)
        features, rest = (encode or self.encoder)(embedded, rest, resets=resets)
        return features, (*past, *rest)

    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        last = carry.last[:, None]
        resets = last == self.symbols if self.end else None
        features, state = self.encode(last, carry.encoder, resets, encode)
        return self.head(features[:, 0]), state
