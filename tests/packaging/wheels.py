"""What `make wheel` has built: tags that are true, everything that belongs into a wheel, nothing else, and few bytes.

The folder in CHAINRULE_WHEELS has the sdist and the wheel in `built`, the sdist once more in `again`, the audited wheel
in `dist`, and the wheel without kernels in `plain`.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CHAINRULE_WHEELS", "build/wheels"))
PACKAGE = ROOT / "src" / "chainrule"
SOURCES = {".cmake", ".cpp", ".hpp", ".in", ".md", ".pyc", ".so", ".txt"}
MODULES = {
    "chainrule/models/ngram/_counts",
    "chainrule/ops/convolution/backends/cpu/_convolution",
    "chainrule/ops/recurrence/backends/cpu/_scan",
}
MOST_BYTES = 5_000_000


def only(pattern: str) -> Path:
    (path,) = FOLDER.glob(pattern)
    return path


@pytest.fixture
def kernels() -> Path:
    """The wheel with kernels."""
    return only("dist/*.whl")


@pytest.fixture
def plain() -> Path:
    """The wheel without."""
    return only("plain/*.whl")


@pytest.fixture(params=["dist/*.whl", "plain/*.whl"], ids=["kernels", "plain"])
def wheel(request: pytest.FixtureRequest) -> Path:
    """Either."""
    return only(request.param)


def names(wheel: Path) -> set[str]:
    return {name for name in ZipFile(wheel).namelist() if not name.endswith("/")}


def told(wheel: Path, name: str) -> bytes:
    (path,) = (path for path in names(wheel) if re.fullmatch(rf"chainrule-[^/]*\.dist-info/{name}", path))
    return ZipFile(wheel).read(path)


def tag(wheel: Path) -> list[str]:
    """Python, ABI and platform."""
    return wheel.stem.split("-")[2:]


def test_it_says_the_tags_of_its_name(wheel: Path) -> None:
    pythons, abis, platforms = tag(wheel)
    expected = {
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    }
    assert set(message_from_bytes(told(wheel, "WHEEL")).get_all("Tag", [])) == expected


def test_its_modules_are_of_the_abi_of_its_tag(kernels: Path) -> None:
    python, abi, platform = tag(kernels)
    assert platform.startswith("manylinux_2_")
    assert (python, abi) in {("cp311", "cp311"), ("cp312", "abi3")}
    modules = {name for name in names(kernels) if name.endswith(".so")}
    suffix = r"\.abi3\.so" if abi == "abi3" else r"\.cpython-311-.*\.so"
    assert {re.sub(suffix, "", name) for name in modules} == MODULES


def test_nothing_beyond_the_stable_abi_is_used(kernels: Path) -> None:
    if tag(kernels)[1] != "abi3":
        pytest.skip("a wheel for one Python")
    command = [sys.executable, "-m", "abi3audit", "--strict", "--verbose", str(kernels)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 extensions scanned" in result.stdout + result.stderr


def test_it_holds_what_is_used_and_nothing_else(wheel: Path) -> None:
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in SOURCES}
    found = {name for name in names(wheel) if ".dist-info/" not in name and not name.endswith(".so")}
    assert found == {f"chainrule/{path.relative_to(PACKAGE)}" for path in files}
    assert {"chainrule/py.typed", "chainrule/display/interactive/start.js"} <= found


def test_its_licences_come_with_it(wheel: Path) -> None:
    for name in ("LICENSE", "LICENSES/nanobind.txt", "LICENSES/robin-map.txt"):
        assert told(wheel, f"licenses/{name}") == (ROOT / name).read_bytes()


def test_it_says_what_its_modules_contain(kernels: Path) -> None:
    bill = json.loads(told(kernels, r"sboms/chainrule\.cdx\.json"))
    version = message_from_bytes(told(kernels, "METADATA"))["Version"]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"]) == ("chainrule", version)
    parts = {part["name"]: part for part in bill["components"]}
    assert parts.keys() == {"nanobind", "robin-map"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", parts["nanobind"]["version"])
    assert "@" not in re.sub(r"pkg:pypi/[a-z]+@[\d.]+", "", json.dumps(bill)), "a name that was not filled in"


def test_it_is_small(kernels: Path) -> None:
    assert kernels.stat().st_size < MOST_BYTES


def test_without_kernels_it_is_for_every_machine(plain: Path) -> None:
    assert tag(plain) == ["py3", "none", "any"]
    assert not [name for name in names(plain) if name.endswith(".so")]


def test_the_sdist_is_the_same_however_often_it_is_built() -> None:
    assert only("built/*.tar.gz").read_bytes() == only("again/*.tar.gz").read_bytes()


def test_the_sdist_has_all_that_a_build_and_the_tests_need() -> None:
    with tarfile.open(only("built/*.tar.gz")) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    rooms = ("src", "tests", "docs", "LICENSES")
    expected = {str(path.relative_to(ROOT)) for room in rooms for path in (ROOT / room).rglob("*") if path.is_file()}
    expected = {path for path in expected if not path.endswith((".pyc", ".so"))}
    assert expected | {"CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml"} <= held
    assert not [path for path in held if path.startswith(("build/", "runs/", ".ci/"))]
