"""Factories of rooms and of their rows in lists."""

from typing import Any

from tests.apis.app import ApiClient, TestApp


async def make_room(host: ApiClient, *members: ApiClient) -> str:
    """Create a room of a game without rules with these members and return its path."""
    await host.test_app.create_game("free")
    room = await host.create_room("free")
    for member in members:
        await member.join(room)
    return room


async def make_room_with_chat(test_app: TestApp, messages: int = 0) -> tuple[ApiClient, str]:
    """Create a room of a new guest with messages "0", "1", …; return the guest and the path."""
    ann = await test_app.sign_in_guest()
    room = await make_room(ann)
    for number in range(messages):
        await ann.send_chat(room, str(number))
    return ann, room


def room_row(host: ApiClient, **members: Any) -> dict[str, Any]:
    """Return the row of a new private room of noughts named "x" in lists and events."""
    row = {
        "roomId": 1,
        "name": "x",
        "game": "noughts",
        "numUsers": 1,
        "maxUsers": 2,
        "active": True,
        "private": True,
        "options": {},
        "host": host.user,
        "hostAway": False,
        "needsApproval": False,
    }
    return row | members
