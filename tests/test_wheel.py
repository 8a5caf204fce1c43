"""The wheel, installed without the checkout."""

import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.processes import ROOT, environment, run_server

#: All that a wheel is made of. A `build/` from earlier would put modules in that are gone.
SOURCES = (
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "coalserver",
    "static",
    "templates",
)


def run(*line: str, cwd: Path) -> None:
    said = subprocess.run(
        line, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, f"{' '.join(line)}:\n{said.stdout}{said.stderr}"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the sources."""
    copy = tmp_path_factory.mktemp("copy")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the copy, with what is installed here: no network."""
    out = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out))
    run(*build, str(copy), cwd=copy)
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def script(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in a fresh environment, which borrows only what we depend on."""
    there = tmp_path_factory.mktemp("venv")
    venv.create(there, with_pip=True)
    run(
        str(there / "bin" / "python"),
        *("-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(wheel)),
        cwd=there,
    )
    [packages] = there.glob("lib/python*/site-packages")
    # Its own packages come first, so that a coalserver installed here is not the one that runs.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return there / "bin" / "coalserver"


def test_wheel_has_all_templates_and_assets(wheel, copy):
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    for folder in ("static", "templates"):
        files = [path for path in (copy / folder).rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert f"coalserver/{path.relative_to(copy).as_posix()}" in packed


def test_wheel_has_all_translations(wheel, copy):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".po")}
    there = {path.relative_to(copy).as_posix() for path in (copy / "coalserver").rglob("*.po")}
    assert there and packed == there


def test_wheel_has_all_modules_and_nothing_else(wheel, copy):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    # What is served for others to run is an asset.
    packed = {name for name in names if name.endswith(".py") and "/static/" not in name}
    there = {path.relative_to(copy).as_posix() for path in (copy / "coalserver").rglob("*.py")}
    assert packed == there, "is every package in setup.cfg, and every __init__.py there?"


def test_installed_server_serves_pages_and_assets(script, tmp_path):
    with run_server(tmp_path / "data", cwd=tmp_path, run=(str(script),)) as server:
        assert b"<!doctype html>" in fetched(server.url + "/").lower()
        style = fetched(server.url + "/static/css/site.css")
        assert style == (ROOT / "static/css/site.css").read_bytes()
        assert server.stop() == 0


def fetched(url: str) -> bytes:
    """The body of a page; anything but success raises."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def test_installed_server_runs_the_installed_code(script, tmp_path):
    python = script.with_name("python")
    code = "import coalserver; print(coalserver.__file__)"
    said = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(said.stdout.strip()).is_relative_to(script.parent.parent)
