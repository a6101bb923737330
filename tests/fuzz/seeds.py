"""Good inputs of every kind, small, made anew by code."""

import gzip
import lzma
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from PIL import Image

import chainrule
from chainrule.data import Reading
from tests.runs.cases import ar1, text

__all__ = ["idx_files", "npz_files", "pictures", "run_folders", "sounds", "tables", "texts"]


def texts() -> list[bytes]:
    words = text(300)
    mixed = "Grüße, monde 世界 🌍\r\nzwei\n\ndrei\n" * 6
    encodings = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1")
    return [words.encode(), mixed.encode(), *(mixed.encode(name, errors="replace") for name in encodings)]


def _frame(steps: int = 40) -> pd.DataFrame:
    dates = pd.date_range("2020-01-01", periods=steps, freq="D")
    values = ar1(steps, columns=2)
    return pd.DataFrame({"date": dates, "price": values[:, 0], "volume": np.arange(steps) % 7, "b": values[:, 1]})


def tables() -> dict[str, list[bytes]]:
    """By suffix."""
    frame = _frame()
    plain = frame.to_csv(index=False)
    german = frame.to_csv(index=False, sep=";", decimal=",")
    months = pd.DataFrame({"month": pd.period_range("2001-01", periods=40, freq="M").astype(str), "x": ar1(40)[:, 0]})
    quoted = 'when,"a, b",note\n' + "".join(f'{1900 + i}-01-01,"{i}.5","x ""{i}"""\n' for i in range(40))
    csv = [plain, german, months.to_csv(index=False), quoted, plain.replace("\n", "\r\n"), "x\n" + "1\n2\n3\n4\n" * 10]
    parquet = []
    for each in (frame, frame.set_index("date"), frame.astype({"volume": "Int64"}), months):
        raw = BytesIO()
        each.to_parquet(raw)
        parquet.append(raw.getvalue())
    encoded = [part.encode() for part in csv]
    return {
        ".csv": [*encoded, plain.encode("utf-16")],
        ".tsv": [frame.to_csv(index=False, sep="\t").encode()],
        ".csv.gz": [gzip.compress(part) for part in encoded[:3]],
        ".csv.xz": [lzma.compress(encoded[0])],
        ".parquet": parquet,
        ".feather": [_written(frame, "to_feather"), _written(months, "to_feather")],
        ".xlsx": [_written(frame, "to_excel", index=False), _written(months, "to_excel", index=False)],
    }


def _written(frame: pd.DataFrame, how: str, **options: Any) -> bytes:
    raw = BytesIO()
    getattr(frame, how)(raw, **options)
    return raw.getvalue()


def npz_files() -> list[bytes]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (24, 8, 8), dtype=np.uint8)
    labels = np.arange(24) % 3
    colour = random.random((24, 8, 8, 3), dtype=np.float32)
    words = np.array(["cat", "dog", "owl"])[labels]
    archives: list[dict[str, np.ndarray]] = [
        {"x": images, "y": labels},
        {"x": colour, "y": words},
        {"x_train": images, "y_train": labels[:, None], "x_test": images[:6], "y_test": labels[:6, None]},
    ]
    found = []
    for n, arrays in enumerate(archives):
        raw = BytesIO()
        (np.savez if n % 2 else np.savez_compressed)(raw, **arrays)  # type: ignore[arg-type]
        found.append(raw.getvalue())
    return found


def idx_files() -> dict[str, bytes]:
    """A pair by name."""

    def packed(array: np.ndarray) -> bytes:
        return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes() + array.tobytes()

    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    labels = (np.arange(24) % 3).astype(np.uint8)
    return {"train-images-idx3-ubyte": packed(images), "train-labels-idx1-ubyte": packed(labels)}


def pictures() -> dict[str, list[bytes]]:
    """By suffix; 8 x 8, grey and in colour."""
    random = np.random.default_rng(0)
    found: dict[str, list[bytes]] = {}
    formats = {".png": "PNG", ".ppm": "PPM", ".tif": "TIFF", ".gif": "GIF", ".bmp": "BMP", ".jpg": "JPEG"}
    for suffix, name in {**formats, ".webp": "WEBP"}.items():
        for channels in ((), (3,)):
            raw = BytesIO()
            Image.fromarray(random.integers(0, 256, (8, 8, *channels), dtype=np.uint8)).save(raw, name)
            found.setdefault(suffix, []).append(raw.getvalue())
    return found


def sounds() -> dict[str, list[bytes]]:
    """By suffix."""
    wave = np.sin(np.arange(2000) / 9).astype(np.float32) * 0.5
    found: dict[str, list[bytes]] = {".wav": [], ".flac": []}
    for subtype in ("PCM_16", "PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW"):
        raw = BytesIO()
        soundfile.write(raw, wave, 8000, format="WAV", subtype=subtype)
        found[".wav"].append(raw.getvalue())
    for channels in (1, 2):
        raw = BytesIO()
        soundfile.write(raw, np.stack([wave] * channels, 1), 8000, format="FLAC")
        found[".flac"].append(raw.getvalue())
    return found


def run_folders(folder: Path, only: Sequence[str] = ()) -> None:
    """Runs of every kind of data, or ``only`` some, a few steps old, with their data in ``folder/data``."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "words.txt").write_text(text(700))
    (data / "prices.csv").write_text(_frame(120).to_csv(index=False))
    (data / "tone.wav").write_bytes(sounds()[".wav"][0])
    for k in range(24):
        (data / "spoken" / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        soundfile.write(data / "spoken" / "ab"[k % 2] / f"{k}.wav", np.sin(np.arange(600) / (2 + k % 2)), 8000)
    quick = {"steps": 3, "training": {"batch": 4}, "quiet": True}
    small = {"hidden": 4, **quick}
    prices = Reading(columns=("price", "b"))
    plans: dict[str, tuple[str, str, Any]] = {
        "text-gru": ("words.txt", "gru", {"window": 8, **small}),
        "text-conv": ("words.txt", "conv", {"window": 8, **small, "tied": True}),
        "text-full": ("words.txt", "lstm", {**small, "training": {"batch": 4, "bptt": "full", "memory": "8MB"}}),
        "sound-mlp": ("tone.wav", "mlp", {"window": 8, **small}),
        "series-ar": ("prices.csv", "ar", {"window": 3, "reading": prices, "quiet": True}),
        "series-lstm": ("prices.csv", "lstm", {"window": 8, "reading": prices, "head": "student", **small}),
        "series-average": (
            "prices.csv",
            "rnn",
            {"window": 8, "reading": prices, **small, "training": {"batch": 4, "average": 0.9}},
        ),
        "spoken-gru": ("spoken", "gru", {**small, "reading": Reading(labels=True)}),
        "digits": ("digits", "conv", small),
    }
    for name in only or plans:
        source, model, options = plans[name]
        given = source if source == "digits" else data / source
        chainrule.fit(given, model, out=folder / name, **options)
