"""A world whose log is written by the test, and those who look at it."""

import time
from typing import Any

from coalserver.core.commands.worlds import add_world, change_world, ping_world
from coalserver.core.ingest import take_lines
from coalserver.core.queries.worlds import world_with
from coalserver.domain.minecraft.log.parser import read
from coalserver.domain.minecraft.world import Ping, World
from tests.apis.app import Answer, House
from tests.apis.browser import Surfer

JSON = {"Accept": "application/json"}


async def a_world(house: House, short_name: str = "mill", **parts: Any) -> World:
    """A world that runs."""
    public = parts.pop("public", False)
    world = await house.core.do(add_world, name="The Mill", short_name=short_name, **parts)
    if public:
        await house.core.do(change_world, world_id=world.id, public=True)
    await pinged(house, world)
    return house.core.see(world_with, id=world.id)


async def pinged(house: House, world: World, running: bool = True, **parts: Any) -> list[str]:
    """Its agent reports; gives what it is told to write."""
    given = {"address": "mc.example.org", **parts}
    lines = await house.core.do(ping_world, world_id=world.id, ping=Ping(running=running, **given))
    return [line.text for line in lines]


async def logged(house: House, world: World, *texts: str, at: float | None = None) -> None:
    """Lines are written now, or at some time, one a second."""
    begin = house.clock.now if at is None else at
    lines = []
    for number, text in enumerate(texts):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begin + number))
        lines.append(read(f"{stamp} [INFO] {text}"))
    await take_lines(house.core, world=world.id, readings=lines)


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


async def piece(surfer: Surfer, query: str = "", world: str = "mill") -> Answer:
    """A piece of a world's history, as the page's script asks for it."""
    return await surfer.get(f"/servers/{world}/chats{query}", **JSON)
