"""Commands about versions, executed offline and by a running server, against a local stand-in for lists and jars."""

import asyncio
import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiohttp import web

from coalserver.cli import main
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.versions.stand_in import (
    StandIn,
    add_fabric,
    add_mojang,
    manifests,
    run_stand_in_in_thread,
)
from tests.processes import CliResult, CommandLine, run_server

JAR = make_jar(version={"id": "1.20.4", "java_version": 17}, files={"data": os.urandom(50_000)})
SHA256, SHA1 = hashlib.sha256(JAR).hexdigest(), hashlib.sha1(JAR).hexdigest()


class HeldPage:
    """A page that sends the first half of the jar, and the rest when it is released."""

    def __init__(self) -> None:
        self.half_sent, self.released = threading.Event(), threading.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(body=JAR)
        response = web.StreamResponse(headers={"Content-Length": str(len(JAR))})
        await response.prepare(request)
        await response.write(JAR[: len(JAR) // 2])
        self.half_sent.set()
        await asyncio.to_thread(self.released.wait, 30)
        await response.write(JAR[len(JAR) // 2 :])
        return response


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with run_stand_in_in_thread() as stand_in:
        stand_in.pages["/a.jar"] = JAR
        add_mojang(stand_in, JAR)
        add_fabric(stand_in, JAR)
        yield stand_in


@pytest.fixture
def held(stand_in: StandIn) -> Iterator[HeldPage]:
    """The page of a jar that is held."""
    page = stand_in.pages["/a.jar"] = HeldPage()
    yield page
    page.released.set()


def flags(stand_in: StandIn) -> tuple[str, ...]:
    """Return the settings with which versions are fetched from a stand-in."""
    lists = ", ".join(manifests(stand_in))
    return ("--hosting-private-urls", "127.0.0.0/8", "--hosting-manifests", lists)


@pytest.fixture
def offline(line: CommandLine, stand_in: StandIn) -> CommandLine:
    """The command line without a server, which may fetch from the stand-in."""
    return lambda *args: line(*args, *flags(stand_in))


@pytest.fixture(params=["on the file", "by a server"])
def both(
    request: pytest.FixtureRequest, line: CommandLine, data: Path, stand_in: StandIn
) -> Iterator[CommandLine]:
    """The command line without a running server, and with one."""
    if request.param == "by a server":
        with run_server(data, *flags(stand_in)):
            yield line
    else:
        yield lambda *args: line(*args, *flags(stand_in))


def names(line: CommandLine) -> list[tuple[str, str]]:
    return [(row["name"], row["kind"]) for row in line("version", "list", "--json").document]


def refusal(result: CliResult) -> str:
    assert result.status == 1, result
    assert list(result.document) in (["error"], ["error", "why"])
    return str(result.document["error"])


def test_every_kind_is_added_listed_fetched_and_removed(both, stand_in, tmp_path):
    file = tmp_path / "own.jar"
    file.write_bytes(make_jar(java=21))
    sources: dict[str, tuple[str, ...]] = {
        "1.20.4": ("--from", "mojang"),
        "fabric-1.20.4": ("--from", "fabric"),
        "by address": ("--url", f"{stand_in.url}/a.jar", "--sha256", SHA256, "--java", "21"),
        "own+1": ("--jar", str(file)),
        "squid": ("--command", "sh -c 'echo {port}'", "--ready", "listening", "--stop", "SIGINT",
                  "--no-slash", "--no-save", "--no-eula"),
    }  # fmt: skip
    for name, source in sources.items():
        result = both("version", "add", name, *source, "--json")
        assert (result.status, result.document.get("name")) == (0, name), result
    assert names(both) == [
        ("1.20.4", "mojang"), ("by address", "url"), ("fabric-1.20.4", "fabric"), ("own+1", "jar"),
        ("squid", "command"),
    ]  # fmt: skip
    rows = {row["name"]: row for row in both("version", "list", "--json").document}
    assert rows["by address"]["sha256"] == SHA256 and rows["by address"]["java"] == 21
    assert (rows["own+1"]["java"], rows["own+1"]["fetched"]) == (21, True)
    options = ("ready", "stop", "no_slash", "no_save", "no_eula", "fetched")
    assert [rows["squid"][one] for one in options] == [
        "listening", "SIGINT", True, True, True, None
    ]  # fmt: skip
    for name in ("1.20.4", "fabric-1.20.4", "by address", "own+1"):
        fetched = both("version", "fetch", name, "--json").document
        assert (fetched["name"], fetched["fetched"], fetched["failure"]) == (name, True, None)
    assert fetched["jar"] == hashlib.sha256(file.read_bytes()).hexdigest()
    printed = both("version", "list").out
    assert "by address" in printed and "fetched" in printed and "1.20.4" in printed
    for name in sources:
        assert both("version", "remove", name, "--json").document == {"removed": name}
    assert both("version", "list", "--json").document == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("add", "x", "--url", "{}/none"), "Error (404) fetching URL."),
        (("add", "x", "--url", "http://10.1.2.3/a.jar"), "The address 10.1.2.3 is not public."),
        (("add", "x", "--url", ""), "The address is empty."),
        (("add", "x", "--url", "{}/a.jar", "--sha1", "12"), "A SHA-1 has 40 hexadecimal digits."),
        (("add", "x", "--url", "{}/a.jar", "--sha256", "x" * 64), "A SHA-256 has 64 hexadecimal digits."),
        (("add", "x", "--url", "{}/a.jar", "--java", "0"), "A Java version is a number from 1 to 99."),
        (("add", "x", "--url", "{}/a.jar", "--java", "100"), "A Java version is a number from 1 to 99."),
        (("add", "x", "--url", "{}/a.jar", "--ready", "("), "The text of --ready is not a regular expression."),
        (("add", "x", "--url", "{}/a.jar", "--stop", "a\nb"), "The text of --stop has control characters."),
        (("add", "x/y", "--url", "{}/a.jar"), "The name of a version has 1 to 60 characters"),
        (("add", "..", "--url", "{}/a.jar"), "The name of a version has 1 to 60 characters"),
        (("add", "", "--url", "{}/a.jar"), "The name of a version has 1 to 60 characters"),
        (("add", "x" * 61, "--url", "{}/a.jar"), "The name of a version has 1 to 60 characters"),
        (("add", "there", "--url", "{}/a.jar"), "There is a version there already."),
        (("add", "2.0", "--from", "mojang"), "The list of Mojang has no version 2.0."),
        (("add", "x", "--from", "paper"), "Error (404) fetching URL."),
        (("add", "x", "--command", "no-such-program"), "There is no program no-such-program."),
        (("add", "x", "--command", ""), "The command is empty."),
        (("add", "x", "--command", "'"), "The command cannot be split: no closing quotation."),
        (("add", "x", "--jar", "/none.jar"), "There is no file /none.jar."),
        (("add", "x", "--jar", "/dev/null"), "There is no file /dev/null."),
        (("add", "x", "--jar", "/etc/passwd"), "It is not a jar, or it is damaged."),
        (("fetch", "none"), "There is no such version."),
        (("fetch", "there"), "Version there could not be fetched: it is a command."),
        (("remove", "none"), "There is no such version."),
    ],
)  # fmt: skip
def test_refusal_is_one_sentence(offline, stand_in, args, message):
    assert offline("version", "add", "there", "--command", "true").status == 0
    filled = (arg.replace("{}", stand_in.url) for arg in args)
    assert refusal(offline("version", *filled, "--json")).startswith(message)
    assert names(offline) == [("there", "command")]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--url", "http://x/", "--command", "true"),
        ("--jar", "x", "--from", "mojang"),
        ("--from", "forge"),
        ("--command", "true", "--java", "x"),
        ("--command", "true", "--sha1", "0" * 40),
        ("--url", "http://x/", "--sha1", "0" * 40, "--sha256", "0" * 64),
    ],
)
def test_wrong_usage_is_told_apart(line, args):
    result = line("version", "add", "x", *args, "--json")
    assert result.status == 2 and list(result.document) == ["error"]


