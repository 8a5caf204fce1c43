"""The wheel, installed without the checkout."""

import json
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

#: The sources of a wheel. An old `build/` would add deleted modules.
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
    result = subprocess.run(
        line, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{' '.join(line)}:\n{result.stdout}{result.stderr}"


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
    """The wheel, built from the copy without network access."""
    out = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out))
    run(*build, str(copy), cwd=copy)
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def script(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in a new environment, with the dependencies of this one."""
    environment_path = tmp_path_factory.mktemp("venv")
    venv.create(environment_path, with_pip=True)
    run(
        str(environment_path / "bin" / "python"),
        *("-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(wheel)),
        cwd=environment_path,
    )
    [packages] = environment_path.glob("lib/python*/site-packages")
    # Its own packages come first, so that a coalserver installed here does not run.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return environment_path / "bin" / "coalserver"


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
    expected = {path.relative_to(copy).as_posix() for path in (copy / "coalserver").rglob("*.po")}
    assert expected and packed == expected


def test_wheel_has_all_modules_and_nothing_else(wheel, copy):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    # Programs that clients download are assets.
    packed = {name for name in names if name.endswith(".py") and "/static/" not in name}
    expected = {path.relative_to(copy).as_posix() for path in (copy / "coalserver").rglob("*.py")}
    assert packed == expected, "is every package in setup.cfg, and every __init__.py there?"


def test_installed_server_serves_pages_and_assets(script, tmp_path):
    with run_server(tmp_path / "data", cwd=tmp_path, run=(str(script),)) as server:
        assert b"<!doctype html>" in fetch(server.url + "/").lower()
        style = fetch(server.url + "/static/css/site.css")
        assert style == (ROOT / "static/css/site.css").read_bytes()
        assert server.stop() == 0


def test_installed_keeper_runs_as_a_file(script, tmp_path):
    [program] = script.parent.parent.glob("lib/python*/site-packages/coalserver/hosting/keeper.py")
    spec = {"run": "run1", "argv": ["/bin/true"], "cwd": str(tmp_path), "env": {}}
    result = subprocess.run(
        [str(script.with_name("python")), "-I", "-S", str(program), str(tmp_path)],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["run"] == "run1"
    assert json.loads((tmp_path / "state.json").read_text())["exit"]["status"] == 0


def fetch(url: str) -> bytes:
    """Return the body of a page; raises for an error status."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def test_installed_server_runs_the_installed_code(script, tmp_path):
    python = script.with_name("python")
    code = "import coalserver; print(coalserver.__file__)"
    result = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(result.stdout.strip()).is_relative_to(script.parent.parent)
