"""What a run is, as JSON: where its data came from, what the model is made of, how it was trained."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chainrule._schema import structured
from chainrule.data import Reading
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.models import ModelConfig
from chainrule.models.panels import HEADS
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.folder.json_files import read_json, write_json
from chainrule.training import TrainingConfig

__all__ = ["ASKED", "CONFIG", "RunConfig", "read_asked"]

ASKED = "asked.json"
CONFIG = "config.json"
_FORMAT = 6


@dataclass(frozen=True)
class RunConfig:
    """Everything that ``fit`` was asked for, and what it found in the data; ``source`` is None for data in memory.

    ``refit`` tells whether the weights are to be fitted again to all of the data.
    """

    source: str | None
    reading: Reading
    model: ModelConfig
    training: TrainingConfig
    data: DataConfig
    refit: bool = False

    @property
    def title(self) -> str:
        """What was fitted to what."""
        return f"{self.model.title} of {self.data.name}"

    @property
    def loss_unit(self) -> str:
        """What losses while training are in: quantiles of panels are trained by their pinball loss, in units of each
        series' mean change, and all else by likelihood.
        """
        if self.data.inputs is not None and not HEADS[self.model.head].in_nats:
            return "scaled pinball loss"
        return f"nats per {self.data.unit}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "source": self.source,
            "reading": self.reading.to_dict(),
            "model": asdict(self.model),
            "training": asdict(self.training),
            "data": self.data.to_dict(),
            "refit": self.refit,
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
            what = "is a file, not a run's folder" if folder.is_file() else "does not exist"
            what = f"is not a run's folder: it has no {CONFIG}" if folder.is_dir() else what
            raise RunFormatError(f"{folder} {what}. Name a folder that fit has made, by itself or as its `out`.")
        try:
            values = read_json(path)
            if not isinstance(values, dict) or "format" not in values:
                raise ValueError("it names no format")
            if values["format"] != _FORMAT:
                raise RunFormatError(
                    f"{path} has format {str(values['format'])[:20]}; this version of chainrule reads {_FORMAT}. "
                    "Use the version that wrote it, or fit again."
                )
            return structured(cls, {name: value for name, value in values.items() if name != "format"}, "it")
        except (ArgumentError, ValueError, OSError) as error:
            raise RunFormatError(
                f"{path} is not a config that chainrule wrote: {str(error).rstrip('.')}. It was cut short or changed; "
                "restore it from a copy, or fit again."
            ) from error


def read_asked(folder: Path) -> dict[str, Any]:
    """The options that a fit was given, by name, as JSON has them: what to give to go on with it.

    Raises:
        RunFormatError: they are not there, or broken.
    """
    path = folder / ASKED
    try:
        asked = read_json(path)
        if not isinstance(asked, dict):
            raise ValueError("it is no object")
    except (ValueError, OSError) as error:
        raise RunFormatError(
            f"{path} does not tell what the fit was asked for ({error}). Repeat the command that began it, with "
            "`resume=True` added."
        ) from error
    return asked
