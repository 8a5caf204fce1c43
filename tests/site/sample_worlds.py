"""Sample worlds whose log lines and pings are sent by tests, and requests for their chat."""

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


async def make_world(test_app: TestApp, short_name: str = "mill", **fields: Any) -> World:
    """Create a running world."""
    public = fields.pop("public", False)
    world = await test_app.core.execute(
        create_world, name="The Mill", short_name=short_name, **fields
    )
    if public:
        await test_app.core.execute(update_world, world_id=world.id, public=True)
    await send_ping(test_app, world)
    return test_app.core.query(get_world, id=world.id)


async def send_ping(
    test_app: TestApp, world: World, running: bool = True, **fields: Any
) -> list[str]:
    """Send a ping of the world's agent. Return the console commands that it gets."""
    ping = Ping(running=running, **{"address": "mc.example.org", **fields})
    commands = await test_app.core.execute(record_ping, world_id=world.id, ping=ping)
    return [command.text for command in commands]


async def log_lines(test_app: TestApp, world: World, *texts: str, at: float | None = None) -> None:
    """Add lines to the world's log, one per second, the first one now or at a time."""
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


async def fetch_rows(browser: Browser, query: str = "", world: str = "mill") -> Answer:
    """Request a page of a world's history as JSON, as the script of the chat does."""
    return await browser.get(f"/servers/{world}/chats{query}", **JSON)


def rows_of(response: Answer) -> list[tuple[str, str, str]]:
    """Return kind, name and text of the rows of a page of the history."""
    assert response.status == 200, response.raw
    return [(row["kind"], row["who"], row["text"]) for row in response.json["rows"]]


def texts_of(response: Answer) -> list[str]:
    return [text for _, _, text in rows_of(response)]
