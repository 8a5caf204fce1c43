"""Restores of a running server, requested on its pages."""

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.processes import TIMEOUT_SECONDS, CommandLine, ServerProcess, run_server, tags

EMAIL, PASSWORD = "root@example.org", "correct horse"
BOUNDARY = "a-boundary"


@dataclass
class Visit:
    """What came back, and where from."""

    status: int
    url: str
    headers: Any
    raw: bytes

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", self.raw.decode()))


@dataclass
class Browser:
    """Somebody with cookies, who follows redirects."""

    at: str
    jar: CookieJar = field(default_factory=CookieJar)

    def visit(self, path: str, body: bytes | None = None, kind: str = "", **headers: str) -> Visit:
        if kind:
            headers["Content-Type"] = kind
        request = urllib.request.Request(self.at + path, body, headers)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return Visit(answer.status, answer.url, answer.headers, answer.read())
        except urllib.error.HTTPError as answer:
            with answer:
                return Visit(answer.code, answer.url, answer.headers, answer.read())

    def seal(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.visit(path).raw.decode())
        assert found
        return found[1]

    def sends(self, path: str, seen: str = "/admin/games", **fields: str) -> Visit:
        body = urlencode({"csrf_token": self.seal(seen), **fields}).encode()
        return self.visit(path, body, "application/x-www-form-urlencoded")

    def uploads(self, content: bytes) -> Visit:
        seal = self.seal("/admin/backups").encode()
        field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
        lines = (field % "csrf_token").encode() + seal + b"\r\n"
        lines += (field % 'file"; filename="b.tar').encode() + content + b"\r\n"
        return self.visit(
            "/admin/backups/upload",
            lines + f"--{BOUNDARY}--\r\n".encode(),
            f"multipart/form-data; boundary={BOUNDARY}",
        )

    def asks(self, path: str, token: str = "", **body: Any) -> Visit:
        """Call an API with JSON."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.visit(path, json.dumps(body).encode(), "application/json", **bearer)
        assert answer.status in (200, 201), answer
        return answer


@dataclass
class Site:
    """A server with an admin in a browser, and one backup, from before the game `go`."""

    server: ServerProcess
    root: Browser
    line: CommandLine
    data: Path
    backup: str
    #: A guest, and the newest event he had seen.
    token: str
    cursor: str

    def restores(self, name: str = "") -> Visit:
        return self.root.sends(f"/admin/backups/{name or self.backup}/restore")

    def until(self, holds: Callable[[], bool]) -> None:
        """Ask again until this holds; meanwhile nobody may be there."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass
            assert time.monotonic() < end, "it did not come back"

    def has(self, game: str) -> bool:
        bearer = {"Authorization": f"Bearer {self.token}"}
        status = Browser(self.root.at).visit(f"/games/{game}/rooms", **bearer).status
        assert status in (200, 404)
        return status == 200

    def replaced(self) -> list[Path]:
        return sorted(self.data.glob("replaced-*"))


@pytest.fixture
def site(line: CommandLine, data: Path) -> Iterator[Site]:
    line("account", "add", EMAIL, "--password", PASSWORD, "--admin")
    with run_server(data) as server:
        root = Browser(server.url)
        assert root.sends("/login", "/login", email=EMAIL, password=PASSWORD).status == 200
        token = json.loads(
            root.asks("/accounts/login", credentialType="guest", username="Ann").raw
        )["token"]
        assert "The backup is made." in root.sends("/admin/backups").words
        [backup] = [path.name for path in (data / "backups").iterdir()]
        line("game", "add", "go")
        root.asks("/games/go/rooms", token, name="late")
        heard = root.visit("/games/go/rooms/events?wait=0", Authorization=f"Bearer {token}")
        yield Site(server, root, line, data, backup, token, heard.headers["X-Event-Cursor"])


