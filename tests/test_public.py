"""The public face: what is exported, what it costs to import, what optional packages may be absent, no pickle."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
from chainrule import errors

SOURCE = Path(chainrule.__file__).parent
OPTIONAL = (
    "PIL",
    "matplotlib",
    "pandas",
    "pyarrow",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "soundfile",
    "statsmodels",
    "typer",
)


@pytest.mark.parametrize("module", [chainrule, chainrule.data, chainrule.functional, chainrule.nn, errors])
def test_exports_are_sorted_real_and_documented(module: object) -> None:
    names: list[str] = module.__all__  # type: ignore[attr-defined]
    assert names == sorted(names)
    assert len(names) == len(set(names))
    for name in names:
        exported = getattr(module, name)
        assert inspect.getdoc(exported), name


def test_the_main_job_is_in_reach() -> None:
    assert {"Run", "compare", "data", "fit", "functional", "load", "nn", "swap", "unswap"} <= set(chainrule.__all__)
    for verb in ("score", "sample", "forecast", "backtest", "classify"):
        assert inspect.getdoc(getattr(chainrule.Run, verb)), verb


def test_every_module_says_what_it_exports_in_order() -> None:
    for path in SOURCE.rglob("*.py"):
        for names in re.findall(r"^__all__ = \[(.*?)\]", path.read_text(), re.MULTILINE | re.DOTALL):
            listed = re.findall(r'"(\w+)"', names)
            order = sorted(listed, key=lambda n: (0 if n.isupper() else 1 if n[0].isupper() else 2, n))
            assert listed in (order, sorted(listed)), path


def test_the_tree_of_errors_is_the_documented_one() -> None:
    drawn = re.findall(r"(\w+Error)(?: \((\w+)\))?", (errors.__doc__ or "").split("Each message")[0])
    assert {name for name, _ in drawn} == set(errors.__all__)
    for name, builtin in drawn:
        error = getattr(errors, name)
        assert issubclass(error, errors.ChainruleError)
        if builtin:
            assert issubclass(error, getattr(__builtins__, builtin, None) or __builtins__[builtin])  # type: ignore[index]


def test_nothing_is_pickled() -> None:
    for path in SOURCE.rglob("*.py"):
        source = path.read_text()
        assert not re.search(
            r"\b(pickle|cloudpickle|joblib|dill|shelve|marshal)\b", re.sub(r'""".*?"""', "", source, flags=re.DOTALL)
        ), path
        assert not re.search(r"torch\.(load|save)\(|allow_pickle=True|read_pickle|\beval\(|\bexec\(", source), path


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_import_chainrule_needs_torch_and_numpy_alone() -> None:
    result = python(f"import sys, chainrule; print(sorted(set({OPTIONAL!r}) & set(sys.modules)))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_without_the_optional_packages_the_core_works_and_the_rest_names_the_extra() -> None:
    """All of them blocked in one process, then one by one what needs each."""
    code = f"""
import sys
class Block:
    absent = set({OPTIONAL!r})
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
import torch, chainrule
from chainrule.errors import MissingExtraError
assert chainrule.nn.GRU(2, 3)(torch.zeros(4, 1, 2))[0].shape == (4, 1, 3)
def missing(package, ask):
    try:
        ask()
    except MissingExtraError as error:
        assert repr(package) in str(error) and "pip install 'chainrule[app]'" in str(error), error
    else:
        raise AssertionError(package)
missing("matplotlib", lambda: chainrule.data.read("google"))
missing("statsmodels", lambda: chainrule.data.read("sunspots"))
missing("sklearn", lambda: chainrule.data.read("digits"))
import tempfile, pathlib
folder = pathlib.Path(tempfile.mkdtemp())
for name, package in (("x.csv", "pandas"), ("x.wav", "soundfile"), ("x.parquet", "pandas")):
    (folder / name).write_bytes(b"a")
    missing(package, lambda: chainrule.data.read(folder / name))
missing("safetensors", lambda: chainrule.fit("english", hidden=2, steps=1, batch=4000, out=folder / "run"))
from chainrule.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 2
"""
    result = python(code)
    assert result.returncode == 0, result.stderr
    assert result.stderr == (
        "error: this needs the package 'typer', which is not installed. Install it with: pip install 'chainrule[app]'\n"
    )
