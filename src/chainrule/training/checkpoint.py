"""Tensors and JSON in one safetensors file, written so that a kill at any moment leaves the last complete one."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chainrule._optional import require
from chainrule._schema import parse
from chainrule.display import writing
from chainrule.errors import RunFormatError

__all__ = [
    "PARTIAL",
    "check_weights",
    "checksum",
    "load_tensors",
    "load_weights",
    "pack",
    "save_tensors",
    "unpack",
    "weights_of",
    "write_atomically",
]

PARTIAL = ".partial"
"""How the names of files end that are not complete yet; they begin with a dot."""

_KEY = "chainrule"
_DIGEST = "blake2b"


def checksum(tensors: dict[str, Tensor]) -> str:
    """Of the bytes of all tensors, in the order of their names."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside ``path`` and rename over it: readers see the old file or the new one, never a part.

    What lies beside has a new name each time, so that two writers do not meet, and no link that lies there is followed.

    Raises:
        WriteError: there is no room for it, or it may not be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "x"), b"new")
    ...     Path(folder, "x").read_bytes()
    b'new'
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    with writing(path):
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Save tensors, wherever they are, and a JSON-able ``about``, atomically.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tensors(Path(folder, "x.safetensors"), {"a": torch.arange(3)}, {"step": 7})
    ...     load_tensors(Path(folder, "x.safetensors"))
    ({'a': tensor([0, 1, 2])}, {'step': 7})
    """
    safetensors = require("safetensors.torch")
    contiguous = _of_cpu(tensors)
    metadata = {_KEY: json.dumps(about), _DIGEST: checksum(contiguous)}
    write_atomically(path, safetensors.save(contiguous, metadata=metadata))


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
            if _KEY not in metadata:
                raise RunFormatError(f"{path} was not written by chainrule. Restore the run's own file, or fit again.")
            # Copies, because matrix products of memory as the file aligns it differ in the last bit from torch's own.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
        if metadata.get(_DIGEST) != checksum(tensors):
            what = "was changed after it was written" if _DIGEST in metadata else "has lost its checksum"
            raise RunFormatError(f"{path} {what}. Restore it from a copy, or fit again.")
        about = parse(metadata[_KEY])
        if not isinstance(about, dict):
            raise RunFormatError(f"{path} does not say what it holds. Restore it from a copy, or fit again.")
        return tensors, about
    except FileNotFoundError as error:
        raise RunFormatError(f"{path} is missing: the folder is not a complete run. Fit it again.") from error
    except (error_type, OSError, ValueError, TypeError, RuntimeError) as error:  # the last two for odd dtypes
        raise RunFormatError(
            f"{path} cannot be read as a checkpoint of chainrule ({error}). It was cut short or changed; "
            "restore it from a copy, or fit again."
        ) from error


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Tensors as the bytes of a file, for another process to write.

    >>> unpack(torch.frombuffer(bytearray(pack({"a": torch.arange(2)})), dtype=torch.uint8))
    {'a': tensor([0, 1])}
    """
    packed: bytes = require("safetensors.torch").save(_of_cpu(tensors))
    return packed


def _of_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Dense ones on the CPU, each in memory of its own, so that a file is the same from every device, and loads on any.

    What is kept of one row is often a part of something longer that is kept too.
    """
    found = {}
    taken = set[int]()
    for name, tensor in tensors.items():
        dense = tensor.detach().cpu().contiguous()
        memory = dense.untyped_storage().data_ptr()
        found[name] = dense.clone() if memory in taken else dense
        taken.add(memory)
    return found


def unpack(packed: Tensor) -> dict[str, Tensor]:
    """What ``pack`` packed; a ValueError if it is something else."""
    try:
        tensors: dict[str, Tensor] = require("safetensors.torch").load(packed.numpy().tobytes())
    except require("safetensors").SafetensorError as error:
        raise ValueError(f"the state of a process cannot be read: {error}") from error
    return {name: tensor.clone() for name, tensor in tensors.items()}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """What a model's state_dict has, by name, each once even when tied; they are the model's own, not copies.

    >>> sorted(weights_of(nn.Linear(2, 1)))
    ['bias', 'weight']
    """
    found: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        found.setdefault(id(tensor), (name, tensor.detach()))
    return dict(found.values())


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Set what ``weights_of`` names.

    Raises:
        RunFormatError: names, shapes or dtypes are not the model's, or numbers are not finite.

    >>> first, second = nn.Linear(2, 3), nn.Linear(2, 3)
    >>> load_weights(second, weights_of(first))
    >>> torch.equal(first.weight, second.weight)
    True
    """
    check_weights(model, weights)
    model.load_state_dict(weights, strict=False)  # what is tied has one name of two


def check_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Refuse weights that are not ``model``'s; on the meta device, the model itself takes no memory.

    What a module's ``grows`` names is as long as the data made it.

    Raises:
        RunFormatError: names, shapes or dtypes are not the model's, or numbers are not finite.
    """
    grows = {
        f"{path}.{name}".lstrip(".") for path, module in model.named_modules() for name in getattr(module, "grows", ())
    }

    def kinds(tensors: dict[str, Tensor]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        return {name: (t.shape[name in grows and t.dim() > 0 :], t.dtype) for name, t in tensors.items()}

    expected = kinds(weights_of(model))
    given = kinds(weights)
    if given != expected:
        names = sorted(name for name in given.keys() | expected.keys() if given.get(name) != expected.get(name))
        raise RunFormatError(
            f"the weights do not fit the model's configuration: {', '.join(names[:5])} differ. "
            "The run's files were mixed up; restore them from a copy, or fit again."
        )
    broken = [name for name, t in weights.items() if t.is_floating_point() and not bool(t.isfinite().all())]
    if broken:
        raise RunFormatError(
            f"the weights {', '.join(broken[:5])} are not finite, which training never leaves. "
            "Restore the run's files from a copy, or fit again."
        )
