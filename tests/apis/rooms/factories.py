"""A room that is gathering."""

from tests.apis.app import ApiClient


async def make_room(host: ApiClient, *members: ApiClient) -> str:
    """A room of a game without rules, and who sits in it, its host first; gives its path."""
    await host.test_app.create_game("free")
    room = await host.create_room("free")
    for member in members:
        await member.join(room)
    return room
