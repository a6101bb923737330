"""The public face: what is exported, what it costs to import, what optional packages may be absent, no pickle."""

import builtins
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import chainrule
from chainrule import errors

SOURCE = Path(chainrule.__file__).parent
OPTIONAL = (
    "PIL",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "onnxscript",
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


def in_order(names: list[str]) -> list[str]:
    """Sorted as ruff sorts __all__: CONSTANTS, Classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


PUBLIC = [chainrule, *filter(inspect.ismodule, (getattr(chainrule, name) for name in chainrule.__all__))]
every_public = pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)


@every_public
def test_exports_are_sorted_real_and_documented(module: ModuleType) -> None:
    names: list[str] = module.__all__
    assert names == in_order(names)
    assert len(names) == len(set(names))
    for name in names:
        assert inspect.getdoc(getattr(module, name)), name


@every_public
def test_completion_shows_the_api_alone(module: ModuleType) -> None:
    assert dir(module) == sorted(module.__all__)


def test_the_public_modules_are_these_and_their_files_stay_in_reach() -> None:
    names = {"data", "errors", "export", "functional", "lens", "nn", "training"}
    assert {module.__name__ for module in PUBLIC} == {"chainrule", *(f"chainrule.{name}" for name in names)}
    from chainrule.data.reading import KINDS
    from chainrule.lens.reach import reach
    from chainrule.models import MODELS

    assert inspect.ismodule(reach)
    assert KINDS
    assert MODELS


def test_the_main_job_is_in_reach() -> None:
    assert {"Run", "compare", "data", "explain", "fit", "functional", "load", "nn"} <= set(chainrule.__all__)
    assert {"swap", "unswap"} <= set(chainrule.__all__)
    for verb in ("score", "sample", "forecast", "backtest", "classify"):
        assert inspect.getdoc(getattr(chainrule.Run, verb)), verb


def test_every_module_says_what_it_exports_in_order() -> None:
    for path in SOURCE.rglob("*.py"):
        for names in re.findall(r"^__all__ = \[(.*?)\]", path.read_text(), re.MULTILINE | re.DOTALL):
            listed = re.findall(r'"(\w+)"', names)
            assert listed == in_order(listed), path


def test_the_tree_of_errors_is_the_documented_one() -> None:
    tree = (errors.__doc__ or "").partition("Each message")[0]
    drawn = re.findall(r"(\w+Error)(?: \((\w+)\))?", tree)
    assert {name for name, _ in drawn} == set(errors.__all__)
    for name, builtin in drawn:
        error = getattr(errors, name)
        assert issubclass(error, errors.ChainruleError)
        if builtin:
            assert issubclass(error, getattr(builtins, builtin))


def test_nothing_is_pickled_or_evaluated() -> None:
    for path in SOURCE.rglob("*.py"):
        source = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"(?<!copyreg\.)\b(pickle|cloudpickle|joblib|dill|shelve|marshal)\b", source), path
        unsafe = r"torch\.(load|save)\(|allow_pickle=True|read_pickle|(?<![.\w])(eval|exec)\("
        assert not re.search(unsafe, source), path


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_import_chainrule_needs_torch_and_numpy_alone() -> None:
    result = python(f"import sys, chainrule; print(sorted(set({OPTIONAL!r}) & set(sys.modules)))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
def test_without_the_optional_packages_the_core_works_and_the_rest_names_the_extra() -> None:
    """All of them blocked in one process, then one by one what needs each."""
    code = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None  # importing it now fails as if it were not installed
import torch, chainrule
from chainrule.errors import MissingExtraError
assert chainrule.nn.GRU(2, 3)(torch.zeros(4, 1, 2))[0].shape == (4, 1, 3)
def missing(package, ask):
    try:
        ask()
    except MissingExtraError as error:
        assert repr(package) in str(error) and "pip install '.[app]', in a clone" in str(error), error
    else:
        raise AssertionError(package)
missing("matplotlib", lambda: chainrule.data.read("google"))
missing("statsmodels", lambda: chainrule.data.read("sunspots"))
missing("sklearn", lambda: chainrule.data.read("digits"))
sizes = chainrule.lens.sizes((3,), (2,))
assert "floor((3 + 0 + 0 - 2)/1) + 1 = 2" in str(sizes)
missing("matplotlib", sizes.plot)
missing("rich", sizes.__rich__)
import tempfile, pathlib
folder = pathlib.Path(tempfile.mkdtemp())
for name, package in (("x.csv", "pandas"), ("x.wav", "soundfile"), ("x.parquet", "pyarrow")):
    (folder / name).write_bytes(b"a")
    missing(package, lambda: chainrule.data.read(folder / name))
(folder / "words.txt").write_text("the cat sat on the mat. " * 20)
small = dict(mix="none", hidden=2, window=8, steps=1, quiet=True)
missing("safetensors", lambda: chainrule.fit(folder / "words.txt", out=folder / "run", **small))
from chainrule.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 2
"""
    result = python(code)
    assert result.returncode == 0, result.stderr
    assert result.stderr == (
        "error: this needs the package 'typer', which is not installed. Install it with: pip install '.[app]', in a "
        "clone of chainrule.\n"
    )
