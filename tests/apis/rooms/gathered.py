"""A room that is gathering."""

from tests.apis.app import Asker


async def a_room(host: Asker, *members: Asker) -> str:
    """A room of a game without rules, and who sits in it, its host first; gives its path."""
    await host.house.game("free")
    room = await host.opens("free")
    for member in members:
        await member.joins(room)
    return room
