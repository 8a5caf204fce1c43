"""No page and no list does work that grows with the number of worlds, games, accounts, bans and other entities."""

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
from coalserver.domain.play.player import Ban
from tests.apis.app import TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.site.admins import make_admin
from tests.site.sample_worlds import make_world

#: Entities of each kind, and the factor by which there are more of them then.
FEW, MORE = 260, 4
FIRST_ID = 10_000
#: What the calls for a page may grow by, for instance by a row of a page that was not full.
TOLERANCE = 1.2
PAGES = {
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
        "/admin/backups",
        "/admin/settings",
        "/admin/log",
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
    [mill, account, game] = (next(iter(state.all(kind))) for kind in (World, Account, Game))
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
        tag = f"g{number}"
        state.set(Game, id, replace(game, id=id, tag=tag, name=tag, api_token=tag))
        email = f"user{number}@example.org"
        waiting = replace(account, id=id, email=email, active=False, admin=False, player=0)
        state.set(Account, id, replace(waiting, created=account.created + number))
        ban = Ban(id, f"{id:x}", "noughts", number + 1, "forever", "", 1.0, None)
        state.set(Ban, id, ban)
        entry = AuditEntry(id, 1.0, account.id, "Ann", AuditAction.GAME_ADDED, tag)
        state.set(AuditEntry, id, entry)
        state.set(Version, id, Version(id, f"v{number}", VersionKind.COMMAND, 1.0, command="x"))


async def measure(browser: Browser, path: str) -> tuple[int, int]:
    """Return the calls for a page, and its length."""
    await browser.get(path)
    with calls_counted() as count:
        answer = await browser.get(path)
    assert answer.status in (200, 302), answer.raw
    return count[0], len(answer.raw)


@pytest.mark.parametrize("role", PAGES)
async def test_no_page_grows_with_the_number_of_entities(test_app: TestApp, role: str) -> None:
    await make_world(test_app, public=True)
    admin = await make_admin(test_app)
    member = await make_signed_in_browser(test_app)
    browser = {"guest": Browser(test_app), "member": member, "admin": admin}[role]
    fill(test_app, 0, FEW)
    few = {path: await measure(browser, path) for path in PAGES[role]}
    fill(test_app, FEW, FEW * MORE)
    grown = {}
    for path, before in few.items():
        after = await measure(browser, path)
        if any(now > TOLERANCE * earlier for now, earlier in zip(after, before, strict=True)):
            grown[path] = before, after
    assert not grown
