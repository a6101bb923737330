"""Tensors and JSON in one safetensors file, written so that a kill at any moment leaves the last complete one."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chainrule._optional import require
from chainrule.errors import RunFormatError

__all__ = ["load_tensors", "load_weights", "save_tensors", "weights_of", "write_atomically"]

_KEY = "chainrule"


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside ``path`` and rename over it: readers see the old file or the new one, never a part."""
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Save tensors and a JSON-able ``about``."""
    safetensors = require("safetensors.torch")
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, safetensors.save(contiguous, metadata={_KEY: json.dumps(about)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What ``save_tensors`` saved.

    Raises:
        RunFormatError: the file is missing, incomplete, or not chainrule's.
    """
    safe_open = require("safetensors").safe_open
    error_type = require("safetensors").SafetensorError
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return tensors, json.loads(metadata[_KEY])
    except FileNotFoundError as error:
        raise RunFormatError(f"{path} is missing: the folder is not a complete run. Fit it again.") from error
    except (error_type, OSError, KeyError, ValueError) as error:
        raise RunFormatError(
            f"{path} cannot be read as a checkpoint of chainrule ({error}). It was cut short or changed; "
            "restore it from a copy, or fit again."
        ) from error


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each once even when tied."""
    return {name: t.detach() for name, t in [*model.named_parameters(), *model.named_buffers()]}


@torch.no_grad()
def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """The inverse of ``weights_of``; names and shapes must be the model's."""
    own = weights_of(model)
    shapes = {name: tuple(t.shape) for name, t in weights.items()}
    expected = {name: tuple(t.shape) for name, t in own.items()}
    if shapes != expected:
        names = sorted(name for name in shapes.keys() | expected.keys() if shapes.get(name) != expected.get(name))
        raise RunFormatError(
            f"the weights do not fit the model's configuration: {', '.join(names[:5])} differ. "
            "The run's files were mixed up; restore them from a copy, or fit again."
        )
    for name, tensor in own.items():
        tensor.copy_(weights[name])
