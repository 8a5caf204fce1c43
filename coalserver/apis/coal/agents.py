"""Agents: the programs beside worlds, which say how those are, send their logs and tell their consoles.

The document has none of this. What the original agent speaks is here as it was; batches and pairing are ours.
"""

from aiohttp import web

from coalserver.apis.coal.agent_schemas import Batch, Code, OneLine, Pinging, readings_of, told
from coalserver.apis.coal.auth import agent, world_of
from coalserver.apis.coal.render import keys_of
from coalserver.core.commands.ingest import log_batch, stored_lines
from coalserver.core.commands.pairing import pair_agent
from coalserver.core.commands.worlds import ping_world
from coalserver.core.ingest import take_lines
from coalserver.core.ports import Lines
from coalserver.domain.errors import Refusal
from coalserver.domain.minecraft.log.dates import Live
from coalserver.domain.minecraft.log.parser import read
from coalserver.domain.minecraft.world import Ping
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Call, Route, Web
from coalserver.web.responses import document
from coalserver.web.throttling import Failures

AGENTS = "/api/v1/agents"


class WrongCodes(Failures):
    """Codes that were none; they are too long to be guessed, and nobody mistypes so many."""

    def __init__(self, shared: Web) -> None:
        super().__init__(most=10, seconds=60)


async def ping(call: Call) -> web.StreamResponse:
    """Say how a world is; the answer has what its console is now to be told, and nobody else is told it.

    An agent that says which command it has kept last is told all later ones, with their ids, until it has them.
    """
    said = await told(call, Pinging())
    del said["server_name"]
    after = said.pop("after", None)
    world = world_of(call)
    waiting = await call.core.do(ping_world, world_id=world.id, ping=Ping(**said), after=after)
    commands = [
        {
            "username": line.username or None,
            "command": line.text,
            **({} if after is None else {"id": line.id}),
        }
        for line in waiting
    ]
    return document({"commands": commands})


async def log_line(call: Call) -> web.StreamResponse:
    """Store a line; 201 if it is new, 200 if it is known."""
    said = await told(call, OneLine())
    reading = read(said["line"], Live.at(call.now, said["zone"]))
    new = await take_lines(call.core, world=world_of(call).id, readings=[reading])
    return document({}, 201 if new[0] else 200)


async def log_many(call: Call) -> web.StreamResponse:
    """Store the lines of a source from the first that is not stored on. What is stored may be forgotten."""
    said = await told(call, Batch())
    taken = await call.core.do(
        log_batch,
        world_id=world_of(call).id,
        source=said["source"],
        readings=readings_of(said["lines"], said["zone"], call.now),
        sequences=[line.sequence for line in said["lines"]],
    )
    return document({"stored": taken.stored, "new": taken.new})


async def last_line(call: Call) -> web.StreamResponse:
    """The line that was written last; and how far a source is stored, if one is named."""
    world = world_of(call).id
    newest = await call.core.history.lines(Lines(world), 1)
    answer: dict[str, object] = {"lastline": newest[0].line if newest else None}
    if source := call.query.get("source"):
        answer["stored"] = await call.core.do(stored_lines, world_id=world, source=source)
    return document(answer)


async def pair(call: Call) -> web.StreamResponse:
    """Give an agent its credentials for a code of an admin's, once; the secret it had before is good no more."""
    wrong, tried = call.web.own(WrongCodes), f"pair {call.address}"
    wrong.check(tried)
    said = await told(call, Code())
    try:
        paired = await call.core.do(pair_agent, code=said["code"].strip())
    except Refusal:
        wrong.note(tried)
        raise
    answer = {
        "client_id": paired.client_id,
        "client_secret": paired.secret,
        "server_key": keys_of(call).of(SERVER, paired.world.id),
        "server_name": paired.world.name,
    }
    return document(answer, 200, {"Cache-Control": "no-store"})


ROUTES = (
    Route("POST", AGENTS + "/ping", ping, who=agent),
    Route("POST", AGENTS + "/logline", log_line, who=agent),
    Route("POST", AGENTS + "/loglines", log_many, who=agent),
    Route("GET", AGENTS + "/lastline", last_line, who=agent),
    Route("POST", AGENTS + "/pair", pair),
)
