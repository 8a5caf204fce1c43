"""Sessions: launch one, join one, and follow one without a socket."""

from aiohttp import web

from coalserver.apis.hosts import messages, render
from coalserver.apis.hosts.auth import Hosting, only_of, player, still_good, the_host
from coalserver.apis.hosts.event_payloads import hearing, parts
from coalserver.apis.hosts.schemas import JOINING, LAUNCHING, MESSAGE
from coalserver.core import topics
from coalserver.core.commands import hosts
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import Truth
from coalserver.web.api import Call, Route
from coalserver.web.body import read_body
from coalserver.web.endpoint import heard
from coalserver.web.idempotency import do_once
from coalserver.web.responses import document
from coalserver.web.streaming.subscriptions import CURSOR, Subscription, first_cursor
from coalserver.web.streaming.transports import listened

SESSION = "/sessions/{session}"


async def launch(call: Call) -> web.StreamResponse:
    """Begin a session; the key of its source of truth is shown this once."""
    host = the_host(call, call.body["host"])
    only_of(call.caller, host)
    room, secret = await call.core.do(hosts.launch, host=host.id)
    said = {"session_id": room.id, "source_of_truth_key": render.key(secret)}
    return document(said, 201, render.location(call, room.id))


async def join(call: Call) -> web.StreamResponse:
    """Sit down in the session of a host; a guest without a name is given one, and a token."""
    try:
        body, _ = await read_body(call.request, JOINING, call.route.media)
    except Refusal:
        # Who has no token is told so first, whatever he has sent.
        player(call)
        raise
    if body["guest"].strip().upper() == render.NONAME:
        return await _join_unnamed(call, body["host"])
    call.caller = player(call)
    await heard(call)
    only_of(call.caller, the_host(call, body["guest"], Why.NOT_YOURS))
    host = the_host(call, body["host"])
    room = await call.core.do(hosts.join_host, host=host.id, guest=call.caller.player)
    return document({"session_id": room.id}, headers=render.location(call, room.id))


async def _join_unnamed(call: Call, uuid: str) -> web.StreamResponse:
    host = the_host(call, uuid)
    room, guest, token = await call.core.do(hosts.join_host_unnamed, host=host.id)
    call.core.heard(guest.id)
    said = {
        "session_id": room.id,
        "player": render.name_of(call.core.state, guest.id),
        "token": token,
    }
    return document(said, headers=render.location(call, room.id))


def room_of(call: Call, session: int) -> Room:
    """A session as those who listen know it, over or not; refuses a room of another API."""
    room = call.core.shown(Room, session)
    if room is None or room.game != call.web.service(Hosting).game or not room.authority:
        raise Refusal(Why.ROOM_NOT_FOUND)
    return room


async def get(call: Call) -> web.StreamResponse:
    """A session with its state, for its members; listen from the cursor on."""
    room = room_of(call, call.number("session"))
    room.running()
    room.roster.of(call.caller.player)
    cursor = {CURSOR: str(call.core.feed.head)}
    truth = call.core.shown(Truth, room.id)
    return document(render.session(call.core.state, room, truth), headers=cursor)


async def events(call: Call) -> web.StreamResponse:
    """What happens in a session, for its members. Of one that ended or was left, what is unheard."""
    session, core, caller = room_of(call, call.number("session")).id, call.core, call.caller

    def subscribe() -> Subscription:
        still_good(core, caller)
        return hearing(core, call.web.words, session, caller.player, binary=False)

    await core.ledger.settled()
    subscription = subscribe()
    if subscription.over:
        await _unheard(call, session, subscription)
    return await listened(call, subscribe)


async def _unheard(call: Call, session: int, subscription: Subscription) -> None:
    """Refuse who has heard how this session ended for him, or never was in it."""
    cursor, who = first_cursor(call), call.caller.player
    here = topics.room(session) in subscription.topics
    while True:
        found, upto = await call.core.entries(subscription.topics, cursor, 100)
        if any(here or parts(entry, session, who) for entry in found):
            return
        if len(found) < 100:
            raise Refusal(Why.ROOM_OVER if here else Why.NOT_HERE)
        cursor = upto


async def say(call: Call) -> web.StreamResponse:
    """A message, as on a socket, from one who has none."""
    kind, members = messages.understood(call.body["value"])
    room = room_of(call, call.number("session"))
    asked = messages.asked(call.core, room.id, call.caller.player, kind, members)
    if asked is None:
        return document({"type": "pong"})
    command, what = asked
    return document(messages.made(kind, await do_once(call, command, **what)))


ROUTES = (
    Route("POST", "/sessions", launch, LAUNCHING, player),
    Route("POST", "/sessions/players", join),
    Route("GET", SESSION, get, who=player, name="session"),
    Route("GET", SESSION + "/events", events, who=player),
    Route("POST", SESSION + "/messages", say, MESSAGE, player),
)
