"""The device of a run: where it was fitted last, and where its models cannot be."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch

from chainrule._devices import CPU, card_of, own_gpu
from chainrule._schema import structured
from chainrule.errors import DeviceError, RunFormatError
from chainrule.models import ModelConfig
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.folder.json_files import read_json, write_json

__all__ = ["RAN_ON", "RanOn", "device_as_fitted", "refuse_device"]

RAN_ON = "device.json"


@dataclass(frozen=True)
class RanOn:
    """What is written when a fit begins or is gone on with; no weight depends on it but by rounding.

    Attributes:
        device: as torch names it, such as "cpu" or "cuda:0".
        card: what the GPU is called; None for the CPU.
        torch_version: of torch.
    """

    device: str
    card: str | None
    torch_version: str

    @classmethod
    def here(cls, device: torch.device) -> Self:
        """What is to be written of a fit on this device."""
        return cls(str(device), card_of(device), torch.__version__)

    def save(self, folder: Path) -> None:
        write_json(folder / RAN_ON, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What was written; None by a version of chainrule that wrote nothing.

        Raises:
            RunFormatError: the file is broken.
        """
        path = folder / RAN_ON
        if not path.is_file():
            return None
        try:
            return structured(cls, read_json(path), "it")
        except (ValueError, OSError) as error:
            raise RunFormatError(
                f"{path} is not what chainrule wrote ({error}). It was cut short or changed: restore it from a copy, "
                "or remove it."
            ) from error


def device_as_fitted(folder: Path) -> torch.device:
    """The GPU, if the run was fitted on one and there is one; else the CPU."""
    gpu = own_gpu()
    if gpu is None:
        return CPU
    ran_on = RanOn.load(folder)
    was_on_gpu = ran_on is not None and ran_on.device.startswith("cuda")
    return gpu if was_on_gpu else CPU


def refuse_device(device: torch.device, model: ModelConfig, data: DataConfig) -> None:
    """Refuse a device that cannot compute such a model of such data.

    Raises:
        DeviceError: it cannot; the message says what can be done instead.
    """
    if model.name == "ngram" and device.type != "cpu":
        raise DeviceError(f"`device` is '{device}', and an ngram counts on the CPU alone. Leave `device` out.")
    if device.type != "mps":
        return
    if data.transform is not None:
        raise DeviceError(
            "`device` is 'mps', where torch has no float64, in which real values and their densities are computed. "
            'Use `device="cpu"`.'
        )
    if model.mix != "none":
        raise DeviceError(
            "`device` is 'mps', where torch has no float64, in which a mixture is weighed. Fit with `mix=\"none\"`, or "
            'use `device="cpu"`.'
        )
