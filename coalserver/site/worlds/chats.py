"""The chat page of a world: live events, the whole history, and sending messages."""

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from coalserver.core.commands.worlds import display_name_in_world, send_chat
from coalserver.core.engine import IdempotencyKey
from coalserver.core.queries.worlds import (
    latest_visitors,
    queued_commands,
    visitors_of_world,
)
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visitor import ConsoleCommand, say_command
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.domain.text import one_line
from coalserver.site.access import world_member_page, world_path, world_reader_page
from coalserver.site.errors import SHARED_MESSAGES, wants_json
from coalserver.site.worlds.context import world_context
from coalserver.site.worlds.history import (
    KIND_FILTERS,
    HistoryFilter,
    HistoryPage,
    load_older,
    read_filter,
    read_page,
)
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import request_clock
from coalserver.web.pages.cookies import form_page, optional_login, redirect
from coalserver.web.pages.forms import check_csrf, is_csrf_valid, read_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.responses import json_response
from coalserver.web.streaming.subscriptions import CURSOR_HEADER
from coalserver.web.throttling import UseLimit

#: Characters of a message. The game limits its players to 256.
MAX_MESSAGE_LENGTH = 500
MAX_KEY_LENGTH = 200
#: Rows that a page has for browsers without scripts.
STATIC_ROWS = 50
#: Parameters of addresses of pages that need not end with the newest row.
POSITION_PARAMS = frozenset(("older", "newer", "at", "line"))
#: Names that the player field suggests.
MAX_SUGGESTIONS = 200
KIND_LABELS = {
    "": N_("All types"),
    "chat": N_("Chat"),
    "visit": N_("Joins and leaves"),
    "death": N_("Deaths"),
    "achievement": N_("Advancements"),
}
assert KIND_LABELS.keys() == KIND_FILTERS.keys()


@world_reader_page
async def chat_page(
    ctx: RequestContext, world: World, account: Account | None
) -> web.StreamResponse:
    """Render the chat; for a script, return a page of the history as JSON."""
    # Read before the history: the script recognizes a line that is logged in between by its id.
    cursor, public, is_script = ctx.core.feed.head, account is None, wants_json(ctx)
    history_filter = read_filter(ctx, world, strict=is_script)
    # The public must not learn whether an e-mail address has written messages.
    visible = not (public and "@" in history_filter.player)
    history_page = (
        await read_page(ctx, history_filter, strict=is_script) if visible else HistoryPage([])
    )
    payload = {"cursor": cursor, **history_page.render(history_filter, public=public)}
    if is_script:
        return json_response(
            payload, 200, {CURSOR_HEADER: str(cursor), "Cache-Control": "no-store"}
        )
    return render_chat(ctx, world, account, history_filter, payload)


def render_chat(
    ctx: RequestContext,
    world: World,
    account: Account | None,
    history_filter: HistoryFilter,
    payload: dict[str, Any],
    *,
    text: str = "",
    error: str = "",
    status: int = 200,
) -> web.Response:
    """Return the page of the chat, with the unsent text and the error of a rejected form."""
    shared = world_context(ctx, world, account, "chats")
    context = {
        **shared,
        "history_filter": history_filter,
        "kinds": KIND_LABELS,
        "players": suggested_players(ctx, world) if account else [],
        "initial": {**payload, "me": speaker_state(ctx, world, account)},
        "static": static_rows(ctx, history_filter, payload),
        "max_length": MAX_MESSAGE_LENGTH,
        "unsent_text": text,
        "error": error,
    }
    return form_page(ctx, "worlds/chats.html", context, status)


def static_rows(
    ctx: RequestContext,
    history_filter: HistoryFilter,
    payload: dict[str, Any],
) -> dict[str, Any]:
    """Return what browsers without scripts show: the last rows by day, and links to other pages."""
    clock = request_clock(ctx.request)
    rows, older, newer = payload["rows"], payload["older"], payload["newer"]
    if newer is None and len(rows) > STATIC_ROWS:
        rows = rows[-STATIC_ROWS:]
        older = f"{rows[0]['at']}.{rows[0]['id']}"
    params = {
        name: value
        for name, value in (
            ("q", history_filter.text),
            ("player", history_filter.player),
            ("kind", history_filter.kind),
        )
        if value
    }

    def address(**position: str) -> str:
        return "?" + urlencode({**params, **position})

    is_newest = newer is None and not POSITION_PARAMS & ctx.query.keys()
    return {
        "days": [
            (day, list(group)) for day, group in groupby(rows, lambda row: clock.day(row["at"]))
        ],
        "count": len(rows),
        "filter_text": " · ".join(
            request_language(ctx.request).gettext(KIND_LABELS[value]) if name == "kind" else value
            for name, value in params.items()
        ),
        "older": address(older=older) if older else None,
        "newer": address(newer=newer) if newer else None,
        "newest": None if is_newest else address(),
    }


