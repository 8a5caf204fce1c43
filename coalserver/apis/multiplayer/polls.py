"""Polls: answered at once, or with `wait` as soon as there is something to say."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.schemas import Said
from coalserver.core import topics
from coalserver.core.ports import Topic
from coalserver.core.queries.players import player_called
from coalserver.domain.play.room import Room
from coalserver.web.api import Call
from coalserver.web.streaming.waiting import awaited

T = TypeVar("T")
#: Below the minute at which home routers cut quiet connections, and no longer than the server wants.
LONGEST_WAIT = 60


def asked_of(call: Call) -> Said:
    """What a poll asks for: in the query, or in the body, which wins."""
    body = call.body.get("said")
    return Said({**call.query, **(body.members if body else {})})


async def polled(
    call: Call,
    room: Room,
    heard: Sequence[Topic],
    look: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """What `look` gives as soon as it is enough; at once when the caller logs out.

    Before each look the caller must still be who he was: a ban or a new key ends the wait.
    """
    wait = asked_of(call).whole("wait") or 0
    seconds = min(wait, LONGEST_WAIT, call.web.poll_seconds)
    player = call.caller.player
    came = call.core.see(player_called, id=player).last_logout
    looked = False

    async def again() -> tuple[T, bool]:
        nonlocal looked
        if looked:
            auth.player(call)
        looked = True
        found, enough = await look()
        gone = call.core.see(player_called, id=player).last_logout != came
        return found, enough or gone

    return await awaited(
        call, (*heard, topics.room(room.id), topics.player(player)), seconds, again
    )
