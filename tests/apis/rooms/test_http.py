"""HTTP: unusual paths, methods, raw bytes and other origins."""

import asyncio
import re

import pytest

from coalserver.server.app import all_apis
from tests.apis.app import ApiClient, TestApp

IDS = ["x", "-1", "1.0", "1e3", "0x1", "%2B1", "%31x", "9" * 18, "9" * 19, "9" * 5000]
IDS += ["%00", "%FF", "%ED%A0%80", "%C2%B2", "%D9%A1", "%2F", "%2e%2e", "%", "%zz", "1%20", "{x}"]
ROOM_REQUESTS = [
    ("GET", ""),
    ("POST", "/join"),
    ("POST", "/leave"),
    ("PUT", "/options"),
    ("POST", "/kick"),
    ("POST", "/ready"),
    ("POST", "/start"),
    ("POST", "/chat"),
    ("GET", "/chat"),
    ("GET", "/events"),
]
BODY = {"user_id": 1, "ready": True, "text": "x"}


@pytest.mark.parametrize("id", IDS, ids=lambda id: id[:20])
async def test_invalid_room_id_is_not_found(test_app: TestApp, id: str) -> None:
    ann = await test_app.sign_in_guest()
    for method, path in ROOM_REQUESTS:
        body = None if method == "GET" else BODY
        answer = await ann.request(method, f"/games/noughts/rooms/{id}{path}", body)
        assert answer.status == 404
        assert answer.error in ("room.not_found", "request.not_found")


@pytest.mark.parametrize("id", IDS, ids=lambda id: id[:20])
async def test_invalid_session_id_is_not_found(test_app: TestApp, id: str) -> None:
    ann = await test_app.sign_in_guest()
    for method, path in [("POST", "/turn"), *ROOM_REQUESTS]:
        if path in ("/options", "/kick", "/ready", "/start"):
            continue
        body = None if method == "GET" else BODY
        answer = await ann.request(method, f"/games/noughts/sessions/{id}{path}", body)
        assert answer.status == 404
        assert answer.error in ("session.not_found", "request.not_found")


@pytest.mark.parametrize("tag", ["go", "NOUGHTS", "%00", "%FF", "..", "noughts%20", "x" * 5000])
async def test_unknown_game_is_not_found(test_app: TestApp, tag: str) -> None:
    ann = await test_app.sign_in_guest()
    for path in ("rooms", "rooms/1", "rooms/events", "sessions", "sessions/1", "user-data/1/k"):
        answer = await ann.get(f"/games/{tag}/{path}")
        assert answer.status == 404
        assert answer.error in ("game.not_found", "request.not_found")


async def test_slash_at_the_end_of_a_path_is_ignored(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    assert (await ann.get("/games/")).json == (await ann.get("/games")).json
    assert (await ann.get(room + "/")).json == (await ann.get(room)).json
    assert (await ann.post("/games/noughts/rooms/", {"name": "x"})).status == 201
    preflight = await test_app.anonymous.request(
        "OPTIONS", room + "/", Origin="https://x.example", Access_Control_Request_Method="GET"
    )
    assert preflight.status == 204


async def test_preflight_of_an_unknown_path_lets_the_page_read_the_404(test_app: TestApp) -> None:
    answer = await test_app.anonymous.request(
        "OPTIONS",
        "/games/noughts/nothing",
        Origin="https://x.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )
    assert answer.status == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"


async def test_percent_encoded_path_is_decoded(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room()
    assert (await ann.get("/games/n%6fughts/rooms/%31")).status == 200


@pytest.mark.parametrize(
    "path", ["/games/noughts", "/games/noughts/", "/accounts", "/accounts/", "/games//rooms"]
)
async def test_unknown_path_is_answered_in_the_format_of_this_api(
    test_app: TestApp, path: str
) -> None:
    answer = await test_app.anonymous.get(path)
    assert answer.status_and_error == (404, "request.not_found")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


ALLOWED = [
    ("/games", "GET, HEAD, OPTIONS"),
    ("/games/noughts/rooms", "GET, HEAD, OPTIONS, POST"),
    ("/games/noughts/rooms/quick-join", "OPTIONS, POST"),
    ("/games/noughts/rooms/events", "GET, HEAD, OPTIONS"),
    ("/games/noughts/rooms/1", "GET, HEAD, OPTIONS"),
    ("/games/noughts/rooms/1/options", "OPTIONS, PUT"),
    ("/games/noughts/rooms/1/chat", "GET, HEAD, OPTIONS, POST"),
    ("/games/noughts/user-data/1/key", "GET, HEAD, OPTIONS, PUT"),
    ("/accounts/login", "OPTIONS, POST"),
]


@pytest.mark.parametrize(("path", "allow"), ALLOWED)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "PROPFIND"])
async def test_wrong_method_is_405_with_allow(
    test_app: TestApp, path: str, allow: str, method: str
) -> None:
    answer = await test_app.anonymous.request(method, path)
    assert answer.status_and_error == (405, "request.method_not_allowed")
    assert answer.headers["Allow"] == allow


async def test_head_returns_get_without_body(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    whole, head = await ann.get("/games"), await ann.request("HEAD", "/games")
    assert (head.status, head.raw) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.raw))


