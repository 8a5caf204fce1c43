"""Chats: what is said in a world, and saying something there (document, 2.3.7)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.log_lines import LineList
from coalserver.apis.coal.params import OneLine, asked
from coalserver.apis.coal.players import ONE as PLAYER_PATH
from coalserver.apis.coal.players import player_in_path
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import world_in_path
from coalserver.core.commands.worlds import say_in_world
from coalserver.core.ports import About
from coalserver.web.api import Call, Route
from coalserver.web.idempotency import do_once
from coalserver.web.responses import answer
from coalserver.web.schemas import Form

CHATS = LineList("chats", About.CHAT, lambda line: {"chat": line.chat or None})
LONGEST = 1000


class Saying(Form):
    chat = OneLine(LONGEST, required=True)


async def say(call: Call) -> web.StreamResponse:
    """Say something in a world under one's own name there; 202, and the agent is given it at its next ping."""
    said = await asked(call, Saying())
    return await _say(call, world_in_path(call).id, said["chat"], None)


async def say_as_player(call: Call) -> web.StreamResponse:
    """Say something under a username one has claimed."""
    said = await asked(call, Saying())
    visitor = player_in_path(call)
    return await _say(call, visitor.world, said["chat"], visitor.name)


async def _say(call: Call, world: int, text: str, username: str | None) -> web.StreamResponse:
    account = call.caller.account
    await do_once(call, say_in_world, world_id=world, account=account, text=text, username=username)
    return answer(b"", 202)


ROUTES = (
    *CHATS.routes,
    Route("POST", SERVER_PATH + "/chats", say, who=user),
    Route("POST", PLAYER_PATH + "/chats", say_as_player, who=user),
)
