"""Agents: programs beside Minecraft servers that report status and log lines and run console commands.

The document does not describe them. `ping`, `logline` and `lastline` are the original agent's protocol;
`loglines` and `pair` are additions.
"""

import re

from aiohttp import web

from coalserver.apis.coal.agent_schemas import (
    LOG_BATCH,
    LOG_LINE,
    PAIR,
    PING,
    decode_misread_utf8,
    misread_utf8,
    parse_numbered,
    read_agent_params,
)
from coalserver.apis.coal.auth import agent
from coalserver.apis.coal.params import MAX_PARAMS_BYTES
from coalserver.apis.coal.render import opaque_keys
from coalserver.core.commands.agents import pair_agent
from coalserver.core.commands.ingest import find_source, stored_sequence
from coalserver.core.commands.worlds import record_ping
from coalserver.core.ingest import ingest_batch, ingest_lines, last_line_at
from coalserver.core.ports import LineQuery
from coalserver.core.queries.worlds import are_single_lines_misread, count_online
from coalserver.core.steps import complete_in_turns
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.log.dates import LiveDates
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import Ping
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import MAX_PLAIN_BYTES
from coalserver.web.throttling import FailureLimiter

AGENTS = "/api/v1/agents"
_SEQUENCE = re.compile("[0-9]{1,19}")


class PairingLimiter(FailureLimiter):
    """Wrong pairing codes of one address: at most 10 a minute. Codes are too long to guess."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=10, seconds=60)


async def ping(ctx: RequestContext) -> web.StreamResponse:
    """Record the status of a world and return the console commands that it has to run.

    Each command is returned once. An agent that sends `commands_after` gets all later commands,
    with ids, until it acknowledges them with a higher id. With `source`, `stored` is the sequence up to
    which its lines are stored, so that it notices a restored backup.
    """
    params = await read_agent_params(ctx, PING, MAX_PARAMS_BYTES)
    del params["server_name"]
    after, world_id = params.pop("after", None), ctx.caller.get_world().id
    source = params.pop("source", "")
    stopped = params.get("running") is False and ctx.core.query(count_online, world=world_id)
    queued = await ctx.core.execute(
        record_ping,
        world_id=world_id,
        ping=Ping(**params),
        after=after,
        last_line_at=await last_line_at(ctx.core, world_id) if stopped else 0.0,
    )
    commands = [
        {
            "username": command.username or None,
            "command": command.text,
            **({} if after is None else {"id": command.id}),
        }
        for command in queued
    ]
    payload: dict[str, object] = {"commands": commands}
    if source:
        payload["stored"] = ctx.core.query(stored_sequence, world_id=world_id, source=source)
    return json_response(payload)


async def log_line(ctx: RequestContext) -> web.StreamResponse:
    """Store one line; 201 if it is new, 200 if it is already stored.

    The original agent reads every log as ISO-8859-2, so UTF-8 arrives garbled and is repaired.
    """
    params = await read_agent_params(ctx, LOG_LINE)
    world_id, received = ctx.caller.get_world().id, params["line"]
    dates = LiveDates.from_time(ctx.now, params["zone"])
    repaired = decode_misread_utf8(received)
    (is_new,) = await ingest_lines(
        ctx.core,
        world_id=world_id,
        parsed_lines=[parse_line(received if repaired is None else repaired, dates)],
        # As stored before lines were repaired.
        as_received=None if repaired is None else parse_line(received, dates),
    )
    return json_response({}, 201 if is_new else 200)


async def log_lines(ctx: RequestContext) -> web.StreamResponse:
    """Store the new lines of a source; `stored` is the sequence up to which lines are on disk.

    `after` in the query is the sequence up to which the agent believes them stored. If they are not,
    since a backup was restored, nothing is stored, and the agent sends from there.
    """
    after = ctx.query.get("after", "")
    params = await read_agent_params(ctx, LOG_BATCH)
    world_id = ctx.caller.get_world().id
    source = ctx.core.query(find_source, world_id=world_id, source=params["source"])
    parsed_lines = await complete_in_turns(
        parse_numbered(
            params["lines"], params["zone"], ctx.now, source.sequence, source.last_at or 0.0
        )
    )
    result = await ingest_batch(
        ctx.core,
        world_id=world_id,
        source=params["source"],
        parsed_lines=parsed_lines,
        sequences=[line.sequence for line in params["lines"]],
        after=int(after) if _SEQUENCE.fullmatch(after) else 0,
    )
    return json_response({"stored": result.stored, "new": result.new})


async def last_line(ctx: RequestContext) -> web.StreamResponse:
    """Return the newest line; with `source` also the sequence up to which that source is stored.

    The original agent searches its log for the line, so it gets the text that it reads there.
    """
    world = ctx.caller.get_world().id
    newest = await ctx.core.history.lines(LineQuery(world), 1)
    payload: dict[str, object] = {"lastline": newest[0].line if newest else None}
    source = ctx.query.get("source")
    misread = ctx.core.query(are_single_lines_misread, world_id=world)
    if misread and newest and not source and not newest[0].source:
        payload["lastline"] = misread_utf8(newest[0].line)
    if source:
        payload["stored"] = await ctx.core.execute(stored_sequence, world_id=world, source=source)
    return json_response(payload)


async def pair(ctx: RequestContext) -> web.StreamResponse:
    """Exchange a pairing code for credentials, once; the agent's old secret is revoked.

    Raises INVALID_GRANT or RATE_LIMITED.
    """
    limiter = ctx.app.per_process(PairingLimiter)
    with limiter.guard(f"pair {ctx.network}", on=ErrorCode.INVALID_GRANT):
        params = await read_agent_params(ctx, PAIR, MAX_PLAIN_BYTES)
        credentials = await ctx.core.execute(pair_agent, code=params["code"].strip())
    payload = {
        "client_id": credentials.client_id,
        "client_secret": credentials.secret,
        "server_key": opaque_keys(ctx).of(SERVER, credentials.world.id),
        "server_name": credentials.world.name,
    }
    return json_response(payload, 200, {"Cache-Control": "no-store"})


ROUTES = (
    Route("POST", AGENTS + "/ping", ping, auth=agent, reads_body=True),
    Route("POST", AGENTS + "/logline", log_line, auth=agent, reads_body=True),
    Route("POST", AGENTS + "/loglines", log_lines, auth=agent, reads_body=True),
    Route("GET", AGENTS + "/lastline", last_line, auth=agent),
    Route("POST", AGENTS + "/pair", pair, reads_body=True),
)
