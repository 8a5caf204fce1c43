"""Architecture: import rules, law L1, sizes and words of the code itself. Each failure says what to do instead."""

import ast
import configparser
import re
import subprocess
import sys
import tokenize
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
    "cli": {"click", "uvloop"},
    "config": {"marshmallow"},
    "core": set(),
    "core/leaderboards.py": {"sortedcontainers"},
    "core/listings.py": {"sortedcontainers"},
    "core/state.py": {"sortedcontainers"},
    "domain": set(),
    "domain/minecraft/slugs.py": {"slugify"},
    "domain/play/synced_state.py": {"orjson"},
    "game": set(),
    "games": set(),
    "hosting": set(),
    "hosting/versions": {"aiohttp", "yarl"},
    "media": set(),
    "media/images.py": {"PIL"},
    "observability": set(),
    "observability/metrics.py": {"prometheus_client"},
    "security": set(),
    "security/encryption.py": {"cryptography"},
    "security/passwords.py": {"argon2"},
    "server": {"aiohttp"},
    "services": set(),
    "site": {"aiohttp", "marshmallow", "orjson", "babel"},
    "storage": {"aiosqlite", "orjson"},
    "hosting/figures.py": {"psutil"},
    "hosting/machine.py": {"psutil"},
    "web": {"aiohttp", "aiohttp_jinja2", "jinja2", "marshmallow", "orjson"},
    "web/pages/clock.py": {"aiohttp", "babel"},
    "web/pages/i18n.py": {"aiohttp", "babel"},
    ".": set(),
}
#: Packages without `async def` and asyncio (law L1).
SYNCHRONOUS = ("domain", "game", "games", "core/commands", "core/queries")
#: The only modules that may catch every exception. `websocket` logs it and closes the socket with 1011, as it does for
#: messages that pass through aiohttp's parser, which catches it too. `task` hands it to the coroutine that it runs.
#: `socket_reader` and `held_connections` close the connection, as an event loop does.
CATCH_ALL = {
    "core/feed.py", "web/endpoint.py", "web/repeats/task.py", "services/housekeeping.py", "domain/play/game.py",
    "web/streaming/held_connections.py", "web/streaming/socket_reader.py", "web/streaming/websocket.py",
    "web/streaming/write_queue.py",
}  # fmt: skip
#: Words that mean different things in different documents, as whole names.
BANNED = {"session", "server", "user", "sessions", "servers", "users"}
EMPTY_NAMES = {"manager", "helper", "helpers", "utils", "common", "base", "data", "info"}
MAX_LINES = 800
#: Distributed, or run, as a single file.
SINGLE_FILES = {"static/mc/mc_coal_agent.py", "coalserver/hosting/keeper.py"}

#: Packages that are required although no module imports them, and why.
NOT_IMPORTED = {
    "tzdata": "zoneinfo reads it where the system has no zones of its own; without, every time would be shown in UTC",
}

FILES = sorted(CODE.rglob("*.py"))


def module_path(path: Path) -> str:
    """Return the path of a module within the package."""
    return path.relative_to(CODE).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and top-level package of every import in a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").partition(".")[0]


def allowed(path: str) -> set[str]:
    """Return the packages from outside that a module may import: those of the nearest entry of OUTSIDE."""
    places = (path, *(parent.as_posix() for parent in Path(path).parents))
    return next(OUTSIDE[place] for place in places if place in OUTSIDE)


def within(*packages: str) -> list[Path]:
    prefixes = tuple(f"{package}/" for package in packages)
    return [path for path in FILES if module_path(path).startswith(prefixes)]


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


def test_import_contracts_hold(tmp_path):
    line = ["--config", str(ROOT / "setup.cfg"), "--no-logo", "--cache-dir", str(tmp_path)]
    code = f"from importlinter.cli import lint_imports_command as run; run({line!r})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, (
        f"A package imports what it must not:\n{result.stdout}{result.stderr}"
    )


def test_every_package_has_an_import_contract():
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


@pytest.mark.parametrize("path", FILES, ids=module_path)
def test_module_imports_only_allowed_outside_packages(path):
    may = allowed(module_path(path)) | sys.stdlib_module_names | {"coalserver"}
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name not in may]
    assert not wrong, f"{module_path(path)} may not import {', '.join(wrong)}; see OUTSIDE, here"


def test_keeper_imports_only_the_standard_library():
    found = {name for _, name in imported(CODE / "hosting" / "keeper.py")}
    assert found <= sys.stdlib_module_names, "it is run as a file, without coalserver"