@world_member_page
async def send_message(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Send a message to the game. While the world is stopped, the message waits for the next start.

    With the header `Idempotency-Key`, a repeated request sends it once. Raises INVALID_REQUEST if it is too long.
    """
    pairs = await read_form(ctx.request)
    text = dict(pairs).get("chat", "")
    if not wants_json(ctx) and (len(text) > MAX_MESSAGE_LENGTH or not is_csrf_valid(ctx, pairs)):
        return await render_rejected(ctx, world, account, text)
    check_csrf(ctx, pairs)
    if len(text) > MAX_MESSAGE_LENGTH:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"chat": ["Too long."]})
    key = ctx.request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY_LENGTH:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"Idempotency-Key": ["Too long."]})
    ctx.take(UseLimit.CHAT)
    kwargs = {"world_id": world.id, "account_id": account.id, "text": text}
    if key:
        idempotency = IdempotencyKey.of(
            f"account {account.id}", key, str(world.id).encode(), text.encode()
        )
        line = await ctx.core.execute_idempotent(idempotency, send_chat, _line_id, **kwargs)
    else:
        line = _line_id(await ctx.core.execute(send_chat, **kwargs))
    if not wants_json(ctx):
        return redirect(world_path(world) + "/chats")
    queued = world.status is not WorldStatus.RUNNING
    return json_response({"line": line, "text": one_line(text).strip(), "kept": queued}, 201)


async def render_rejected(
    ctx: RequestContext, world: World, account: Account, text: str
) -> web.StreamResponse:
    """Return the end of the chat with a rejected text in the form and why it was not sent."""
    translate = request_language(ctx.request).gettext
    history_filter = HistoryFilter(world.id)
    page = await load_older(ctx.core.history, history_filter, None)
    payload = {"cursor": ctx.core.feed.head, **page.render(history_filter, public=False)}
    if len(text) > MAX_MESSAGE_LENGTH:
        status, error = 400, translate(N_("Not sent. The message is too long."))
    else:
        status, error = 403, translate(SHARED_MESSAGES[ErrorCode.INVALID_TOKEN][1])
    return render_chat(
        ctx, world, account, history_filter, payload, text=text, error=error, status=status
    )


def _line_id(line: ConsoleCommand | None) -> int | None:
    return None if line is None else line.id


def speaker_state(
    ctx: RequestContext, world: World, account: Account | None
) -> dict[str, Any] | None:
    """Return the name under which a member posts, all their names, and their queued messages."""
    if account is None:
        return None
    name = ctx.core.query(display_name_in_world, world_id=world.id, account=account)
    prefix = say_command(name, "")
    waiting = [
        {"line": line.id, "text": line.text.removeprefix(prefix)}
        for line in ctx.core.query(queued_commands, world=world.id)
        if line.username == name and line.text.startswith(prefix)
    ]
    return {"name": name, "names": [*account.usernames, name], "waiting": waiting}


def suggested_players(ctx: RequestContext, world: World) -> list[str]:
    """Return the names of the latest players, newest login first."""
    latest, count = ctx.core.query(latest_visitors, world=world.id, limit=MAX_SUGGESTIONS)
    if count < MAX_SUGGESTIONS:
        # Those of whom no login is known; there are few others to pass over.
        some = ctx.core.query(visitors_of_world, world=world.id, limit=MAX_SUGGESTIONS + count)
        latest += [visitor for visitor in some if visitor.last_login is None]
    return [visitor.name for visitor in latest[:MAX_SUGGESTIONS]]


ROUTES = (
    Route("GET", WORLD_PATH + "/chats", chat_page, auth=optional_login),
    Route("POST", WORLD_PATH + "/chats", send_message, auth=optional_login, reads_body=True),
)
