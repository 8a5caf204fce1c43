"""Restores of a running server, requested on its pages."""

import json
import re
import signal
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

from tests.processes import (
    TIMEOUT_SECONDS,
    CommandLine,
    ServerProcess,
    run_server,
    tags,
    wait_until,
)

EMAIL, PASSWORD = "root@example.org", "correct horse"
BOUNDARY = "a-boundary"


@dataclass
class PageResponse:
    """A response with its final address."""

    status: int
    url: str
    headers: Any
    raw: bytes

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", self.raw.decode()))


@dataclass
class Browser:
    """A client that keeps cookies and follows redirects."""

    base_url: str
    jar: CookieJar = field(default_factory=CookieJar)

    def fetch(
        self, path: str, body: bytes | None = None, kind: str = "", **headers: str
    ) -> PageResponse:
        if kind:
            headers["Content-Type"] = kind
        request = urllib.request.Request(self.base_url + path, body, headers)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return PageResponse(answer.status, answer.url, answer.headers, answer.read())
        except urllib.error.HTTPError as answer:
            with answer:
                return PageResponse(answer.code, answer.url, answer.headers, answer.read())

    def csrf_token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.fetch(path).raw.decode())
        assert found
        return found[1]

    def send_form(self, path: str, form_path: str = "/admin/games", **fields: str) -> PageResponse:
        body = urlencode({"csrf_token": self.csrf_token(form_path), **fields}).encode()
        return self.fetch(path, body, "application/x-www-form-urlencoded")

    def upload(self, content: bytes) -> PageResponse:
        csrf_token = self.csrf_token("/admin/backups").encode()
        field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
        lines = (field % "csrf_token").encode() + csrf_token + b"\r\n"
        lines += (field % 'file"; filename="b.tar').encode() + content + b"\r\n"
        return self.fetch(
            "/admin/backups/upload",
            lines + f"--{BOUNDARY}--\r\n".encode(),
            f"multipart/form-data; boundary={BOUNDARY}",
        )

    def send_json(self, path: str, token: str = "", **body: Any) -> PageResponse:
        """Call an API with JSON."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.fetch(path, json.dumps(body).encode(), "application/json", **bearer)
        assert answer.status in (200, 201), answer
        return answer


@dataclass
class Site:
    """A server with an admin in a browser, and one backup, from before the game `go`."""

    server: ServerProcess
    browser: Browser
    line: CommandLine
    data: Path
    backup: str
    #: The token of a guest and the newest event id they received.
    token: str
    cursor: str

    def request_restore(self, name: str = "") -> PageResponse:
        return self.browser.send_form(f"/admin/backups/{name or self.backup}/restore")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Repeat until the condition holds; the server may be unreachable in between."""

        def is_reached() -> bool:
            try:
                return holds()
            except OSError:
                return False

        wait_until(is_reached, found=lambda: "it did not come back")

    def has_game(self, game: str) -> bool:
        bearer = {"Authorization": f"Bearer {self.token}"}
        status = Browser(self.browser.base_url).fetch(f"/games/{game}/rooms", **bearer).status
        assert status in (200, 404)
        return status == 200

    def replaced(self) -> list[Path]:
        return sorted(self.data.glob("replaced-*"))


@pytest.fixture
def site(line: CommandLine, data: Path) -> Iterator[Site]:
    line("account", "add", EMAIL, "--password", PASSWORD, "--admin")
    with run_server(data) as server:
        browser = Browser(server.url)
        assert browser.send_form("/login", "/login", email=EMAIL, password=PASSWORD).status == 200
        token = json.loads(
            browser.send_json("/accounts/login", credentialType="guest", username="Ann").raw
        )["token"]
        assert "Backup created" in browser.send_form("/admin/backups").text
        [backup] = [path.name for path in (data / "backups").iterdir()]
        line("game", "add", "go")
        browser.send_json("/games/go/rooms", token, name="late")
        response = browser.fetch("/games/go/rooms/events?wait=0", Authorization=f"Bearer {token}")
        yield Site(server, browser, line, data, backup, token, response.headers["X-Event-Cursor"])


