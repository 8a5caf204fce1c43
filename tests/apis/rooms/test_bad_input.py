"""Invalid input: each is answered with a clear error and never with a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.apis.app import TestApp, make_session, run_test_app

ROOMS = "/games/noughts/rooms"
#: Each path that takes a body, with a valid body.
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/accounts/login", {"credentialType": "guest"}),
    (
        "POST",
        "/accounts/register",
        {"email": "a@b.c", "password": "12345678", "username": "x"},
    ),
    ("POST", ROOMS, {"name": "x"}),
    ("POST", ROOMS + "/quick-join", {}),
    ("POST", ROOMS + "/1/join", {}),
    ("PUT", ROOMS + "/1/options", {}),
    ("POST", ROOMS + "/1/kick", {"user_id": 9}),
    ("POST", ROOMS + "/1/ready", {"ready": True}),
    ("POST", ROOMS + "/1/chat", {"text": "x"}),
    ("POST", "/games/noughts/sessions/1/turn", {"cell": 0}),
    ("POST", "/games/noughts/sessions/1/join", {}),
    ("POST", "/games/noughts/sessions/1/chat", {"text": "x"}),
    ("PUT", "/games/noughts/user-data/1/key", {}),
]
PATHS = pytest.mark.parametrize(
    ("method", "path"), [row[:2] for row in BODIES], ids=[" ".join(row[:2]) for row in BODIES]
)


def nested(levels: int, left: str = "[", right: str = "]") -> bytes:
    """Return an object with this many levels below it."""
    return f'{{"x":{left * levels}{right * levels}}}'.encode()


MALFORMED = {
    "half a body": b'{"name": "x"',
    "two bodies": b"{}{}",
    "no JSON": b"name=x",
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone low surrogate in a member's name": b'{"\\udc00": 1}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "Latin-1": '{"name": "é"}'.encode("latin-1"),
    "NaN": b'{"x": NaN}',
    "more than any number": b'{"x": 1e999}',
    "less than any number": b'{"x": -1e999}',
    "Infinity": b'{"x": -Infinity}',
    "single quotes": b"{'name': 'x'}",
    "a comma too many": b'{"name": "x",}',
    "a comment": b'{"name": "x"} // x',
    "a raw NUL": b'{"name": "a\0b"}',
    "a raw line break in a text": b'{"name": "a\nb"}',
    "an escaped NUL": b'{"name": "a\\u0000b"}',
    "an escaped NUL in a member's name": b'{"x": [{"\\u0000": 1}]}',
    "65 levels": nested(64),
    "65 levels of objects": nested(64, '{"a":', "}").replace(b":}", b":1}"),
    "a thousand levels": nested(1000),
    "thirty thousand levels": nested(30_000),
    "2^63": b'{"x": 9223372036854775808}',
    "less than -2^63": b'{"x": -9223372036854775809}',
    "a number of 5000 digits": b'{"x": ' + b"9" * 5000 + b"}",
    "blanks": b"   ",
    "only a NUL": b"\0",
}


async def make_room_and_session(test_app: TestApp) -> Any:
    """Create a room and a session of Ann and return Ann."""
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await make_session("noughts", ann, bob)
    await ann.create_room()
    return ann


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_app() -> AsyncIterator[TestApp]:
    """A server for all requests of this module that change nothing but to add a guest."""
    async with run_test_app() as app:
        yield app


@PATHS
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.asyncio(loop_scope="module")
async def test_invalid_json_is_malformed(
    shared_app: TestApp, method: str, path: str, body: bytes
) -> None:
    ann = await shared_app.sign_in_guest()
    answer = await ann.request(method, path, body)
    assert answer.status_and_error == (400, "request.malformed")
    assert len(answer.json["description"]) < 300


@pytest.mark.parametrize(("method", "path"), [row[:2] for row in BODIES[:-1]])
@pytest.mark.parametrize("body", [[], [{}], "x", 1, 1.5, True, None], ids=json.dumps)
@pytest.mark.asyncio(loop_scope="module")
async def test_body_that_is_not_an_object_is_malformed(
    shared_app: TestApp, method: str, path: str, body: Any
) -> None:
    ann = await shared_app.sign_in_guest()
    answer = await ann.request(method, path, json.dumps(body).encode())
    assert answer.status_and_error == (400, "request.malformed")


INVALID_VALUES: list[Any] = [1, 1.0, True, [], {}, [1], {"a": 1}, "x" * 10_000, "", -1, 2**63 - 1]


@pytest.mark.parametrize("value", INVALID_VALUES, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        (path, body, member)
        for method, path, body in BODIES
        for member in {
            **body,
            **({"password": 1, "options": 1, "readyCheck": 1} if path == ROOMS else {}),
            **({"password": 1} if path.endswith("/join") else {}),
            **({"name": 1, "options": 1} if "quick" in path else {}),
            **({"username": 1, "email": 1, "password": 1} if "login" in path else {}),
        }
        if "turn" not in path and method == "POST"
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
async def test_member_of_wrong_type_or_size_never_causes_a_500(
    test_app: TestApp, path: str, body: dict[str, Any], member: str, value: Any
) -> None:
    ann = await make_room_and_session(test_app)
    answer = await ann.post(path, {**body, member: value})
    assert answer.status < 500
    if answer.error == "request.malformed":
        assert member in answer.json["description"]


REQUIRED = [
    (path, member)
    for method, path, body in BODIES
    for member in body
    if "turn" not in path and method == "POST"
]


@pytest.mark.parametrize(("path", "member"), REQUIRED)
@pytest.mark.parametrize("null", [True, False], ids=["null", "absent"])
async def test_missing_required_member_is_named(
    test_app: TestApp, path: str, member: str, null: bool
) -> None:
    ann = await make_room_and_session(test_app)
    [whole] = [body for _, body_path, body in BODIES if body_path == path]
    body = {name: value for name, value in whole.items() if name != member}
    answer = await ann.post(path, body | ({member: None} if null else {}))
    assert answer.status_and_error == (400, "request.malformed")
    assert member in answer.json["description"]


@pytest.mark.parametrize("levels", [1, 62, 63])
async def test_sixty_four_levels_are_accepted(test_app: TestApp, levels: int) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    assert (await ann.put(room + "/options", nested(levels))).status == 204
    assert (await ann.get(room)).json["options"] == json.loads(nested(levels))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 1e308, 5e-324, -0.0, 0.1, 2**53 + 1])
async def test_number_is_returned_unchanged(test_app: TestApp, number: float) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free", "x", options={"n": number})
    returned = (await ann.get(room)).json["options"]["n"]
    assert returned == number and type(returned) is type(number)


@PATHS
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json-patch+json",
        "json",
        "x/y/z",
        "",
    ],
)
async def test_other_content_type_is_415(
    test_app: TestApp, method: str, path: str, content_type: str
) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.request(method, path, b"{}", Content_Type=content_type)
    assert answer.status_and_error == (415, "request.not_json")


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"]
)
async def test_json_content_type_accepts_parameters_and_any_case(
    test_app: TestApp, content_type: str
) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.post(ROOMS, b'{"name": "x"}', Content_Type=content_type)
    assert answer.status == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_content_type_is_ignored_without_body(test_app: TestApp, content_type: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    assert (await bob.post(room + "/join", Content_Type=content_type)).status == 200
    assert (await bob.post(room + "/leave", b"x=y", Content_Type=content_type)).status == 204


@PATHS
async def test_body_over_the_limit_is_413(method: str, path: str) -> None:
    async with run_test_app(body_limit=2000) as test_app:
        ann = await test_app.sign_in_guest()
        answer = await ann.request(method, path, b'{"name": "%b"}' % (b"x" * 2000))
        assert answer.status_and_error == (413, "request.too_large")


async def test_missing_token_takes_precedence_over_invalid_body(
    test_app: TestApp,
) -> None:
    for method, path, _ in BODIES[2:]:
        answer = await test_app.anonymous.request(method, path, b"[")
        assert answer.status_and_error == (401, "auth.missing")