def test_restore_restarts_the_server(site):
    said = site.root.visit(f"/admin/backups/{site.backup}/restore")
    assert said.status == 200 and "starts again by itself" in said.words
    answer = site.restores()
    assert answer.status == 200 and "The server starts again" in answer.words
    site.until(lambda: not site.has("go"))
    assert site.server.process.poll() is None and site.has("noughts")
    page = site.root.visit("/admin/backups?done=restored")
    assert page.status == 200 and "The backup is in place." in page.words
    assert f"{EMAIL} put the backup {site.backup} back" in site.root.visit("/admin/log").words
    assert tags(site.line) == ["noughts"]
    assert site.server.stop() == 0
    [replaced] = site.replaced()
    assert tags(site.line, "--data", str(replaced)) == ["noughts", "go"]


def test_restore_reports_lost_events_and_ids_stay_unique(site):
    site.restores()
    site.until(lambda: not site.has("go"))
    path = f"/games/noughts/rooms/events?wait=0&after-event-id={site.cursor}"
    heard = site.root.visit(path, Authorization=f"Bearer {site.token}")
    assert (heard.status, heard.headers["X-Events-Lost"]) == (200, "true")
    assert int(heard.headers["X-Event-Cursor"]) > int(site.cursor)
    made = site.root.asks("/games/noughts/rooms", site.token, name="new")
    assert made.headers["Location"].endswith("/2")


def test_uploaded_backup_is_restored(site):
    content = site.root.sends(f"/admin/backups/{site.backup}/download").raw
    site.root.sends(f"/admin/backups/{site.backup}/remove")
    sent = site.root.uploads(content)
    assert sent.status == 200 and "Put a backup back" in sent.words
    name = sent.url.split("/")[-2]
    assert (site.data / "backups" / name).read_bytes() == content
    assert site.restores(name).status == 200
    site.until(lambda: not site.has("go"))


def test_damaged_backup_changes_nothing(site):
    file = site.data / "backups" / site.backup
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    answer = site.restores()
    assert answer.status == 400 and "This backup is damaged. Nothing has changed." in answer.words
    assert "This file is not a backup of coalserver." in site.root.uploads(b"a cake").words
    assert site.has("go") and not site.replaced() and not list(site.data.glob("scratch-*"))
    assert "put the backup" not in site.root.visit("/admin/log").words


def test_failed_restore_keeps_the_data_and_shows_the_error(site):
    (site.data / "keys" / "dangling").symlink_to("/no/such/key")
    pid = site.server.process.pid
    assert site.restores().status == 200
    site.until(lambda: "was not restored" in site.root.visit("/admin/backups?done=restored").words)
    (site.data / "keys" / "dangling").unlink()
    assert "The backup is made." in site.root.sends("/admin/backups").words
    assert site.has("go") and site.server.process.pid == pid
    assert not site.replaced() and not list(site.data.glob("scratch-*"))


def test_server_stopped_during_a_restore_restores_and_exits(site):
    assert site.restores().status == 200
    assert site.server.stop() == 0
    assert tags(site.line) == ["noughts"]


def test_server_killed_during_a_restore_has_old_or_new_data(site):
    assert site.restores().status == 200
    site.server.stop(signal.SIGKILL)
    found = tags(site.line)
    assert found in (["noughts"], ["noughts", "go"])
    with run_server(site.data):
        assert tags(site.line) == found


def test_concurrent_restores_run_once(site):
    seal = site.root.seal("/admin/games")
    body = urlencode({"csrf_token": seal}).encode()
    path = f"/admin/backups/{site.backup}/restore"

    def ask() -> int:
        try:
            return site.root.visit(path, body, "application/x-www-form-urlencoded").status
        except OSError:
            # It had ended already.
            return 0

    with ThreadPoolExecutor(4) as pool:
        statuses = {one.result() for one in [pool.submit(ask) for _ in range(4)]}
    assert 200 in statuses and statuses <= {200, 0}
    site.until(lambda: not site.has("go"))
    assert tags(site.line) == ["noughts"]
