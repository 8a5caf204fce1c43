"""No page and no list of the COAL and rooms APIs does work that grows with the number of entities."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction, AuditEntry
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from tests.apis.app import ApiClient, TestApp
from tests.apis.browser import Browser, make_account, make_signed_in_browser
from tests.apis.coal.clients import make_user
from tests.site.admins import make_admin
from tests.site.sample_worlds import make_world

#: Entities of each kind, and the factor by which there are more of them then.
FEW, MORE = 260, 4
FIRST_ID = 10_000
#: The difference between the ids of the first and of further entities with a number.
OTHERS = 100_000
#: What the calls for a page may grow by, for instance by a row of a page that was not full.
TOLERANCE = 1.2
PATHS = {
    "guest": ("/", "/?page=2", "/health", "/servers/mill", "/servers/mill/chats"),
    "member": (
        "/",
        "/?page=2&games=3",
        "/servers/mill",
        "/servers/mill/chats",
        "/servers/mill/players",
        "/servers/mill/sessions",
        "/servers/mill/deaths",
        "/servers/mill/achievements",
        "/servers/mill/screenshots",
        "/servers/unknown",
        "/profile",
    ),
    "admin": (
        "/admin",
        "/admin/users",
        "/admin/servers",
        "/admin/servers?page=3",
        "/admin/servers/1",
        "/admin/server_create",
        "/admin/server_create_gce",
        "/admin/instance/configure",
        "/admin/instance/stop",
        "/admin/versions",
        "/admin/games",
        "/admin/games/g7/rotate",
        "/admin/rooms",
        "/admin/bans",
        "/admin/rooms?page=2",
        "/admin/backups",
        "/admin/settings",
        "/admin/log",
    ),
    "player": (
        "/games/noughts/rooms",
        "/games/noughts/rooms?limit=50&offset=50",
        "/games/noughts/sessions",
    ),
    "COAL user": (
        "/api/v1/servers?size=50",
        "/api/v1/users?size=50",
        "{world}",
        *(f"{{world}}/{name}?size=50" for name in ("chats", "deaths", "achievements", "loglines")),
        *(f"{{world}}/{name}?size=50" for name in ("players", "sessions", "screenshots")),
    ),
}


@contextmanager
def calls_counted() -> Iterator[list[int]]:
    """Count the calls of Python functions, those of templates among them."""
    count = [0]

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        count[0] += event == "call"

    sys.setprofile(profile)
    try:
        yield count
    finally:
        sys.setprofile(None)


def fill(test_app: TestApp, start: int, end: int) -> None:
    """Add entities of all kinds with these numbers, as many as the difference."""
    state = test_app.core.state
    kinds = (World, Account, Game, Lobby)
    [mill, account, game, lobby] = (next(iter(state.all(kind))) for kind in kinds)
    for number in range(start, end):
        id = FIRST_ID + number
        is_hosted, is_up = number % 2 == 0, number % 4 == 0
        world = replace(
            mill,
            id=id,
            name=f"World {number}",
            short_name=f"w{number}",
            created=mill.created + number,
            hosted=is_hosted,
            status=WorldStatus.RUNNING if is_up else WorldStatus.STOPPED,
            properties=b'{"version":"v7"}' if is_hosted else b"{}",
            public=number % 3 > 0,
        )
        state.set(World, id, world)
        if is_hosted:
            state.set(HostedWorld, id, HostedWorld(id))
        mark = PresenceMark(1.0 + number, id, MarkKind.LOGGED_IN, 1.0, f"v{number}")
        visitor = Visitor(id, mill.id, f"v{number}", 1.0).with_mark(mark)
        state.set(Visitor, id, visitor)
        state.set(Lobby, id, replace(lobby, id=id, code=f"{id:x}", name=f"Room {number}"))
        tag = f"g{number}"
        state.set(Game, id, replace(game, id=id, tag=tag, name=tag, api_token=tag))
        # Games that no list shows, and a room of each game.
        hidden = f"h{number}"
        unlisted = replace(game, id=id + OTHERS, tag=hidden, api_token=hidden, listed=False)
        state.set(Game, unlisted.id, unlisted)
        for part, other in enumerate((tag, hidden), 1):
            room = replace(lobby, id=id + part * OTHERS, code=f"{id:x}{part}", game=other)
            state.set(Lobby, room.id, room)
        email = f"user{number}@example.org"
        waiting = replace(account, id=id, email=email, active=False, admin=False, player=0)
        state.set(Account, id, replace(waiting, created=account.created + number))
        ban = Ban(id, f"{id:x}", "noughts", number + 1, "forever", "", 1.0, None)
        state.set(Ban, id, ban)
        entry = AuditEntry(id, 1.0, account.id, "Ann", AuditAction.GAME_ADDED, tag)
        state.set(AuditEntry, id, entry)
        state.set(Version, id, Version(id, f"v{number}", VersionKind.COMMAND, 1.0, command="x"))


async def make_client(test_app: TestApp, role: str) -> Browser | ApiClient:
    """Return a browser, or a client with a token."""
    match role:
        case "guest":
            return Browser(test_app)
        case "member":
            return await make_signed_in_browser(test_app)
        case "admin":
            return await make_admin(test_app)
        case "player":
            return await test_app.sign_in_guest()
    return await make_user(test_app)


async def measure(browser: Browser | ApiClient, path: str) -> tuple[int, int]:
    """Return the calls for a page, and its length."""
    await browser.get(path)
    with calls_counted() as count:
        answer = await browser.get(path)
    assert answer.status in (200, 302), answer.raw
    return count[0], len(answer.raw)


@pytest.mark.parametrize("role", PATHS)
async def test_no_page_grows_with_the_number_of_entities(test_app: TestApp, role: str) -> None:
    mill = await make_world(test_app, public=True)
    key = test_app.app_context.service(OpaqueKeys).of(SERVER, mill.id)
    host = await test_app.sign_in_guest("Host")
    await host.create_room(name="Friday")
    await make_account(test_app, "first@example.org")
    client = await make_client(test_app, role)
    paths = [path.replace("{world}", f"/api/v1/servers/{key}") for path in PATHS[role]]
    fill(test_app, 0, FEW)
    few = {path: await measure(client, path) for path in paths}
    fill(test_app, FEW, FEW * MORE)
    grown = {}
    for path, before in few.items():
        after = await measure(client, path)
        if any(now > TOLERANCE * earlier for now, earlier in zip(after, before, strict=True)):
            grown[path] = before, after
    assert not grown
