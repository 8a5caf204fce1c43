"""Repeats: which requests repeat a head, and which heads are kept."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser

from coalserver.web.repeats import requests
from coalserver.web.repeats.requests import Repeats, Target

HEADERS = b"Host: x\r\nAuthorization: Bearer t\r\nContent-Type: application/json"
HEAD = b"POST /sample/rooms/7/join HTTP/1.1\r\n" + HEADERS
REQUEST = HEAD + b"\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def repeats(request: pytest.FixtureRequest) -> Repeats:
    """Repeats with one path."""
    found = Repeats(web.Application(), getattr(request, "param", ""))
    endpoints: Any = {"POST": ("endpoint", "route")}
    target = Target.of("/sample/rooms/{room}/join", endpoints)
    other = Target.of("/sample/{kind}/{room}/start", endpoints)
    found.set_targets({
        (5, "sample", "join"): [target], (5, "sample", "start"): [other], (5, "sample", None): [],
    })  # fmt: skip
    return found


def keep(repeats: Repeats, data: bytes) -> None:
    """Keep the head of a request that aiohttp's parser accepts."""
    import asyncio

    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    ((message, _),) = parser.feed_data(data)[0]
    repeats.keep(data, message)


async def test_request_with_a_known_head_is_found(repeats):
    assert repeats.find(REQUEST) is None
    keep(repeats, REQUEST)
    head, *found = repeats.find(REQUEST)
    assert found == ["endpoint", "route", {"room": "7"}, b"{}"]
    assert head.headers["authorization"] == "Bearer t"
    assert "Content-Length" not in head.headers
    assert head.content_type == "application/json"


@pytest.mark.parametrize(
    ("request_bytes", "path", "body"),
    [
        (HEAD + b"\r\n\r\n", {"room": "7"}, b""),
        (HEAD + b"\r\nContent-Length: 0\r\n\r\n", {"room": "7"}, b""),
        (HEAD.replace(b"/7/", b"/a-._~B/") + b"\r\n\r\n", {"room": "a-._~B"}, b""),
        (HEAD + b"\r\ncontent-length: 0003\r\n\r\n[1]", {"room": "7"}, b"[1]"),
        (HEAD.replace(b"\r\nHost", b"\r\nContent-Length: 1\r\nHost") + b"\r\n\r\n1", {"room": "7"}, b"1"),
        (
            HEAD.replace(b"rooms/7/join", b"rooms/8/start") + b"\r\n\r\n",
            {"kind": "rooms", "room": "8"},
            b"",
        ),
    ],
)  # fmt: skip
async def test_length_and_path_may_differ(repeats, request_bytes, path, body):
    keep(repeats, REQUEST)
    assert repeats.find(request_bytes)[3:] == (path, body)


PLAIN = HEAD + b"\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        # No whole request, or more than one.
        b"",
        REQUEST[:-1],
        REQUEST + b"x",
        REQUEST + REQUEST,
        HEAD,
        PLAIN + b"x",
        b"\r\n" + REQUEST,
        # Lengths that are none, or that aiohttp reads in another way.
        HEAD + b"\r\nContent-Length: +2\r\n\r\n{}",
        HEAD + b"\r\nContent-Length: 2 \r\n\r\n{}",
        HEAD + b"\r\nContent-Length: \r\n\r\n",
        HEAD + b"\r\nContent-Length:2\r\n\r\n{}",
        HEAD + b"\r\nCONTENT-LENGTH: 2\r\n\r\n{}",
        HEAD + b"\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"\r\nContent-Length: 1025\r\n\r\n" + b" " * 1025,
        # Other headers.
        PLAIN.replace(b"Host: x", b"Host: y"),
        # Credentials that are no plain text, or given twice.
        PLAIN.replace(b"Bearer t", b""),
        PLAIN.replace(b"Bearer t", b" Bearer t"),
        PLAIN.replace(b"Bearer t", b"Bearer t "),
        PLAIN.replace(b"Bearer t", b"Bearer\tt"),
        PLAIN.replace(b"Bearer t", b"Bearer \xc3\xa4"),
        PLAIN.replace(b"Bearer t", b"Bearer \x00"),
        PLAIN.replace(b"Bearer t", b"Bearer \n t"),
        PLAIN.replace(b"Bearer t", b"Bearer \r t"),
        PLAIN.replace(b"Bearer t", b"Bearer t\r\n u"),
        PLAIN.replace(b"Bearer t", b"Bearer t\r\nAuthorization: Bearer u"),
        PLAIN.replace(b"Bearer t", b"Bearer t\r\nauthorization: Bearer u"),
        PLAIN.replace(b"Bearer t", b"Bearer " + b"t" * 1024),
        PLAIN.replace(b"Authorization: Bearer t\r\n", b""),
        PLAIN.replace(b"Bearer t", b"Bearer t\r\nExpect: 100-continue"),
        PLAIN.replace(b"Bearer t", b"Bearer t\r\nTransfer-Encoding: chunked"),
        # Request lines that mean something else, or nothing.
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        PLAIN.replace(b" HTTP/1.1", b""),
        PLAIN.replace(b"POST", b"post"),
        PLAIN.replace(b"POST", b"GET"),
        PLAIN.replace(b"POST", b"P\xffST"),
        PLAIN.replace(b"POST ", b"POST  "),
        PLAIN.replace(b"/join", b"/join?x=1"),
        PLAIN.replace(b"/join", b"/join#x"),
        PLAIN.replace(b"/join", b"/join/"),
        PLAIN.replace(b"/join", b"/other"),
        PLAIN.replace(b"/7/", b"//"),
        PLAIN.replace(b"/7/", b"/../"),
        PLAIN.replace(b"/7/", b"/./"),
        PLAIN.replace(b"/7/", b"/%37/"),
        PLAIN.replace(b"/7/", b"/\xc3\xa4/"),
        PLAIN.replace(b"/7/", b"/7/8/"),
        PLAIN.replace(b"/sample", b"http://x/sample"),
        PLAIN.replace(b"/sample", b"sample"),
        PLAIN.replace(b"/sample/rooms/7/join", b"*"),
        PLAIN.replace(b"/sample/rooms/7/join", b"/"),
        PLAIN.replace(b"/7/", b"/" + b"7" * 600 + b"/"),
    ],
)
async def test_anything_else_is_left_to_aiohttp(repeats, request_bytes):
    keep(repeats, REQUEST)
    assert repeats.find(PLAIN) is not None and repeats.find(request_bytes) is None


