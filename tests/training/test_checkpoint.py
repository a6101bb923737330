"""Checkpoints: what was saved comes back, a kill leaves the file before, and what cannot be read says so."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from chainrule.errors import RunFormatError, WriteError
from chainrule.training import load_tensors, load_weights, save_tensors, weights_of, write_atomically
from chainrule.training.checkpoint import checksum, pack, unpack

TENSORS = {
    "float32": torch.randn(3, 4),
    "float64": torch.randn(2, dtype=torch.float64),
    "int64": torch.tensor(7),
    "bytes": torch.arange(9, dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
    "none of them": torch.zeros(2, 0),
    "transposed": torch.randn(3, 4).T,
}


def test_tensors_and_about_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    about = {"step": 7, "best": None, "names": ["ä", "b"], "loss": 0.1}
    save_tensors(path, TENSORS, about)
    tensors, loaded = load_tensors(path)
    assert loaded == about
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("dies_in", ["os.fsync", "pathlib.Path.replace"])
def test_a_kill_while_writing_leaves_the_file_before(
    dies_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "x"
    write_atomically(path, b"before")
    with monkeypatch.context() as patch:
        patch.setattr(dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"after, and longer")
    assert path.read_bytes() == b"before"
    write_atomically(path, b"after")  # what the kill left behind is in no one's way
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x"
    write_atomically(path, b"before")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match=f"{path} cannot be written: No space left on device. Make room for it"):
        write_atomically(path, b"after")
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(path, b"before")]


def test_what_is_written_beside_follows_no_link_and_meets_no_other_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("mine")
    path = tmp_path / "x"
    (tmp_path / ".x.partial").symlink_to(tmp_path / "mine")
    path.symlink_to(tmp_path / "mine")
    beside: list[Path] = []
    replace = Path.replace

    def interrupted(one: Path, other: Path) -> Path:
        beside.append(one)
        if len(beside) == 1:
            write_atomically(path, b"of another writer, which ends first")
        return replace(one, other)

    monkeypatch.setattr(Path, "replace", interrupted)
    write_atomically(path, b"whole")
    assert len({*beside}) == 2
    assert path.read_bytes() == b"whole"
    assert not path.is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_tensors_of_one_memory_are_saved_each_whole(tmp_path: Path) -> None:
    """Rows of a state that is kept whole too, as truncated backpropagation of a single row has them."""
    whole = torch.arange(12.0).view(1, 3, 4)
    parts = {"whole": whole, "last": whole[:, -1], "first": whole[0, 0], "view": whole.view(12), "none": whole[:0]}
    save_tensors(tmp_path / "x", parts, {})
    unpacked = unpack(torch.frombuffer(bytearray(pack(parts)), dtype=torch.uint8))
    for name, tensor in load_tensors(tmp_path / "x")[0].items():
        assert torch.equal(tensor, parts[name])
        assert torch.equal(unpacked[name], parts[name])


def _foreign(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)


def _not_json(path: Path) -> None:
    tensors = {"a": torch.zeros(1)}
    safetensors.torch.save_file(tensors, path, metadata={"chainrule": "{", "blake2b": checksum(tensors)})


def _without_checksum(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, metadata={"chainrule": "{}"})


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read"),
    "text": (lambda path: path.write_text("no weights here, only words"), "cannot be read"),
    "a folder": (lambda path: path.mkdir(), "cannot be read"),
    "foreign": (_foreign, "was not written by chainrule"),
    "not json": (_not_json, "cannot be read"),
    "without its checksum": (_without_checksum, "has lost its checksum"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_checkpoint_says_so(how: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    make, message = BROKEN[how]
    make(path)
    with pytest.raises(RunFormatError, match=f"x.safetensors {message}"):
        load_tensors(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_says_so(share: float, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.zeros(1000)}, {})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RunFormatError, match="cut short or changed"):
        load_tensors(path)


class _Model(nn.Module):
    """With a buffer, and a parameter that has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.two = nn.Linear(3, 3)
        self.two.weight = self.one.weight


def test_weights_come_back_each_once() -> None:
    model = _Model()
    other = _Model()
    weights = weights_of(model)
    assert sum(tensor is model.one.weight or torch.equal(tensor, model.one.weight) for tensor in weights.values()) == 1
    assert "norm.running_mean" in weights
    load_weights(other, weights)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    assert other.two.weight is other.one.weight


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"one.bias": torch.zeros(4)}, "one.bias"),
        ({"one.bias": torch.zeros(3, dtype=torch.float64)}, "one.bias"),
        ({"three.bias": torch.zeros(3)}, "three.bias"),
        ({"two.bias": None}, "two.bias"),
    ],
    ids=["shape", "dtype", "too many", "too few"],
)
def test_weights_of_another_model_are_refused(changed: dict[str, torch.Tensor | None], name: str) -> None:
    model = _Model()
    before = {key: tensor.clone() for key, tensor in weights_of(model).items()}
    weights = {key: tensor for key, tensor in ({**before, **changed}).items() if tensor is not None}
    with pytest.raises(RunFormatError, match=f": {name} differ"):
        load_weights(model, {key: tensor + 1 for key, tensor in weights.items()})
    assert all(torch.equal(tensor, before[key]) for key, tensor in weights_of(model).items())


def test_a_byte_that_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.arange(100), "empty": torch.empty(0), "one": torch.tensor(1.5)}, {})
    load_tensors(path)
    changed = bytearray(path.read_bytes())
    changed[-300] ^= 1
    path.write_bytes(changed)
    with pytest.raises(RunFormatError, match="was changed after it was written"):
        load_tensors(path)
