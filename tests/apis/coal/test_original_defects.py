"""Known defects of the original program, each shown to be absent here."""

import re
from itertools import product
from urllib.parse import quote

import pytest

from coalserver.apis.coal import API
from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.worlds import record_ping
from coalserver.core.topics import world as world_topic
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import WorldChanged
from coalserver.domain.minecraft.world import Ping
from coalserver.security.opaque_keys import (
    LINE,
    PLAYER,
    SCREENSHOT,
    SERVER,
    SESSION,
    USER,
    OpaqueKeys,
)
from coalserver.web.api import Route
from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line, log_line, login_line, logout_line
from tests.apis.hosting import make_startable
from tests.media.test_images import make_image

#: The kind of key of each path parameter.
PARTS = {
    "user": USER,
    "server": SERVER,
    "player": PLAYER,
    "session": SESSION,
    "line": LINE,
    "screenshot": SCREENSHOT,
}
KINDS = sorted(PARTS.values())
#: A body that every route accepts.
BODY = {"name": "W", "gce": True, "chat": "hi", "motd": "Hi"}
ROUTES = [route for route in API.routes if not route.upgrade]
SEARCHED = ("chats", "deaths", "achievements", "loglines")
#: Lists in pages. All saved games of a world are in one response.
LISTS = [
    route
    for route in ROUTES
    if route.method == "GET"
    and route.endpoint.startswith("list")
    and not route.path.endswith("/saves")
]
SHOT = make_image(size=(6, 4))


def key_parts(route: Route) -> list[str]:
    return [name for name in re.findall(r"{(\w+)", route.path) if name in PARTS]


def each_route(routes: list[Route]) -> pytest.MarkDecorator:
    ids = [f"{route.method} {route.path.removeprefix('/api/v1/')}" for route in routes]
    return pytest.mark.parametrize("route", routes, ids=ids)


def path_with_keys(route: Route, keys: dict[str, str]) -> str:
    """Return the path of a route with keys inserted; the key of a line is from the list in the path."""
    listed = re.search(r"(\w+)/{line}", route.path)
    if listed and "line" not in keys:
        keys = {**keys, "line": keys[listed[1]]}
    return re.sub(r"{(\w+)[^}]*}", lambda part: quote(keys.get(part[1], "x"), safe=""), route.path)


async def make_full_world(test_app: TestApp) -> tuple[User, WorldFixture, dict[str, str]]:
    """Create a world with one entry of each kind and return an admin, the world and the keys."""
    test_app.clock.now = AT
    root, world = (
        await make_admin(test_app, usernames=("bob",)),
        await make_world(test_app, hosted=True),
    )
    await world.write_log(
        login_line("12:00:00", "bob"),
        chat_line("12:01:00", "bob", "hi"),
        log_line("12:02:00", "bob drowned"),
        log_line("12:03:00", "bob has just earned the achievement [The Lie]"),
        logout_line("12:04:00", "bob"),
    )
    (session,) = (await root.get(world.path + "/sessions")).json["sessions"]
    keys = {
        "user": session["user_key"],
        "server": session["server_key"],
        "player": session["player_key"],
        "session": session["key"],
        "kind": "original",
    }
    picture = await root.request(
        "POST", world.path + "/screenshots", SHOT, Content_Type="image/png"
    )
    keys["screenshot"] = picture.json["key"]
    for name in SEARCHED:
        keys[name] = (await root.get(f"{world.path}/{name}")).json[name][0]["key"]
    return root, world, keys


# Saved games are files and have no keys.
@each_route(
    [
        route
        for route in ROUTES
        if route.method == "GET" and key_parts(route) and "{save}" not in route.path
    ]
)
async def test_valid_keys_are_found(test_app: TestApp, route: Route):
    root, _, keys = await make_full_world(test_app)
    answer = await root.get(path_with_keys(route, keys) + "?wait=0")
    assert answer.status == 200, answer.raw


@each_route([route for route in ROUTES if key_parts(route)])
async def test_key_of_another_kind_is_not_found(test_app: TestApp, route: Route):
    """Defect 2: any key was accepted, and all stored members of its entity were returned."""
    root, world, keys = await make_full_world(test_app)
    before = world.current
    for part, kind, id in product(key_parts(route), KINDS, range(8)):
        if kind != PARTS[part]:
            path = path_with_keys(route, {**keys, part: OpaqueKeys(bytes(32)).of(kind, id)})
            answer = await root.request(
                route.method, path, BODY if route.method == "POST" else None
            )
            assert (answer.status, answer.raw) == (404, b""), path
    assert world.current == before


@each_route([route for route in ROUTES if key_parts(route)])
async def test_forged_key_is_not_found(test_app: TestApp, route: Route):
    root, world, keys = await make_full_world(test_app)
    for part in key_parts(route):
        right = keys["chats" if part == "line" else part]
        forged = OpaqueKeys(b"another secret" * 2).of(PARTS[part], 1)
        turned = right[:-1] + ("A" if right[-1] != "A" else "B")
        cut = (right[:-1], right + "A", right.swapcase())
        for wrong in (forged, turned, *cut, "1", "-1", "ä", "..", "%00", "x" * 3000):
            answer = await root.request(
                route.method,
                path_with_keys(route, {**keys, part: wrong}),
                BODY if route.method == "POST" else None,
            )
            assert (answer.status, answer.raw) == (404, b""), wrong