def test_wrong_hash_is_refused_by_the_fetch_and_shown(both, stand_in):
    both("version", "add", "x", "--url", f"{stand_in.url}/a.jar", "--sha1", "0" * 40)
    message = refusal(both("version", "fetch", "x", "--json"))
    assert (
        message == f"Version x could not be fetched: its SHA-1 is {SHA1}, published is {'0' * 40}."
    )


def test_jar_is_that_of_the_caller(data, line, stand_in, tmp_path, monkeypatch):
    """The server runs in another directory."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "own.jar").write_bytes(JAR)
    with run_server(data, *flags(stand_in)):
        monkeypatch.chdir(tmp_path / "here")
        assert line("version", "add", "x", "--jar", "own.jar", "--json").document["jar"] == SHA256
    assert (data / "hosting" / "versions" / f"{SHA256}.jar").read_bytes() == JAR


def test_hosting_that_is_off_refuses(line):
    line("game", "add", "chess")
    result = line("version", "add", "x", "--command", "true", "--hosting", "no", "--json")
    assert refusal(result) == "World hosting is switched off on this server."


def parts(data: Path) -> list[str]:
    return [path.suffix for path in (data / "hosting" / "versions").iterdir()]


def test_fetch_that_kill_interrupts_leaves_nothing_and_begins_anew(data, line, stand_in, held):
    with run_server(data, *flags(stand_in)) as server, ThreadPoolExecutor(1) as threads:
        line("version", "add", "x", "--url", f"{stand_in.url}/a.jar")
        fetching = threads.submit(call, data, "version", "fetch", "x")
        assert held.half_sent.wait(30)
        assert parts(data) == [".part"]
        (row,) = line("version", "list", "--json").document
        assert (row["fetched"], type(row["percent"])) == (False, int)
        server.stop(signal.SIGKILL)
        assert fetching.result() == 1
    assert parts(data) == [".part"]
    held.released.set()
    with run_server(data, *flags(stand_in)):
        assert parts(data) == []
        assert line("version", "fetch", "x", "--json").document["jar"] == SHA256
    assert parts(data) == [".jar"]


def test_fetch_ends_with_the_server(data, line, stand_in, held):
    with run_server(data, *flags(stand_in)) as server, ThreadPoolExecutor(1) as threads:
        line("version", "add", "x", "--url", f"{stand_in.url}/a.jar")
        fetching = threads.submit(call, data, "version", "fetch", "x")
        assert held.half_sent.wait(30)
        assert server.stop() == 0
        assert fetching.result() == 1
    assert parts(data) == []


def call(data: Path, *args: str) -> int:
    """Return the exit status of a command in another thread."""
    return main.main(["--data", str(data), *args])
