"""Encoders: causal layers with state, ``features, state = encoder(x, state)``.

Window encoders (AR, MLP, Conv) see the last ``tau`` inputs; their state is the inputs still in view.
Latent encoders (RNN, GRU, LSTM) fold the whole past into h_t; their state is h_t (and c_t).
One law holds for all: a sequence fed in chunks, with the state carried on, gives what it gives as a whole.

Shapes are batch first: x (B, T, in_features) -> features (B, T, out_features). A state is a flat tuple of
tensors whose first dimension is the batch; ``None`` starts afresh. ``resets[b, t]`` starts row b afresh before step t.
"""

from chainrule.models.encoders.embedding import SymbolEmbedding
from chainrule.models.encoders.encoder import Encode, Encoder, State
from chainrule.models.encoders.latent import LatentEncoder
from chainrule.models.encoders.symbol_window import SymbolWindow
from chainrule.models.encoders.window import AREncoder, ConvEncoder, MLPEncoder

__all__ = [
    "AREncoder",
    "ConvEncoder",
    "Encode",
    "Encoder",
    "LatentEncoder",
    "MLPEncoder",
    "State",
    "SymbolEmbedding",
    "SymbolWindow",
]
