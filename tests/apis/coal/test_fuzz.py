"""Random requests to every route: no response is a 500, and each has the format of this API."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalserver.domain.minecraft.server_properties import PROPERTIES
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.api import Route
from tests.apis.app import Answer, ApiClient, run_test_app
from tests.apis.coal.clients import FORM, User, WorldFixture
from tests.apis.coal.test_original_defects import (
    BODY,
    PARTS,
    ROUTES,
    UNUSUAL_TEXTS,
    make_full_world,
    path_with_keys,
)
from tests.apis.fuzzing import FUZZ

NAMES = [
    *(
        "size",
        "cursor",
        "since",
        "before",
        "q",
        "tag",
        "name",
        "gce",
        "chat",
        "line",
        "zone",
        "lines",
        "source",
    ),
    *(
        "sequence",
        "server_name",
        "is_server_running",
        "timestamp",
        "server_day",
        "address",
        "after-event-id",
    ),
    *("code", *PROPERTIES),
]
MEDIA = [
    *(FORM, "application/json", "", "text/plain", "image/png", "multipart/form-data"),
    *("multipart/form-data; boundary=x", "application/json; charset=utf-16"),
    *(FORM + "; charset=latin-1", "x", "application/"),
]
TEXTS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "x",
        "true",
        "1e3",
        "2014-02-30 00:00:00",
        "2014-01-01 00:00:00",
        "9" * 30,
        "W10",
        "WzFd",
        "WzAsMF0",
        "Wy0xLDBd",
        "WzFlMzA4LDFd",
        "WyJhIl0",
        "25565",
        "DEFAULT",
        "x" * 501,
        *UNUSUAL_TEXTS,
    ]
) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
PAIRS = st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
BODIES = (
    st.none()
    | st.binary(max_size=50)
    | PAIRS.map(lambda pairs: urlencode(pairs, errors="replace").encode())
    | OBJECTS.map(lambda value: json.dumps(value).encode())
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [
            b"[" * 1000,
            b'{"name":"\\ud800"}',
            b'{"name":"\\u0000"}',
            b"name=%ff",
            b"name=%00",
            b"&=&=",
            b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n",
            b"--x--\r\n",
            b"\xff\xfe{",
        ]
    )
)


Scene = tuple[User, WorldFixture, dict[str, str]]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A world with one entry of each kind, on a server with a file whose polls do not wait."""
    async with run_test_app(SqliteStore(tmp_path / "data.sqlite"), poll_seconds=0) as test_app:
        yield await make_full_world(test_app)


def assert_documented_answer(method: str, answer: Answer) -> None:
    assert answer.status < 500, answer.raw
    if answer.status in (403, 404, 405):
        assert answer.raw == b""
    elif answer.status >= 400 and method != "HEAD":
        assert set(answer.json) == {"errors"} and isinstance(answer.json["errors"], str)


@settings(FUZZ, max_examples=600)
@given(
    route=st.sampled_from(ROUTES),
    method=st.sampled_from([""] * 9 + ["DELETE", "PUT", "POST", "HEAD"]),
    invalid_keys=st.dictionaries(st.sampled_from([*PARTS]), TEXTS, max_size=1),
    valid_keys=st.integers(0, 2),
    query=PAIRS,
    body=BODIES,
    media=st.sampled_from(MEDIA),
    client_name=st.sampled_from(["root"] * 5 + ["agent"] * 2 + ["nobody"]),
)
async def test_random_requests_cause_no_server_error(
    scene: Scene,
    route: Route,
    method: str,
    invalid_keys: dict[str, str],
    valid_keys: int,
    query: dict[str, str],
    body: bytes | None,
    media: str,
    client_name: str,
):
    root, world, keys = scene
    path = path_with_keys(route, keys if valid_keys else {**keys, **invalid_keys})
    if query:
        path += "?" + "&".join(
            f"{quote(name)}={quote(text, safe='')}" for name, text in query.items()
        )
    authorized = world.agent if "/agents" in route.path and valid_keys else root
    client = {"root": authorized, "agent": world.agent, "nobody": ApiClient(root.test_app)}[
        client_name
    ]
    method = method or route.method
    assert_documented_answer(method, await client.request(method, path, body, Content_Type=media))


@settings(FUZZ, max_examples=200)
@given(
    route=st.sampled_from([route for route in ROUTES if route.method == "POST"]),
    members=OBJECTS,
    form=st.booleans(),
)
async def test_random_members_in_valid_bodies_cause_no_server_error(
    scene: Scene, route: Route, members: dict[str, Any], form: bool
):
    root, world, keys = scene
    client = world.agent if "/agents" in route.path else root
    body = json.dumps(BODY | members).encode()
    if form:
        texts = {
            name: str(value).encode("utf-8", "replace") for name, value in (BODY | members).items()
        }
        body = urlencode(texts).encode()
    media = FORM if form else "application/json"
    assert_documented_answer(
        "POST", await client.request("POST", path_with_keys(route, keys), body, Content_Type=media)
    )
