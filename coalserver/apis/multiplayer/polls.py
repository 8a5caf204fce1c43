"""Polls: answered at once, or with `wait` as soon as there is something to say."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.schemas import Params
from coalserver.core import topics
from coalserver.core.ports import Topic
from coalserver.core.queries.players import player_by_id
from coalserver.domain.play.room import Room
from coalserver.web.api import RequestContext
from coalserver.web.streaming.waiting import poll_until

T = TypeVar("T")
#: Below the minute at which home routers cut quiet connections, and no longer than the server wants.
MAX_WAIT_SECONDS = 60


def poll_params(ctx: RequestContext) -> Params:
    """What a poll asks for: in the query, or in the body, which wins."""
    body = ctx.body.get("params")
    return Params({**ctx.query, **(body.members if body else {})})


async def poll_for_result(
    ctx: RequestContext,
    room: Room,
    watched: Sequence[Topic],
    look: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """What `look` gives as soon as it is enough; at once when the caller logs out.

    Before each look the caller must still be who he was: a ban or a new key ends the wait.
    """
    wait = poll_params(ctx).integer("wait") or 0
    seconds = min(wait, MAX_WAIT_SECONDS, ctx.app.poll_seconds)
    player = ctx.caller.player
    last_logout = ctx.core.query(player_by_id, id=player).last_logout
    checked_once = False

    async def check() -> tuple[T, bool]:
        nonlocal checked_once
        if checked_once:
            auth.player(ctx)
        checked_once = True
        found, enough = await look()
        logged_out = ctx.core.query(player_by_id, id=player).last_logout != last_logout
        return found, enough or logged_out

    return await poll_until(
        ctx, (*watched, topics.room(room.id), topics.player(player)), seconds, check
    )
