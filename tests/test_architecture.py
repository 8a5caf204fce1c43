"""The house: walls, laws and budgets of the code itself. Each failure says what to do instead."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ROOT / "coalserver"

#: Packages from outside that a package of ours may import, besides the standard library. The nearest entry counts.
OUTSIDE = {
    "apis": {"aiohttp", "marshmallow", "orjson"},
    "apis/oauth": {"aiohttp", "marshmallow", "orjson", "authlib"},
    "cli": {"uvloop"},
    "config": set(),
    "core": set(),
    "core/leaderboards.py": {"sortedcontainers"},
    "domain": set(),
    "domain/minecraft/slugs.py": {"slugify"},
    "game": set(),
    "games": set(),
    "media": set(),
    "media/images.py": {"PIL"},
    "observability": set(),
    "security": set(),
    "security/encryption.py": {"cryptography"},
    "security/passwords.py": {"argon2"},
    "server": {"aiohttp"},
    "services": set(),
    "site": {"aiohttp", "marshmallow", "orjson", "babel"},
    "storage": {"aiosqlite", "orjson"},
    "web": {"aiohttp", "aiohttp_jinja2", "jinja2", "marshmallow", "orjson"},
    "web/pages/i18n.py": {"aiohttp", "babel"},
    ".": set(),
}
#: Packages without `async def` and asyncio (law L1).
SYNCHRONOUS = ("domain", "game", "games", "core/commands", "core/queries")
#: The only modules that may catch every exception.
CATCH_ALL = {"core/feed.py", "web/endpoint.py", "services/housekeeping.py", "domain/play/game.py"}
#: Words that mean different things in different documents, as whole names.
BANNED = {"session", "server", "user", "sessions", "servers", "users"}
EMPTY_NAMES = {"manager", "helper", "helpers", "utils", "common", "base", "data", "info"}
MAX_LINES = 800
#: Distributed as a single file.
SINGLE_FILES = {"static/mc/mc_coal_agent.py"}

#: What is asked for although nothing of ours imports it, and why.
NOT_IMPORTED = {
    "tzdata": "zoneinfo reads it where the system has no zones of its own; without, every time would be shown in UTC",
}

FILES = sorted(CODE.rglob("*.py"))


def room(path: Path) -> str:
    """A file by its path in the package."""
    return path.relative_to(CODE).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top package of everything a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").partition(".")[0]


def allowed(path: str) -> set[str]:
    """What the nearest room around a file may import."""
    rooms = (path, *(parent.as_posix() for parent in Path(path).parents))
    return next(OUTSIDE[room] for room in rooms if room in OUTSIDE)


def within(*rooms: str) -> list[Path]:
    return [path for path in FILES if room(path).startswith(tuple(f"{one}/" for one in rooms))]


def long_files(max_lines: int) -> list[tuple[str, int]]:
    """Return the code files with more lines than `max_lines`."""
    found = []
    for top in ("coalserver", "static", "benchmarks"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".py", ".js"):
                count = len(path.read_text("utf-8").splitlines())
                name = path.relative_to(ROOT).as_posix()
                if count > max_lines and name not in SINGLE_FILES:
                    found.append((name, count))
    return found


def test_the_walls_inside_stand(tmp_path):
    line = ["--config", str(ROOT / "setup.cfg"), "--no-logo", "--cache-dir", str(tmp_path)]
    code = f"from importlinter.cli import lint_imports_command as run; run({line!r})"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, f"A room imports what it may not:\n{said.stdout}{said.stderr}"


def test_every_room_has_its_contract():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    # The two at the top may import everything below them.
    packages = {path.parent.name for path in CODE.glob("*/__init__.py")} - {"cli", "server"}
    sections = {name.rpartition(":")[2] for name in settings if name.startswith("importlinter:")}
    assert packages <= sections, f"setup.cfg has no import contract for {packages - sections}"
    assert packages <= set(OUTSIDE), f"OUTSIDE, here, does not name {packages - set(OUTSIDE)}"


def test_no_module_lies_loose():
    loose = {path.name for path in CODE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert not loose, f"{sorted(loose)}: each module belongs in a package; docs/layout.md"


@pytest.mark.parametrize("path", FILES, ids=room)
def test_a_room_imports_only_its_own_outside_packages(path):
    may = allowed(room(path)) | sys.stdlib_module_names | {"coalserver"}
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name not in may]
    assert not wrong, f"{room(path)} may not import {', '.join(wrong)}; see OUTSIDE, here"


@pytest.mark.parametrize("path", within(*SYNCHRONOUS), ids=room)
def test_nothing_waits_in_a_command(path):
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    lines = [node.lineno for node in ast.walk(tree(path)) if isinstance(node, waits)]
    lines += [line for line, name in imported(path) if name == "asyncio"]
    assert not lines, f"{room(path)} waits at lines {lines}: law L1, commands run to their end"


@pytest.mark.parametrize("path", within("domain", "core"), ids=room)
def test_core_names_avoid_ambiguous_words(path):
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = []
    for node in ast.walk(tree(path)):
        if isinstance(node, kinds):
            names.append((node.lineno, node.name))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
    wrong = [f"line {line}: {name}" for line, name in names if name.lower().strip("_") in BANNED]
    assert not wrong, (
        f"{room(path)}: {wrong}; docs/architecture.md, section 2, has the words to use"
    )


@pytest.mark.parametrize("path", FILES, ids=room)
def test_whatever_comes_is_caught_in_few_places_only(path):
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {"*" if node.type is None else ast.unparse(node.type)}
        where = f"{room(path)}, line {node.lineno}"
        if caught & {"*", "Exception"}:
            assert room(path) in CATCH_ALL, f"{where} catches everything: a bug is to be seen"
        if "BaseException" in caught:
            again = any(isinstance(one, ast.Raise) for one in ast.walk(node))
            assert again, f"{where} catches BaseException and does not raise it again"


@pytest.mark.parametrize("path", FILES, ids=room)
def test_every_file_says_what_lives_in_it(path):
    assert ast.get_docstring(tree(path)), f"{room(path)} has no docstring"
    assert path.stem not in EMPTY_NAMES, f"{room(path)}: the name says nothing; see style.md"


def test_only_the_command_line_reads_the_environment():
    reads = [room(path) for path in FILES if re.search(r"\benviron\b|\bgetenv\b", path.read_text())]
    assert set(reads) <= {"cli/main.py", "config/__init__.py"}, (
        f"settings belong in config: {reads}"
    )


def test_no_file_is_longer_than_the_limit():
    assert not long_files(MAX_LINES), "split these by subject"


def test_types_are_right():
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "setup.cfg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, f"mypy:\n{said.stdout}{said.stderr}"


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_passes(command):
    line = [sys.executable, "-m", "ruff", *command, "--no-cache", "--output-format", "concise"]
    result = subprocess.run([*line, "."], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"ruff {' '.join(command)}:\n{result.stdout}{result.stderr}"


def test_every_package_is_in_the_wheel():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    listed = set(settings["options"]["packages"].split())
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in CODE.rglob("__init__.py")}
    there |= {"coalserver.static", "coalserver.templates"}
    assert listed == there, f"packages in setup.cfg: differs in {sorted(listed ^ there)}"


def test_every_outside_package_is_asked_for():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    asked = re.findall(r"^[\w-]+", settings["options"]["install_requires"], re.MULTILINE)
    names = {"PIL": "pillow", "argon2": "argon2-cffi", "slugify": "python-slugify"}
    used = {name for path in FILES for _, name in imported(path)}
    used -= sys.stdlib_module_names | {"coalserver"}
    needed = {names.get(name, name).replace("_", "-").lower() for name in used} | set(NOT_IMPORTED)
    assert needed == set(asked), f"install_requires: differs in {sorted(needed ^ set(asked))}"


def test_pyproject_says_only_how_to_build():
    assert list(tomllib.loads((ROOT / "pyproject.toml").read_text())) == ["build-system"]
