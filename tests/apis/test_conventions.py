"""Manners that every dialect has, whatever it speaks."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coalserver.config import Config
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.server.app import all_apis
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.pages import pages
from coalserver.web.routing import mount
from coalserver.web.schemas import AnyJson

APIS = {dialect.name: dialect for dialect in all_apis()}
EACH = pytest.mark.parametrize("name", APIS)
#: What a refusal for this reason says in any case.
ALWAYS: dict[ErrorCode, dict[str, Any]] = {
    ErrorCode.INVALID_REQUEST: {"fields": {"name": ["Not a string."]}},
    ErrorCode.RATE_LIMITED: {"wait": 7},
    ErrorCode.CURSOR_AHEAD: {"head": 41},
    ErrorCode.PASSWORD_TOO_SHORT: {"minimum": 8},
    ErrorCode.VERSION_CONFLICT: {"version": 2},
    ErrorCode.TOO_MANY_SEATS: {"maximum": 50},
    ErrorCode.TOO_FEW_PLAYERS: {"minimum": 2},
    ErrorCode.TOO_MANY_PLAYERS: {"maximum": 2},
    ErrorCode.RULES_FAILED: {"rule": "view"},
}
#: Statuses that have no body in a dialect, by its document.
SILENT = {"coal": (403, 404, 405)}
PACKAGE = Path(__file__).parents[2] / "coalserver"


def readme_of(name: str) -> Path:
    return PACKAGE / ("site" if name == "site" else f"apis/{name}") / "README.md"


async def refuse(ctx: RequestContext) -> web.StreamResponse:
    """Refused for the reason in the query, with no more facts than always come with it."""
    why = ErrorCode(ctx.query["why"])
    raise DomainError(why, **ALWAYS.get(why, {}))


async def fail(ctx: RequestContext) -> web.StreamResponse:
    raise RuntimeError("a bug")


class Street:
    """One dialect on a server of its own, with a few more routes of ours."""

    def __init__(self, dialect: Api, url: str, http: aiohttp.ClientSession) -> None:
        self.dialect, self.url, self.http = dialect, url, http
        self.prefix = dialect.prefixes[0].rstrip("/")

    async def request(self, method: str, path: str, **sent: object) -> aiohttp.ClientResponse:
        answer = await self.http.request(method, self.url + path, **sent)  # type: ignore[arg-type]
        await answer.read()
        return answer

    async def to_ours(self, method: str, end: str, **sent: object) -> aiohttp.ClientResponse:
        return await self.request(method, f"{self.prefix}/manners-{end}", **sent)

    def in_its_words(self, answer: aiohttp.ClientResponse, words: bytes) -> bool:
        """Whether an answer is of the kind that this dialect's pages or documents are."""
        if answer.status in SILENT.get(self.dialect.name, ()):
            return words == b""
        html = answer.content_type == "text/html" and b"<h1" in words
        return html or (answer.content_type == "application/json" and words[:1] == b"{")


@pytest.fixture
async def street(name: str) -> AsyncIterator[Street]:
    dialect = APIS[name]
    prefix = dialect.prefixes[0].rstrip("/") + "/manners-"
    ours = (
        Route("GET", prefix + "refuse", refuse),
        Route("GET", prefix + "fail", fail),
        Route("POST", prefix + "take", refuse, AnyJson()),
    )
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    app = web.Application(client_max_size=1000)
    pages.setup_pages(app)
    shared = AppContext(core, services={Config: Config()})
    mount(app, shared, [replace(dialect, routes=dialect.routes + ours)])
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        yield Street(dialect, str(server.make_url("")).rstrip("/"), http)


@EACH
async def test_every_reason_has_words(street: Street) -> None:
    for why in ErrorCode:
        answer = await street.to_ours("GET", "refuse", params={"why": why})
        words = await answer.read()
        assert 400 <= answer.status < 500, why
        assert street.in_its_words(answer, words), why


@EACH
async def test_what_leads_nowhere_is_said_in_its_words(street: Street) -> None:
    for prefix in street.dialect.prefixes:
        answer = await street.request("GET", prefix.rstrip("/") + "/there/is/nothing/here")
        assert answer.status in (400, 404)
        assert street.in_its_words(answer, await answer.read())


@EACH
async def test_a_wrong_method_is_said_in_its_words(street: Street) -> None:
    answer = await street.to_ours("DELETE", "refuse")
    assert answer.status in (400, 404, 405)
    assert street.in_its_words(answer, await answer.read())
    if answer.status == 405:
        assert set(answer.headers["Allow"].split(", ")) >= {"GET", "HEAD"}


@EACH
async def test_a_body_that_is_too_large_is_said_in_its_words(street: Street) -> None:
    answer = await street.to_ours("POST", "take", json=["x" * 2000])
    assert answer.status == 413
    assert street.in_its_words(answer, await answer.read())


@EACH
async def test_a_body_of_another_kind_is_said_in_its_words(street: Street) -> None:
    answer = await street.to_ours("POST", "take", data=b"x", headers={"Content-Type": "text/x"})
    assert answer.status == 415
    assert street.in_its_words(answer, await answer.read())


@EACH
async def test_a_bug_is_a_500_in_its_words_that_shows_nothing(street: Street) -> None:
    answer = await street.to_ours("GET", "fail")
    words = await answer.read()
    assert answer.status == 500
    assert street.in_its_words(answer, words)
    assert b"a bug" not in words and b"RuntimeError" not in words


@EACH
async def test_only_who_answers_any_origin_says_so(street: Street) -> None:
    for end in ("refuse?why=malformed", "fail", "nowhere"):
        answer = await street.to_ours("GET", end)
        origin = answer.headers.get("Access-Control-Allow-Origin")
        assert origin == ("*" if street.dialect.cors else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers


@EACH
def test_every_route_is_in_its_readme(name: str) -> None:
    lines = readme_of(name).read_text("utf-8").splitlines()
    for route in APIS[name].routes:
        path = re.sub(r"{(\w+):[^}]*}", r"{\1}", route.path)
        # A path may name its parts as it likes.
        named = re.compile(re.sub(r"\\{\w+\\}", r"\\{\\w+\\}", re.escape(path)) + r"[`?= ]")
        told = [line for line in lines if named.search(line) and route.method in line]
        assert told, f"{route.method} {path} is not in the README of {name}"


@EACH
def test_readme_lists_differences_from_its_document(name: str) -> None:
    text = readme_of(name).read_text("utf-8")
    assert re.search(r"\b(Differences|differs|ours)\b", text)


def test_no_two_dialects_have_one_name_or_one_prefix() -> None:
    prefixes = [prefix for dialect in all_apis() for prefix in dialect.prefixes]
    assert len(prefixes) == len(set(prefixes))
    assert len(APIS) == len(all_apis())
