"""Factories of rooms."""

from tests.apis.app import ApiClient


async def make_room(host: ApiClient, *members: ApiClient) -> str:
    """Create a room of a game without rules with these members and return its path."""
    await host.test_app.create_game("free")
    room = await host.create_room("free")
    for member in members:
        await member.join(room)
    return room
