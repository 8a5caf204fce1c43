"""Chats: what players say in a world, and sending a message there (document, 2.3.7)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.log_lines import LineList
from coalserver.apis.coal.params import LineField, read_params
from coalserver.apis.coal.players import PLAYER_PATH, player_in_path
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core.commands.worlds import send_chat
from coalserver.core.ports import LineCategory
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import raw_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.throttling import UseLimit

CHATS = LineList("chats", LineCategory.CHAT, lambda line: {"chat": line.chat or None})
MAX_LENGTH = 1000


class ChatSchema(RequestSchema):
    """A chat message."""

    chat = LineField(MAX_LENGTH, required=True)


CHAT = ChatSchema()


async def post_chat(ctx: RequestContext) -> web.StreamResponse:
    """Queue a message under the caller's own name in a world; 202. Agents fetch it with a ping."""
    params = await read_params(ctx, CHAT)
    return await _send(ctx, world_in_path(ctx).id, params["chat"], None)


async def post_chat_as_player(ctx: RequestContext) -> web.StreamResponse:
    """Queue a message under a username that the caller has claimed; 202."""
    params = await read_params(ctx, CHAT)
    visitor = player_in_path(ctx)
    return await _send(ctx, visitor.world, params["chat"], visitor.name)


async def _send(
    ctx: RequestContext, world: int, text: str, username: str | None
) -> web.StreamResponse:
    account = ctx.caller.account_id
    await execute_idempotent(
        ctx, send_chat, world_id=world, account_id=account, text=text, username=username
    )
    return raw_response(b"", 202)


ROUTES = (
    *CHATS.routes,
    Route(
        "POST", SERVER_PATH + "/chats", post_chat, auth=user, limit=UseLimit.CHAT, reads_body=True
    ),
    Route(
        "POST",
        PLAYER_PATH + "/chats",
        post_chat_as_player,
        auth=user,
        limit=UseLimit.CHAT,
        reads_body=True,
    ),
)