UNUSUAL_TEXTS = [
    "NOT",
    ":",
    "(",
    '"',
    " ",
    "*",
    "a OR",
    "AND",
    "NEAR(a b)",
    "chat:hi",
    "-hi",
    "hi*",
    "^",
    "ö",
    "北京",
    "\U0001f600",
    "a\0b",
    "'; DROP TABLE line; --",
    "x" * 1500,
    "%",
    "\\",
    "{a b}",
    "\r\n",
]


@each_route([route for route in LISTS if route.path.endswith(SEARCHED)])
async def test_any_search_text_is_answered(persistent_test_app: TestApp, route: Route):
    """Defect 9: quotes, brackets, single operators and non-ASCII letters failed."""
    root, _, keys = await make_full_world(persistent_test_app)
    path = path_with_keys(route, keys)
    for text in UNUSUAL_TEXTS:
        answer = await root.get(f"{path}?q={quote(text, safe='')}")
        assert answer.status == 200, (text, answer.raw)


@each_route(LISTS)
async def test_invalid_list_parameter_is_400(test_app: TestApp, route: Route):
    root, _, keys = await make_full_world(test_app)
    path = path_with_keys(route, keys)
    cursors = ("x", "%C3%A4", "W10", "bnVsbA")
    for query in (
        "size=x",
        "size=",
        "size=51",
        "size=%00",
        *(f"cursor={text}" for text in cursors),
    ):
        answer = await root.get(f"{path}?{query}")
        assert answer.status == 400 and isinstance(answer.json["errors"], str), query
    if "users" not in path and not route.path.endswith(("/servers", "/players")):
        for date in ("2014-02-30 00:00:00", "x", "2014-01-01", "99999-01-01 00:00:00"):
            answer = await root.get(f"{path}?since={quote(date)}&q=hi")
            assert answer.status == 400 and isinstance(answer.json["errors"], str), date


async def test_long_and_non_ascii_texts_are_accepted(persistent_test_app: TestApp):
    """Defect 9: 501 characters or a non-ASCII letter failed."""
    root, world, _ = await make_full_world(persistent_test_app)
    long = "Ä" + "x" * 600
    assert (await root.send(world.path, name=long)).json["name"] == long
    assert (await root.send(world.path + "/properties", motd=long)).json["motd"] == long
    assert (await root.send(world.path + "/chats", chat=long)).status == 202
    await make_startable(persistent_test_app.core, world.id)
    assert (await root.post(world.path + "/queue/play")).status == 202
    await world.write_log(chat_line("12:05:00", "bob", long))
    assert (await root.get(world.path + "/chats?size=1")).json["chats"][0]["chat"] == long


async def test_too_long_name_is_400_with_a_message(test_app: TestApp):
    root, world, _ = await make_full_world(test_app)
    answer = await root.send(world.path, name="x" * 100_000)
    assert answer.status == 400 and answer.json["errors"].startswith("name: Field cannot be longer")


async def test_old_stop_line_leaves_a_running_world_running(test_app: TestApp):
    """Defect 11: a log that was read again changed the status of the world."""
    root, world, _ = await make_full_world(test_app)
    ping = Ping(running=True, address="192.0.2.7")
    await test_app.core.execute(record_ping, world_id=world.id, ping=ping)
    before = (await root.get(world.path)).json
    head = test_app.core.feed.head
    await world.write_log(
        log_line("09:00:00", "Starting minecraft server version 1.2"),
        log_line("09:30:00", "Stopping server"),
    )
    after = (await root.get(world.path)).json
    for name in ("status", "address", "last_ping"):
        assert after[name] == before[name]
    entries, _ = await test_app.core.entries([world_topic(world.id)], head, 100)
    changes = [entry.event for entry in entries if isinstance(entry.event, WorldChanged)]
    assert {change.status for change in changes} <= {"running"}


async def test_last_admin_cannot_be_deactivated(test_app: TestApp):
    """Defect 14: the last admin could deactivate their own account, which left no admin."""
    root = await make_admin(test_app)
    for change in ({"active": False}, {"admin": False}):
        with pytest.raises(DomainError) as error:
            await test_app.core.execute(update_account, account_id=root.id, **change)
        assert error.value.code is ErrorCode.LAST_ADMIN
    document = (await root.get("/api/v1/users/self")).json
    assert document["admin"] is document["active"] is True
    await make_admin(test_app, "other@example.org")
    await test_app.core.execute(update_account, account_id=root.id, active=False)
    assert (await root.get("/api/v1/users/self")).status == 403


async def test_responses_contain_no_secrets(test_app: TestApp):
    root, world, keys = await make_full_world(test_app)
    thomas = await make_user(test_app)
    texts = []
    for route in ROUTES:
        if (
            route.method == "GET"
            and "agents" not in route.path
            and not route.path.endswith("/events")
        ):
            texts.append((await thomas.get(path_with_keys(route, keys))).raw.decode("latin-1"))
    content = "".join(texts)
    for word in (
        "password",
        "argon2",
        "secret",
        "eula",
        "digest",
        "token",
        "client_id",
        root.token,
        world.agent.token,
    ):
        assert word not in content
