"""A world whose log is written by the test, and those who look at it."""

import time
from typing import Any

from coalserver.core.commands.worlds import create_world, record_ping, update_world
from coalserver.core.ingest import ingest_lines
from coalserver.core.queries.worlds import get_world
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import Ping, World
from tests.apis.app import Answer, TestApp
from tests.apis.browser import Browser

JSON = {"Accept": "application/json"}


async def make_world(test_app: TestApp, short_name: str = "mill", **parts: Any) -> World:
    """A world that runs."""
    public = parts.pop("public", False)
    world = await test_app.core.execute(
        create_world, name="The Mill", short_name=short_name, **parts
    )
    if public:
        await test_app.core.execute(update_world, world_id=world.id, public=True)
    await pinged(test_app, world)
    return test_app.core.query(get_world, id=world.id)


async def pinged(test_app: TestApp, world: World, running: bool = True, **parts: Any) -> list[str]:
    """Its agent reports; gives what it is told to write."""
    given = {"address": "mc.example.org", **parts}
    lines = await test_app.core.execute(
        record_ping, world_id=world.id, ping=Ping(running=running, **given)
    )
    return [line.text for line in lines]


async def logged(test_app: TestApp, world: World, *texts: str, at: float | None = None) -> None:
    """Lines are written now, or at some time, one a second."""
    begin = test_app.clock.now if at is None else at
    lines = []
    for number, text in enumerate(texts):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begin + number))
        lines.append(parse_line(f"{stamp} [INFO] {text}"))
    await ingest_lines(test_app.core, world_id=world.id, parsed_lines=lines)


def login(name: str = "Ada") -> str:
    return f"{name}[/203.0.113.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)"


def logout(name: str = "Ada") -> str:
    return f"{name} lost connection: Disconnected"


def shown(answer: Answer) -> list[tuple[str, str, str]]:
    """Kind, name and text of the rows of a piece of history."""
    assert answer.status == 200, answer.raw
    return [(row["kind"], row["who"], row["text"]) for row in answer.json["rows"]]


def said(answer: Answer) -> list[str]:
    """The texts alone."""
    return [text for _, _, text in shown(answer)]


async def piece(browser: Browser, query: str = "", world: str = "mill") -> Answer:
    """A piece of a world's history, as the page's script asks for it."""
    return await browser.get(f"/servers/{world}/chats{query}", **JSON)
