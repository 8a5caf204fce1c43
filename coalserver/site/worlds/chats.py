"""Chats: what is said and done in a world, live and from its beginning, and saying something there."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.worlds import name_in_world, say_in_world
from coalserver.core.engine import Repeat
from coalserver.core.queries.worlds import visitors_of, waiting_for
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.visitor import ConsoleLine, one_line, said_as
from coalserver.domain.minecraft.world import Status, World
from coalserver.site.access import for_members, for_readers, path_of, speaks_json
from coalserver.site.worlds.context import frame
from coalserver.site.worlds.history import KINDS, Piece, piece_asked, sieve_of
from coalserver.site.worlds.world import WORLD
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, leads_to, own_form, signed_in
from coalserver.web.pages.i18n import N_
from coalserver.web.responses import document
from coalserver.web.streaming.subscriptions import CURSOR

#: Characters of one message; the game itself takes 256 from its players.
LONGEST = 500
LONGEST_KEY = 200
#: Names that a field suggests.
SUGGESTED = 200
CHOICES = {
    "": N_("Everything"),
    "chat": N_("Chat"),
    "visit": N_("Joins and leaves"),
    "death": N_("Deaths"),
    "achievement": N_("Advancements"),
}
assert CHOICES.keys() == KINDS.keys()


@for_readers
async def see_chats(call: Call, world: World, account: Account | None) -> web.StreamResponse:
    """The chat of a world; a script gets a piece of its history."""
    # First: what is said while the history is read is heard again, and known by its id.
    cursor, public, script = call.core.feed.head, account is None, speaks_json(call)
    sieve = sieve_of(call, world, strict=script)
    # That somebody with an e-mail has spoken is not the public's to find out.
    known = not (public and "@" in sieve.player)
    piece = await piece_asked(call, sieve, strict=script) if known else Piece([])
    said = {"cursor": cursor, **piece.told(sieve, public=public)}
    if script:
        return document(said, 200, {CURSOR: str(cursor), "Cache-Control": "no-store"})
    context = {
        **frame(call, world, account, "chats"),
        "sieve": sieve,
        "choices": CHOICES,
        "players": suggested(call, world) if account else [],
        "first": {**said, "me": speaker(call, world, account)},
        "longest": LONGEST,
    }
    return form_page(call, "worlds/chats.html", context)


@for_members
async def say(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Say something in a world; where it does not run, it is kept until it does."""
    text = dict(await own_form(call)).get("chat", "")
    if len(text) > LONGEST:
        raise Refusal(Why.MALFORMED, fields={"chat": ["Too long."]})
    key = call.request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY:
        raise Refusal(Why.MALFORMED, fields={"Idempotency-Key": ["Too long."]})
    asked = {"world_id": world.id, "account": account.id, "text": text}
    if key:
        repeat = Repeat.of(f"account {account.id}", key, str(world.id).encode(), text.encode())
        line = await call.core.do_once(repeat, say_in_world, _number, **asked)
    else:
        line = _number(await call.core.do(say_in_world, **asked))
    if not speaks_json(call):
        return leads_to(path_of(world) + "/chats")
    kept = world.status is not Status.RUNNING
    return document({"line": line, "text": one_line(text).strip(), "kept": kept}, 201)


def _number(line: ConsoleLine | None) -> int | None:
    return None if line is None else line.id


def speaker(call: Call, world: World, account: Account | None) -> dict[str, Any] | None:
    """As whom a member speaks in a world, who he is there, and what he has said that waits."""
    if account is None:
        return None
    name = call.core.see(name_in_world, world=world.id, account=account)
    before = said_as(name, "")
    waiting = [
        {"line": line.id, "text": line.text.removeprefix(before)}
        for line in call.core.see(waiting_for, world=world.id)
        if line.username == name and line.text.startswith(before)
    ]
    return {"name": name, "names": [*account.usernames, name], "waiting": waiting}


def suggested(call: Call, world: World) -> list[str]:
    """The names of those who were in a world last."""
    found = call.core.see(visitors_of, world=world.id)
    found.sort(key=lambda visitor: visitor.last_login or 0.0, reverse=True)
    return [visitor.name for visitor in found[:SUGGESTED]]


ROUTES = (
    Route("GET", WORLD + "/chats", see_chats, who=signed_in),
    Route("POST", WORLD + "/chats", say, who=signed_in),
)
