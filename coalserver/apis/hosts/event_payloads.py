"""How events sound in this dialect, and who hears which. The same words go to sockets and to polls."""

import base64
from collections.abc import Callable
from typing import Any

import orjson

from coalserver.apis.hosts import render
from coalserver.core import topics
from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.message_events import CommandSent, FrameSent, StateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import PlayerEntered, PlayerLeft, RoomClosed
from coalserver.domain.play.synced_state import EVERY, Truth
from coalserver.web.responses import embedded
from coalserver.web.streaming.render_cache import Words
from coalserver.web.streaming.subscriptions import Newest, Subscription

Teller = Callable[[Entry], bytes | None]


class Binary(bytes):
    """Words that are no text: on a socket they go as they came."""


def hearing(core: Core, words: Words, session: int, player: int, *, binary: bool) -> Subscription:
    """What a player hears of a session, as far as has been said: all while he sits there, else how he left."""
    room = core.shown(Room, session)
    if room is None:
        raise Refusal(Why.ROOM_NOT_FOUND)
    own = topics.player(player)
    if player not in room.roster:
        audience = ("left", session, player)
        return Subscription((own,), audience, _leaving(core, session, player), over=True)
    truth = topics.truth(session)
    return Subscription(
        (topics.room(session), topics.commands(session), topics.updates(session, player), truth),
        (session, player, binary),
        _teller(core, words, player, binary),
        own,
        room.over,
        Newest(truth, _due(player), lambda: newest(core, words, session)),
    )


def newest(core: Core, words: Words, session: int) -> tuple[int, bytes] | None:
    """The state as it was last said, and the entry that said it; None before there is one."""
    truth = core.shown(Truth, session)
    if truth is None:
        return None
    made = words.once(("hosts state", session, truth.version), lambda: state_words(truth))
    return truth.entry, made


def state_words(truth: Truth) -> bytes:
    return _dumped(truth.entry, {"type": "state", **render.version(truth)})


def tell(core: Core, entry: Entry) -> bytes | None:
    """The words for all who hear of this."""
    say = WORDS.get(type(entry.event))
    return None if say is None else _dumped(entry.id, say(core, entry.event))


def _teller(core: Core, words: Words, player: int, binary: bool) -> Teller:
    """The words for one member, who is not told what he did himself."""

    def told(entry: Entry) -> bytes | None:
        event = entry.event
        author = AUTHORS.get(type(event))
        if author is not None and getattr(event, author) == player:
            return None
        if binary and isinstance(event, FrameSent):
            return Binary(base64.b64decode(event.data))
        return words.once(("hosts", entry.id), lambda: tell(core, entry))

    return told


def _leaving(core: Core, session: int, player: int) -> Teller:
    def told(entry: Entry) -> bytes | None:
        return tell(core, entry) if parts(entry, session, player) else None

    return told


def parts(entry: Entry, session: int, player: int) -> bool:
    """Whether this is how a player left a session."""
    event = entry.event
    return isinstance(event, PlayerLeft) and (event.room, event.player) == (session, player)


def _due(player: int) -> Callable[[list[Entry]], bool]:
    """Whether somebody else has changed the state wholly, or so often that the whole is shorter."""

    def due(entries: list[Entry]) -> bool:
        others = [entry.event for entry in entries if entry.event.by != player]
        return len(others) > EVERY or any(event.patch is None for event in others)

    return due


def _dumped(id: int, said: render.JSON) -> bytes:
    return orjson.dumps({"id": id, **said}, default=embedded)


Say = Callable[[Core, Any], render.JSON]


def _command(core: Core, event: CommandSent) -> render.JSON:
    said = {"type": "command", "name": event.name, "data": event.data}
    return {**said, "from": render.name_of(core.state, event.sender)}


def _left(core: Core, event: PlayerLeft) -> render.JSON:
    who = render.name_of(core.state, event.player)
    return {"type": "left", "player": who, "reason": event.how}


WORDS: dict[type, Say] = {
    PlayerEntered: lambda core, event: {
        "type": "joined",
        "player": render.name_of(core.state, event.player),
    },
    PlayerLeft: _left,
    StateChanged: lambda core, event: {
        "type": "update",
        "version": event.version,
        "patch": event.patch,
    },
    CommandSent: _command,
    FrameSent: lambda core, event: {
        "type": "binary",
        "from": render.name_of(core.state, event.sender),
        "data": event.data,
    },
    RoomClosed: lambda core, event: {"type": "ended", "reason": event.ending},
}
#: Events that all hear but the one who caused them.
AUTHORS: dict[type, str] = {
    PlayerEntered: "player",
    StateChanged: "by",
    CommandSent: "sender",
    FrameSent: "sender",
}