@pytest.mark.parametrize("path", within(*SYNCHRONOUS), ids=module_path)
def test_commands_do_not_await(path):
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    lines = [node.lineno for node in ast.walk(tree(path)) if isinstance(node, waits)]
    lines += [line for line, name in imported(path) if name == "asyncio"]
    assert not lines, f"{module_path(path)} awaits at lines {lines}: law L1, commands do not await"


@pytest.mark.parametrize("path", within("domain", "core"), ids=module_path)
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
        f"{module_path(path)}: {wrong}; docs/architecture.md, section 2, has the words to use"
    )


@pytest.mark.parametrize("path", FILES, ids=module_path)
def test_only_listed_modules_catch_every_exception(path):
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {"*" if node.type is None else ast.unparse(node.type)}
        where = f"{module_path(path)}, line {node.lineno}"
        if caught & {"*", "Exception"}:
            assert module_path(path) in CATCH_ALL, (
                f"{where} catches every exception and would hide bugs"
            )
        if "BaseException" in caught:
            again = any(isinstance(one, ast.Raise) for one in ast.walk(node))
            assert again, f"{where} catches BaseException without raising it again"


@pytest.mark.parametrize("path", FILES, ids=module_path)
def test_every_module_has_a_docstring_and_a_telling_name(path):
    assert ast.get_docstring(tree(path)), f"{module_path(path)} has no docstring"
    assert path.stem not in EMPTY_NAMES, (
        f"{module_path(path)}: the name is too general; see docs/style.md"
    )


def test_only_the_configuration_reads_the_environment():
    reads = [
        module_path(path)
        for path in FILES
        if re.search(r"\benviron\b|\bgetenv\b", path.read_text())
    ]
    assert set(reads) <= {"cli/main.py", "config/sources.py"}, f"settings belong in config: {reads}"


def test_no_module_exceeds_the_line_limit():
    assert not long_files(MAX_LINES), "split these by subject"


def test_types_check():
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "setup.cfg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"mypy:\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_passes(command):
    line = [sys.executable, "-m", "ruff", *command, "--no-cache", "--output-format", "concise"]
    result = subprocess.run([*line, "."], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"ruff {' '.join(command)}:\n{result.stdout}{result.stderr}"


def test_every_package_is_in_the_wheel():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    listed = set(settings["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in CODE.rglob("__init__.py")}
    found |= {"coalserver.static", "coalserver.templates"}
    assert listed == found, f"packages in setup.cfg: differs in {sorted(listed ^ found)}"


def test_requirements_match_the_imports():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    required = re.findall(r"^[\w-]+", settings["options"]["install_requires"], re.MULTILINE)
    names = {"PIL": "pillow", "argon2": "argon2-cffi", "slugify": "python-slugify"}
    used = {name for path in FILES for _, name in imported(path)}
    used -= sys.stdlib_module_names | {"coalserver"}
    needed = {names.get(name, name).replace("_", "-").lower() for name in used} | set(NOT_IMPORTED)
    assert needed == set(required), f"install_requires: differs in {sorted(needed ^ set(required))}"


def test_pyproject_has_only_the_build_system():
    assert list(tomllib.loads((ROOT / "pyproject.toml").read_text())) == ["build-system"]


#: Words of an earlier vocabulary, by what replaced them; see docs/names.md.
OLD_WORDS = {
    "Deed": "AuditEntry",
    "Chorus": "BroadcastGroup",
    "Truth": "SyncedState",
    "Welcome": "HostProfile",
    "Refusal": "DomainError",
    "Why": "ErrorCode",
    "Datum": "StorageItem",
    "Mending": "VisitChanges",
    "Sighting": "WorldMark",
    "Talker": "DuplexStream",
    "Sleeper": "Expirable",
    "Dialect": "Api",
    "astray": "render_http_error",
    "STRAYS": "HTTP_ERRORS",
    "do_once": "execute_idempotent",
    "the_player": "get_player",
    "the_lobby": "get_lobby",
    "the_world": "get_world",
}


@pytest.mark.parametrize("path", FILES, ids=module_path)
def test_old_words_do_not_return(path):
    names = {token.string for token in tokens(path) if token.type == tokenize.NAME}
    wrong = {word: OLD_WORDS[word] for word in names & set(OLD_WORDS)}
    assert not wrong, f"{module_path(path)}: use the standard terms {wrong}; docs/names.md"


def tokens(path: Path) -> Iterator[tokenize.TokenInfo]:
    with path.open("rb") as file:
        yield from tokenize.tokenize(file.readline)