@pytest.mark.parametrize(("path", "allow"), ALLOWED)
async def test_preflight_returns_allowed_methods_and_headers(
    test_app: TestApp, path: str, allow: str
) -> None:
    answer = await test_app.anonymous.preflight(
        path, "authorization, content-type, idempotency-key"
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == allow
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert allowed == "authorization, content-type, idempotency-key"


async def test_every_answer_has_cors_headers(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    answers = [
        await ann.get(room),
        await ann.get(room + "/events?wait=0"),
        await ann.post(room + "/leave"),
        await ann.get(room),
        await test_app.anonymous.get(room),
        await ann.post(room + "/join", b"["),
    ]
    assert [answer.status for answer in answers] == [200, 200, 204, 410, 401, 400]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "X-Event-Cursor" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def send_raw(test_app: TestApp, request: bytes) -> tuple[int, bytes]:
    """Send raw bytes and return the status and the whole response."""
    reader, writer = await asyncio.open_connection(test_app.server.host, test_app.server.port)
    writer.write(request)
    async with asyncio.timeout(5):
        response = await reader.read()
    writer.close()
    await writer.wait_closed()
    status = re.match(rb"HTTP/1\.[01] (\d+)", response)
    assert status is not None, response
    return int(status[1]), response


async def send_raw_as(client: ApiClient, line: bytes, rest: bytes) -> tuple[int, bytes]:
    """Send a raw request with the token of a client; `rest` has more headers and the body."""
    headers = b"Host: x\r\nConnection: close\r\nAuthorization: Bearer " + client.token.encode()
    request = line + b" HTTP/1.1\r\n" + headers + b"\r\n" + rest
    return await send_raw(client.test_app, request)


HEADERS = [
    b"Idempotency-Key: \xff\xfe",
    b"Idempotency-Key: \xc3\xa9",
    b"Last-Event-ID: \xff",
    b"X-Forwarded-For: \xff, \xfe",
    b"Host: \xff",
    b"Accept: \xff",
    b"Content-Type: \xff/\xff",
    b"Content-Encoding: \xff",
    b"Origin: \xff",
]


@pytest.mark.parametrize("header", HEADERS, ids=repr)
async def test_non_ascii_header_never_causes_a_500(test_app: TestApp, header: bytes) -> None:
    ann = await test_app.sign_in_guest()
    for line in (b"POST /games/noughts/rooms", b"GET /games/noughts/rooms/events?wait=0"):
        rest = b"Content-Length: 12\r\n" + header + b'\r\n\r\n{"name":"x"}'
        status, response = await send_raw_as(ann, line, rest)
        assert status < 500, response


async def test_non_ascii_token_is_invalid(test_app: TestApp) -> None:
    request = b"GET /games HTTP/1.0\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
    assert (await send_raw(test_app, request))[0] == 403


INVALID_BODIES = [
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    b"Transfer-Encoding: gzip\r\n\r\n{}",
    b"Content-Length: -1\r\n\r\n{}",
    b"Content-Length: x\r\n\r\n{}",
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Encoding: deflate\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    b"Expect: something\r\nContent-Length: 2\r\n\r\n{}",
]


@pytest.mark.parametrize("rest", INVALID_BODIES, ids=repr)
async def test_invalid_http_body_is_a_client_error(test_app: TestApp, rest: bytes) -> None:
    ann = await test_app.sign_in_guest()
    status, response = await send_raw_as(ann, b"POST /games/noughts/rooms", rest)
    assert 400 <= status < 500, response


@pytest.mark.parametrize(
    "line",
    [b"GET /games\xff HTTP/1.1", b"GET /games?limit=\xff HTTP/1.1", b"GET games HTTP/1.1",
     b"GET /games/\xff/rooms HTTP/1.1", b"G\x00T /games HTTP/1.1", b"GET http://[ HTTP/1.1",
     b"GET /games/noughts/rooms?search=\xff HTTP/1.1", b"GET //games HTTP/1.1",
     b"OPTIONS * HTTP/1.1", b"GET /games/%/rooms?%=% HTTP/1.1"],
    ids=repr,
)  # fmt: skip
async def test_unusual_request_line_never_causes_a_500(test_app: TestApp, line: bytes) -> None:
    ann = await test_app.sign_in_guest()
    status, response = await send_raw(
        test_app,
        line + b"\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
        + ann.token.encode() + b"\r\n\r\n",
    )  # fmt: skip
    assert 200 <= status < 500, response


async def test_http_1_0_connection_is_closed(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    bearer = f"Authorization: Bearer {ann.token}\r\n\r\n".encode()
    status, response = await send_raw(test_app, b"GET /games HTTP/1.0\r\n" + bearer)
    assert status == 200 and b"Connection: close" in response and response.endswith(b"]")


def test_all_paths_have_the_prefixes_of_this_api() -> None:
    [rooms] = [api for api in all_apis() if api.name == "rooms"]
    assert all(route.path.startswith(("/games", "/accounts/")) for route in rooms.routes)