def test_restore_restarts_the_server(site):
    page = site.browser.fetch(f"/admin/backups/{site.backup}/restore")
    assert page.status == 200 and "The server restarts" in page.text
    answer = site.request_restore()
    assert answer.status == 200 and "Server is restarting" in answer.text
    site.wait_until(lambda: not site.has_game("go"))
    assert site.server.process.poll() is None and site.has_game("noughts")
    page = site.browser.fetch("/admin/backups?done=restored")
    assert page.status == 200 and "Backup restored" in page.text
    assert f"{EMAIL} restored backup {site.backup}" in site.browser.fetch("/admin/log").text
    assert tags(site.line) == ["noughts"]
    assert site.server.stop() == 0
    [replaced] = site.replaced()
    assert tags(site.line, "--data", str(replaced)) == ["noughts", "go"]


def test_restore_reports_lost_events_and_ids_stay_unique(site):
    site.request_restore()
    site.wait_until(lambda: not site.has_game("go"))
    path = f"/games/noughts/rooms/events?wait=0&after-event-id={site.cursor}"
    response = site.browser.fetch(path, Authorization=f"Bearer {site.token}")
    assert (response.status, response.headers["X-Events-Lost"]) == (200, "true")
    assert int(response.headers["X-Event-Cursor"]) > int(site.cursor)
    created = site.browser.send_json("/games/noughts/rooms", site.token, name="new")
    assert created.headers["Location"].endswith("/2")


def test_uploaded_backup_is_restored(site):
    content = site.browser.send_form(f"/admin/backups/{site.backup}/download").raw
    site.browser.send_form(f"/admin/backups/{site.backup}/remove")
    sent = site.browser.upload(content)
    assert sent.status == 200 and "Restore backup" in sent.text
    name = sent.url.split("/")[-2]
    assert (site.data / "backups" / name).read_bytes() == content
    assert site.request_restore(name).status == 200
    site.wait_until(lambda: not site.has_game("go"))


def test_damaged_backup_changes_nothing(site):
    file = site.data / "backups" / site.backup
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    answer = site.request_restore()
    assert answer.status == 400 and "This backup is damaged. Nothing was changed." in answer.text
    assert "This file is not a coalserver backup." in site.browser.upload(b"a cake").text
    assert site.has_game("go") and not site.replaced() and not list(site.data.glob("scratch-*"))
    assert "restored backup" not in site.browser.fetch("/admin/log").text


def test_failed_restore_keeps_the_data_and_shows_the_error(site):
    (site.data / "keys" / "dangling").symlink_to("/no/such/key")
    pid = site.server.process.pid
    assert site.request_restore().status == 200
    site.wait_until(
        lambda: "was not restored" in site.browser.fetch("/admin/backups?done=restored").text
    )
    (site.data / "keys" / "dangling").unlink()
    assert "Backup created" in site.browser.send_form("/admin/backups").text
    assert site.has_game("go") and site.server.process.pid == pid
    assert not site.replaced() and not list(site.data.glob("scratch-*"))


def test_server_stopped_during_a_restore_restores_and_exits(site):
    assert site.request_restore().status == 200
    assert site.server.stop() == 0
    assert tags(site.line) == ["noughts"]


def test_server_killed_during_a_restore_has_old_or_new_data(site):
    assert site.request_restore().status == 200
    site.server.stop(signal.SIGKILL)
    found = tags(site.line)
    assert found in (["noughts"], ["noughts", "go"])
    with run_server(site.data):
        assert tags(site.line) == found


def test_concurrent_restores_run_once(site):
    csrf_token = site.browser.csrf_token("/admin/games")
    body = urlencode({"csrf_token": csrf_token}).encode()
    path = f"/admin/backups/{site.backup}/restore"

    def request_restore_status() -> int:
        try:
            return site.browser.fetch(path, body, "application/x-www-form-urlencoded").status
        except OSError:
            # The server has stopped already.
            return 0

    with ThreadPoolExecutor(4) as pool:
        statuses = {one.result() for one in [pool.submit(request_restore_status) for _ in range(4)]}
    assert 200 in statuses and statuses <= {200, 0}
    site.wait_until(lambda: not site.has_game("go"))
    assert tags(site.line) == ["noughts"]
