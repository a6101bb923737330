"""Classifiers: a label for an image, or for a whole sequence."""

import torch
from torch import Tensor, nn

from chainrule.models.encoders import Encoder
from chainrule.nn import Conv2d

__all__ = ["ImageClassifier", "SequenceClassifier"]


class ImageClassifier(nn.Module):
    """Convolution, ReLU and pooling, as often as the image can be halved to 4 or more pixels; then a linear layer.

    x is (N, C, H, W) in [0, 1]; returns logits (N, classes). After LeCun et al. 1998, section II.

    >>> ImageClassifier(channels=1, size=(8, 8), classes=10, hidden=16)(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        classes: int,
        hidden: int,
        kernel: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        height, width = size
        while True:
            stages += [Conv2d(channels, hidden, kernel, padding="same"), nn.ReLU()]
            channels = hidden
            if min(height, width) < 8:
                break
            stages.append(nn.MaxPool2d(2))
            height //= 2
            width //= 2
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(hidden * height * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.logits(self.dropout(self.stages(x).flatten(1)))
        return logits


class SequenceClassifier(nn.Module):
    """An encoder over the steps of a sequence, the mean of its features over the row's own steps, a linear layer.

    x is (N, T, D), ``lengths`` (N,) the steps of each row, at least one; returns logits (N, classes). What x holds
    after a row's end changes nothing.

    >>> from chainrule.models import ModelConfig, build_sequence_classifier
    >>> classifier = build_sequence_classifier(ModelConfig("gru", hidden=8), features=3, classes=4)
    >>> classifier(torch.zeros(2, 5, 3), torch.tensor([5, 2])).shape
    torch.Size([2, 4])
    """

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.logits = nn.Linear(encoder.out_features, classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        # Encoders are causal, so what follows a row's end cannot reach the steps that are kept.
        features, _ = self.encoder(x)
        inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        mean = features.masked_fill(~inside[..., None], 0.0).sum(1) / lengths[:, None]
        logits: Tensor = self.logits(mean)
        return logits