@pytest.mark.parametrize(
    "header",
    [
        b"Expect: 100-continue", b"Content-Encoding: gzip", b"Upgrade: websocket\r\nConnection: upgrade",
        b"Connection: close", b"Connection: TE", b"Cookie: a=b", b"Idempotency-Key: k", b"Sec-WebSocket-Key: x",
        b"X-Request-ID: 1", b"traceparent: 00-1-2-00",
        b"TE: trailers", b"X-Long: " + b"x" * 1024, b"CONTENT-LENGTH: 0", b"Content-Length:0",
    ],
)  # fmt: skip
async def test_heads_with_unusual_headers_are_not_kept(repeats, header):
    keep(repeats, HEAD + b"\r\n" + header + b"\r\n\r\n")
    assert len(repeats) == 0


async def test_old_version_and_large_bodies_are_not_kept(repeats):
    keep(repeats, PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"))
    keep(repeats, HEAD + b"\r\nContent-Length: 1025\r\n\r\n" + b" " * 1025)
    assert len(repeats) == 0
    keep(repeats, HEAD + b"\r\nConnection: Keep-Alive\r\n\r\n")
    assert len(repeats) == 1


async def test_other_credentials_of_a_known_client_program_are_known(repeats):
    keep(repeats, REQUEST)
    for token in (b"u", b"Basic YTpi", b"x  y"):
        request = PLAIN.replace(b"Bearer t", token)
        head = repeats.find(request)[0]
        assert head.headers.getall("Authorization") == [token.decode()]
        assert head.headers["Host"] == "x" and head.content_type == "application/json"
        assert repeats.find(request)[0] is head and head.known == {}
    assert repeats.find(PLAIN)[0].headers["Authorization"] == "Bearer t" and len(repeats) == 4


async def test_two_credentials_make_no_client_program(repeats):
    double = PLAIN.replace(b"Bearer t", b"Bearer t\r\nAuthorization: Bearer u")
    keep(repeats, double)
    assert repeats.find(double) is not None
    assert repeats.find(double.replace(b"Bearer t", b"Bearer v")) is None


async def test_number_of_client_programs_is_bounded(repeats, monkeypatch):
    monkeypatch.setattr(requests, "MAX_CLIENTS", 2)
    programs = [PLAIN.replace(b"Host: x", b"Host: %d" % number) for number in range(3)]
    for program in programs:
        keep(repeats, program)
    others = [program.replace(b"Bearer t", b"Bearer u") for program in programs]
    assert [repeats.find(other) is not None for other in others] == [False, True, True]


async def test_least_recently_used_heads_are_dropped(repeats, monkeypatch):
    monkeypatch.setattr(requests, "MAX_HEADS", 3)
    monkeypatch.setattr(requests, "MAX_CLIENTS", 0)
    heads = [PLAIN.replace(b"Host: x", b"Host: %d" % number) for number in range(4)]
    for head in heads[:3]:
        keep(repeats, head)
    assert repeats.find(heads[0])
    keep(repeats, heads[3])
    assert len(repeats) == 3
    assert [repeats.find(head) is not None for head in heads] == [True, False, True, True]


@pytest.mark.parametrize("repeats", ["/coal"], indirect=True)
async def test_base_path_is_removed(repeats):
    keep(repeats, REQUEST)
    below = PLAIN.replace(b"/sample", b"/coal/sample")
    assert repeats.find(below)[3] == repeats.find(PLAIN)[3] == {"room": "7"}
    assert repeats.find(PLAIN.replace(b"/sample", b"/coalsample")) is None
