"""Agents: the programs beside worlds, which say how those are, send their logs and tell their consoles.

The document has none of this. What the original agent speaks is here as it was; batches and pairing are ours.
"""

from aiohttp import web

from coalserver.apis.coal.agent_schemas import (
    LogBatchSchema,
    LogLineSchema,
    PairSchema,
    PingSchema,
    parse_batch,
    read_agent_params,
)
from coalserver.apis.coal.auth import agent
from coalserver.apis.coal.render import opaque_keys
from coalserver.core.commands.agents import pair_agent
from coalserver.core.commands.ingest import log_batch, stored_sequence
from coalserver.core.commands.worlds import record_ping
from coalserver.core.ingest import ingest_lines
from coalserver.core.ports import LineQuery
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.log.dates import LiveDates
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import Ping
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response
from coalserver.web.throttling import FailureLimiter

AGENTS = "/api/v1/agents"


class PairingLimiter(FailureLimiter):
    """Codes that were none; they are too long to be guessed, and nobody mistypes so many."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=10, seconds=60)


async def ping(ctx: RequestContext) -> web.StreamResponse:
    """Say how a world is; the answer has what its console is now to be told, and nobody else is told it.

    An agent that says which command it has kept last is told all later ones, with their ids, until it has them.
    """
    params = await read_agent_params(ctx, PingSchema())
    del params["server_name"]
    after = params.pop("after", None)
    world = ctx.caller.get_world()
    queued = await ctx.core.execute(
        record_ping, world_id=world.id, ping=Ping(**params), after=after
    )
    commands = [
        {
            "username": line.username or None,
            "command": line.text,
            **({} if after is None else {"id": line.id}),
        }
        for line in queued
    ]
    return json_response({"commands": commands})


async def log_line(ctx: RequestContext) -> web.StreamResponse:
    """Store a line; 201 if it is new, 200 if it is known."""
    params = await read_agent_params(ctx, LogLineSchema())
    parsed = parse_line(params["line"], LiveDates.from_time(ctx.now, params["zone"]))
    stored = await ingest_lines(ctx.core, world_id=ctx.caller.get_world().id, parsed_lines=[parsed])
    return json_response({}, 201 if stored[0] else 200)


async def log_lines(ctx: RequestContext) -> web.StreamResponse:
    """Store the lines of a source from the first that is not stored on. What is stored may be forgotten."""
    params = await read_agent_params(ctx, LogBatchSchema())
    result = await ctx.core.execute(
        log_batch,
        world_id=ctx.caller.get_world().id,
        source=params["source"],
        parsed_lines=parse_batch(params["lines"], params["zone"], ctx.now),
        sequences=[line.sequence for line in params["lines"]],
    )
    return json_response({"stored": result.stored, "new": result.new})


async def last_line(ctx: RequestContext) -> web.StreamResponse:
    """The line that was written last; and how far a source is stored, if one is named."""
    world = ctx.caller.get_world().id
    newest = await ctx.core.history.lines(LineQuery(world), 1)
    payload: dict[str, object] = {"lastline": newest[0].line if newest else None}
    if source := ctx.query.get("source"):
        payload["stored"] = await ctx.core.execute(stored_sequence, world_id=world, source=source)
    return json_response(payload)


async def pair(ctx: RequestContext) -> web.StreamResponse:
    """Give an agent its credentials for a code of an admin's, once; the secret it had before is good no more."""
    limiter, limit_key = ctx.app.per_process(PairingLimiter), f"pair {ctx.address}"
    limiter.check(limit_key)
    params = await read_agent_params(ctx, PairSchema())
    with limiter.guard(limit_key, on=ErrorCode.INVALID_GRANT):
        credentials = await ctx.core.execute(pair_agent, code=params["code"].strip())
    payload = {
        "client_id": credentials.client_id,
        "client_secret": credentials.secret,
        "server_key": opaque_keys(ctx).of(SERVER, credentials.world.id),
        "server_name": credentials.world.name,
    }
    return json_response(payload, 200, {"Cache-Control": "no-store"})


ROUTES = (
    Route("POST", AGENTS + "/ping", ping, auth=agent),
    Route("POST", AGENTS + "/logline", log_line, auth=agent),
    Route("POST", AGENTS + "/loglines", log_lines, auth=agent),
    Route("GET", AGENTS + "/lastline", last_line, auth=agent),
    Route("POST", AGENTS + "/pair", pair),
)
