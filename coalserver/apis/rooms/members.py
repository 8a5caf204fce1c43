"""Handlers that rooms and sessions share: join, leave and chat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.core.commands import members
from coalserver.core.ports import Entry, Topic
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import ignoring
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

#: Number of chat events that the chat routes return.
CHAT_HISTORY_SIZE = 200

Command = Callable[..., Any]
Getter = Callable[[RequestContext], Lobby | Room]


def cursor_header(cursor: int) -> dict[str, str]:
    """Return the header with the cursor from which a client listens without a gap."""
    return {CURSOR_HEADER: str(cursor)}


@dataclass(frozen=True, slots=True)
class MemberHandlers:
    """The shared handlers, over the getters, commands and renderer of rooms or of sessions."""

    #: `room` or `session`: the type in references and rate limits.
    name: str
    #: The core's class.
    kind: type[Lobby] | type[Room]
    #: The parameter in which commands that are not shared take the id of the room or session.
    id_param: str
    #: Returns the room or session in the path.
    get_entity: Getter
    #: The same, and raises an error if its chat cannot be read.
    get_with_chat: Getter
    join_command: Command
    chat_topic: Callable[[int], Topic]
    render_event: Callable[[Entry], bytes | None]

    async def execute(self, ctx: RequestContext, command: Command, **params: Any) -> Any:
        """Execute a command on the room or session in the path, once per Idempotency-Key."""
        params[self.id_param] = self.get_entity(ctx).id
        return await execute_idempotent(ctx, command, **params)

    async def execute_shared(self, ctx: RequestContext, command: Command, **params: Any) -> Any:
        """Do the same with a command that lobbies and rooms of the core share."""
        entity = self.get_entity(ctx)
        return await execute_idempotent(ctx, command, kind=self.kind, id=entity.id, **params)

    async def join(self, ctx: RequestContext) -> web.StreamResponse:
        """Join the room or session. Members get the same answer as new members."""
        entity = self.get_entity(ctx)
        limited = (ctx.caller.player_id, ctx.network) if entity.password else ()
        limit_keys = [f"{self.name} {entity.id} {part}" for part in limited]
        with (
            ctx.app.failure_limiter.guard(*limit_keys, on=ErrorCode.WRONG_PASSWORD),
            ignoring(ErrorCode.ALREADY_MEMBER),
        ):
            params = {self.id_param: entity.id, "player_id": ctx.caller.player_id, **ctx.body}
            await execute_idempotent(ctx, self.join_command, **params)
        reference = render.reference(self.name, entity.id, entity.game)
        return json_response(reference, headers=cursor_header(ctx.core.feed.head))

    async def leave(self, ctx: RequestContext) -> web.StreamResponse:
        """Leave the room or session. A room closes when its host leaves."""
        await self.execute_shared(
            ctx, members.leave, player_id=ctx.caller.player_id, open_only=True
        )
        return no_content()

    async def send_chat(self, ctx: RequestContext) -> web.StreamResponse:
        """Send a chat message to the members and return the id of its event."""
        message_id = await self.execute_shared(
            ctx, members.chat, player_id=ctx.caller.player_id, text=ctx.body["text"]
        )
        return json_response({"id": message_id}, 201)

    async def list_chat(self, ctx: RequestContext) -> web.StreamResponse:
        """Return the latest chat events, oldest first. Members only."""
        entity = self.get_with_chat(ctx)
        entity.roster.get_seat(ctx.caller.player_id)
        cursor = ctx.core.feed.head
        entries = await ctx.core.newest(self.chat_topic(entity.id), CHAT_HISTORY_SIZE)
        rendered = filter(None, map(self.render_event, entries))
        return raw_response(b"[%b]" % b",".join(rendered), headers=cursor_header(cursor))
