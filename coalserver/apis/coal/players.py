"""Players: everybody who has been in a world, by key or by username (document, 2.3.5)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import Listing, listed, read
from coalserver.apis.coal.params import asked
from coalserver.apis.coal.render import JSON, keys_of, moment
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import world_in_path
from coalserver.core.queries.worlds import owner_of, visitor_called, visitor_with, visitors_of
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.security.opaque_keys import PLAYER, SERVER, USER
from coalserver.web.api import Call, Route
from coalserver.web.responses import document

PLAYERS = SERVER_PATH + "/players"
ONE = PLAYERS + "/{player}"


async def list_players(call: Call) -> web.StreamResponse:
    """All players of a world by username, upper case before lower."""
    said = await asked(call, Listing())
    after = read(said["cursor"], str)
    found = call.core.see(
        visitors_of,
        world=world_in_path(call).id,
        after=after[0] if after else None,
        limit=said["size"] + 1,
    )
    return listed(
        "players",
        found,
        said["size"],
        lambda visitor: player_document(call, visitor),
        lambda visitor: (visitor.name,),
        call.core.feed.head,
    )


async def read_player(call: Call) -> web.StreamResponse:
    """One player of a world."""
    return document(player_document(call, player_in_path(call)))


def player_in_path(call: Call) -> Visitor:
    """The player that the path names, by its key or by its exact username in the world that the path names."""
    world = world_in_path(call).id
    named = call.path["player"]
    id = keys_of(call).id(PLAYER, named)
    if id != -1:
        return call.core.see(visitor_with, world=world, id=id)
    return call.core.see(visitor_called, world=world, username=named)


def player_document(call: Call, visitor: Visitor) -> JSON:
    """A player; the session of somebody who is there goes on."""
    keys = keys_of(call)
    owner = call.core.see(owner_of, username=visitor.name)
    latest = visitor.latest
    return {
        "key": keys.of(PLAYER, visitor.id),
        "server_key": keys.of(SERVER, visitor.world),
        "username": visitor.name,
        "user_key": keys.of(USER, owner.id) if owner else None,
        "last_login": moment(visitor.last_login),
        "last_session_duration": int(latest.duration(call.now)) if latest else None,
        "is_playing": visitor.there,
    }


ROUTES = (
    Route("GET", PLAYERS, list_players, who=user),
    Route("GET", ONE, read_player, who=user),
)
