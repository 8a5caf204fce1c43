"""`game_room.php/updates`: tell members something, and hear what one is told."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.cursors import place_of, update_id
from coalserver.apis.multiplayer.membership import own_room
from coalserver.apis.multiplayer.memory import Remembered
from coalserver.apis.multiplayer.polls import asked_of, polled
from coalserver.apis.multiplayer.render import JSON, free, stamp, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.apis.multiplayer.targets import targets
from coalserver.apis.multiplayer.turns import chat_data, turn_data
from coalserver.core import topics
from coalserver.core.commands.messages import TURN, send_update
from coalserver.core.ports import Entry
from coalserver.core.queries.players import known_players
from coalserver.core.queries.rooms import finished_with, room_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import Target
from coalserver.domain.play.message_events import UpdateSent
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import RoomChat, TurnTaken
from coalserver.web.api import Call, Route

UPDATES = "/api/game_room.php/updates"
#: How many one poll gives, and how many entries it looks at in one go.
AT_ONCE, LOOK = 50, 200


async def send(call: Call) -> web.StreamResponse:
    """Tell members something: an update for each, also for one who is offline and hears it when he is back."""
    said: Said = call.body["said"]
    room = own_room(call)
    target, named = targets(said)
    kind = said.word("type")
    if not kind:
        raise missing("type")
    sent = await call.core.do(
        send_update,
        room_id=room.id,
        sender=call.caller.player,
        target=target,
        named=named,
        type=kind,
        data=said.free("data") or b"{}",
        with_away=True,
    )
    seal = call.core.setting.seal
    return well(
        {
            "updates_sent": len(sent),
            "update_ids": [
                update_id(seal, room.id, entry.event.target, entry.id) for entry in sent
            ],
            "target_players_ids": [entry.event.target for entry in sent],
        }
    )


async def poll(call: Call) -> web.StreamResponse:
    """What one was told after `last_update`, oldest first, from whom one wants to hear.

    Of a game that the rules have ended, what one has not heard yet; then one is in no room.
    """
    room, said = await _room_read(call), asked_of(call)
    reader = Reader(call, room, _wanted(call, said))
    given = next(
        (said.get(name) for name in ("last_update", "last_update_id") if said.get(name)), None
    )
    cursor = place_of(call.core.setting.seal, room.id, call.caller.player, str(given or ""))

    async def look() -> tuple[list[Entry], bool]:
        reader.room = await _room_read(call)
        found = await reader.after(cursor)
        if reader.room.id != room.id or (reader.room.over and not found):
            raise Refusal(Why.NOT_HERE)
        return found, bool(found)

    heard = (topics.updates(room.id, call.caller.player), topics.room_chat(room.id))
    found = await polled(call, room, heard, look)
    rows = [reader.row(entry) for entry in found]
    return well({"updates": rows, "last_update": rows[-1]["update_id"] if rows else given})


async def _room_read(call: Call) -> Room:
    """The room one plays in, or has just played in to its end."""
    player = call.caller.player
    room = call.core.see(room_with, player=player)
    if room is None:
        room = call.core.see(finished_with, player=player)
        # That it is over may be true before its last turn is said.
        await call.core.ledger.settled()
    if room is None:
        raise Refusal(Why.NOT_HERE)
    return room


@dataclass(frozen=True)
class Wanted:
    """From whom a reader wants to hear."""

    name: str
    senders: frozenset[int] = frozenset()

    def __call__(self, entry: Entry) -> bool:
        """Whether this is one of them. What never changes decides, so that what was passed over stays so."""
        event = entry.event
        if self.name == Target.ALL:
            return True
        if self.name == Target.SPECIFIC:
            return (event.sender if isinstance(event, UpdateSent) else event.player) in self.senders
        if not isinstance(event, UpdateSent):
            # A turn or a word of chat is no message of the host's or of the others': it is the game's.
            return True
        return bool(event.from_host) is (self.name == Target.HOST)


def _wanted(call: Call, said: Said) -> Wanted:
    """The filter asked for; the host's unless the client is so old that it knows no filter."""
    default = Target.ALL if call.request.method == "GET" else Target.HOST
    name = said.text("from_players").lower() or default
    if name not in tuple(Target):
        raise missing("unknown_source")
    if name != Target.SPECIFIC:
        return Wanted(name)
    known = call.core.see(known_players, ids=said.ids("from_players_ids") or ())
    if not known:
        raise missing("source_ids")
    return Wanted(name, frozenset(known))


class Reader:
    """One member who reads, with one filter."""

    def __init__(self, call: Call, room: Room, wanted: Wanted) -> None:
        self.call = call
        self.room = room
        self.wanted = wanted
        self.player = call.caller.player

    async def after(self, cursor: int) -> list[Entry]:
        """The oldest entries after the cursor that are for this reader.

        What was passed over is remembered, so that a filter that lets little through is not slow for it.
        """
        core, words = self.call.core, self.call.web.own(Remembered)
        read = (
            topics.updates(self.room.id, self.player),
            topics.room(self.room.id),
            topics.room_chat(self.room.id),
        )
        found: list[Entry] = []
        upto: int = max(cursor, words.get(self._seen(cursor)) or -1)
        while len(found) < AT_ONCE:
            entries, now = await core.entries(read, upto, LOOK)
            for entry in entries:
                if self._mine(entry):
                    found.append(entry)
                    if len(found) == AT_ONCE:
                        now = entry.id
                        break
            upto = max(upto, now)
            if len(entries) < LOOK:
                break
        words.put(self._seen(found[-1].id if found else cursor), upto)
        return found

    def row(self, entry: Entry) -> JSON:
        """An update as it goes out."""
        event = entry.event
        kind, data = self._said(event)
        seal = self.call.core.setting.seal
        sender = event.sender if isinstance(event, UpdateSent) else event.player
        return {
            "update_id": update_id(seal, self.room.id, self.player, entry.id),
            "from_player_id": str(sender),
            "type": kind,
            **free(self.call, "data", data),
            "created_at": stamp(entry.at),
        }

    def _said(self, event: Any) -> tuple[str, bytes]:
        if isinstance(event, UpdateSent):
            return event.type, event.data
        if isinstance(event, RoomChat):
            return "chat", chat_data(event)
        seat = self.room.roster.of(self.player).number
        return TURN, turn_data(event, self.call.core.setting.rules.get(event.game), seat)

    def _mine(self, entry: Entry) -> bool:
        """Whether an entry is for this reader: sent to him, or said while he sat here by another."""
        event = entry.event
        if isinstance(event, UpdateSent):
            return self.wanted(entry)
        if not isinstance(event, TurnTaken | RoomChat):
            return False
        if entry.at < self.room.roster.of(self.player).joined:
            return False
        ruled = isinstance(event, TurnTaken) and event.state is not None
        return (ruled or event.player != self.player) and self.wanted(entry)

    def _seen(self, cursor: int) -> tuple[object, ...]:
        """Under which name it is remembered how far this reader has looked."""
        return ("updates", self.room.id, self.player, self.wanted, cursor)


ROUTES = (
    Route("POST", UPDATES, send, BODY, auth.player, media=()),
    Route("POST", f"{UPDATES}/poll", poll, BODY, auth.player, media=()),
    Route("GET", f"{UPDATES}/poll", poll, who=auth.player),
)
