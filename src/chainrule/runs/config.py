"""What a run is, as JSON: where its data came from, what the model is made of, how it was trained."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from chainrule.data import Alphabet, Reading, Transform
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.models import (
    ModelConfig,
    build_image_classifier,
    build_sequence_classifier,
    build_series_model,
    build_symbol_model,
)
from chainrule.runs.files import write_json
from chainrule.training import TrainingConfig

__all__ = ["CONFIG", "DataConfig", "RunConfig"]

CONFIG = "config.json"
_FORMAT = 1


@dataclass(frozen=True)
class DataConfig:
    """What a model has to know of its data to be built and used without it.

    ``kind`` is "symbols", "series", "images" or "sound" (labelled); the fields that a kind has no use for stay empty.
    """

    kind: str
    name: str
    unit: str
    alphabet: Alphabet | None = None
    transform: Transform | None = None
    columns: tuple[str, ...] = ()
    season: int = 1
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    rate: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "alphabet": self.alphabet and self.alphabet.to_dict(),
            "transform": self.transform and self.transform.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DataConfig":
        tuples = {name: tuple(values[name]) for name in ("columns", "classes", "shape")}
        alphabet = values["alphabet"] and Alphabet.from_dict(values["alphabet"])
        transform = values["transform"] and Transform.from_dict(values["transform"])
        return cls(**{**values, **tuples, "alphabet": alphabet, "transform": transform})

    def build(self, model: ModelConfig) -> nn.Module:
        """A new model for this data."""
        if self.alphabet is not None:
            return build_symbol_model(model, len(self.alphabet))
        if self.transform is not None:
            return build_series_model(model, self.transform)
        if self.kind == "images":
            channels, height, width = self.shape
            return build_image_classifier(model, channels, (height, width), len(self.classes))
        return build_sequence_classifier(model, self.shape[0], len(self.classes))


@dataclass(frozen=True)
class RunConfig:
    """Everything that ``fit`` was asked for, and what it found in the data; ``source`` is None for data in memory."""

    source: str | None
    reading: Reading
    model: ModelConfig
    training: TrainingConfig
    data: DataConfig

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "source": self.source,
            "reading": self.reading.to_dict(),
            "model": asdict(self.model),
            "training": asdict(self.training),
            "data": self.data.to_dict(),
        }

    def save(self, folder: Path) -> None:
        write_json(folder / CONFIG, self.to_dict())

    @classmethod
    def load(cls, folder: Path) -> "RunConfig":
        """Read config.json.

        Raises:
            RunFormatError: there is no run there, or its config is broken or of another format.
        """
        path = folder / CONFIG
        if not path.is_file():
            what = "is not a run folder: it has no config.json" if folder.is_dir() else "does not exist"
            raise RunFormatError(f"{folder} {what}. Make a run with: chainrule fit DATA --out {folder}")
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] != _FORMAT:
                raise RunFormatError(
                    f"{path} has format {values['format']!r}; this version of chainrule reads {_FORMAT}. "
                    "Use the version that wrote it, or fit again."
                )
            return cls(
                values["source"],
                Reading.from_dict(values["reading"]),
                ModelConfig(**values["model"]),
                TrainingConfig(**values["training"]),
                DataConfig.from_dict(values["data"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ArgumentError):
                raise RunFormatError(f"{path} has a value that cannot be: {error}") from error
            raise RunFormatError(
                f"{path} is not a config that chainrule wrote ({type(error).__name__}: {error}). "
                "It was cut short or changed; restore it from a copy, or fit again."
            ) from error
