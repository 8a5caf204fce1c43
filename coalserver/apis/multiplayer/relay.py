"""The relay: members of a room who hear one another at once. Nothing of it is kept, or on any feed.

A message is written once for each kind of receiver, however many there are, and nobody waits for
anybody: see `web/outbox.py`.
"""

from collections.abc import Collection
from typing import Any

from aiohttp import WSCloseCode

from coalserver.apis.multiplayer import realtime_messages
from coalserver.apis.multiplayer.errors import ban_info
from coalserver.apis.multiplayer.realtime_tokens import Pass, Passes
from coalserver.apis.multiplayer.schemas import Said, missing
from coalserver.core import topics
from coalserver.core.ports import Topic
from coalserver.core.queries.bans import ban_on
from coalserver.domain.accounts.events import PlayerBanned, SignedOut, TokenEnded
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.web.api import Web
from coalserver.web.streaming.send_buffer import Outbox, Turn
from coalserver.web.streaming.websocket import Socket

#: Seconds without a message after which a client is let go. It should say something every 20.
IDLE_SECONDS = 60
#: Messages of one client in a second: more are not relayed, and of much more it is let go.
MANY, TOO_MANY = 500, 5_000

TOKEN_INVALIDATED = (WSCloseCode.POLICY_VIOLATION, "Token invalidated")
DISCONNECTED = (WSCloseCode.OK, "Player disconnect")
BANNED = (WSCloseCode.POLICY_VIOLATION, "You are banned")
ROOM_OVER = (WSCloseCode.OK, "Room cleanup")
IDLE = (WSCloseCode.OK, "Inactive timeout")
FLOODED = (WSCloseCode.POLICY_VIOLATION, "Too many messages")
STALLED = (WSCloseCode.TRY_AGAIN_LATER, "Too slow")
FAULTY = (WSCloseCode.INTERNAL_ERROR, "Internal server error")
STOPPING = (WSCloseCode.SERVICE_RESTART, "The server is stopping")


class Relay:
    """Everyone who is connected, by room and player."""

    def __init__(self, web: Web) -> None:
        self.core = web.core
        self.timers = web.timers
        self.turn = Turn(web.timers, web.core.setting.clock)
        self.passes = Passes(web.core)
        self._rooms: dict[int, dict[int, Member]] = {}
        self._of: dict[int, Member] = {}

    def admit(self, held: Pass, form: str, socket: Socket) -> "Member":
        """The holder of a pass is connected; what connected him before is closed."""
        older = self._of.get(held.player)
        if older is not None:
            older.end(*TOKEN_INVALIDATED)
        member = Member(self, held, form, socket)
        self._of[held.player] = member
        self._rooms.setdefault(held.room, {})[held.player] = member
        return member

    def part(self, member: "Member") -> None:
        """This one hears nothing more. Safe to call twice."""
        if self._of.get(member.player) is not member:
            return
        del self._of[member.player]
        here = self._rooms[member.room]
        del here[member.player]
        if not here:
            del self._rooms[member.room]

    def member(self, player: int) -> "Member | None":
        """A player's connection, if he has one."""
        return self._of.get(player)

    def here(self, room: int) -> "dict[int, Member]":
        """Who is connected in a room, by player."""
        return self._rooms[room]


class Member:
    """One connection. Hears its socket, waits for what ends it, and is the timers' sleeper."""

    __slots__ = (
        "player", "room", "form", "code", "socket", "tell",
        "_relay", "_core", "_clock", "_cursor", "_heard", "_second", "_count", "_outbox", "_sender",
        "_timer",
    )  # fmt: skip

    def __init__(self, relay: Relay, held: Pass, form: str, socket: Socket) -> None:
        self.player = held.player
        self.room = held.room
        self.form = form
        self.socket = socket
        self._relay = relay
        self._core = core = relay.core
        self.code = core.setting.chance.randbytes(16).hex()
        self._clock = core.setting.clock
        #: When it last said something; since when that is counted, and how often it was.
        self._heard = self._second = core.now
        self._count = 0
        self._outbox = Outbox(socket, self, relay.turn)
        #: Send a frame; False where the client is too slow to have it.
        self.tell = self._outbox.put
        self._sender = ("", False, b"")
        self._cursor = core.feed.head
        self._timer = relay.timers.add(self, IDLE_SECONDS)
        self._enrol()

    def end(self, code: int, reason: str, *, at_once: bool = False) -> None:
        """Nothing more is relayed to or from this one, and its client is told why."""
        self._relay.part(self)
        self._core.feed.leave(self._topics, self)
        self._relay.timers.cancel(self, self._timer)
        self._outbox.flush()
        self.socket.end(code, reason, at_once=at_once)

    def wake(self) -> None:
        """Something has happened to the player or in the room: may he stay?"""
        if self.socket.ended.done():
            return
        if self._core.feed.closed:
            return self.end(*STOPPING)
        cursor, self._cursor = self._cursor, self._core.feed.head
        for entry in self._core.feed.after((topics.player(self.player),), cursor, 1000):
            if isinstance(entry.event, TokenEnded):
                return self.end(*TOKEN_INVALIDATED)
            if isinstance(entry.event, PlayerBanned):
                return self._banned(entry.event.game)
            if isinstance(entry.event, SignedOut):
                return self.end(*DISCONNECTED)
        room = self._core.state.get(Room, self.room)
        if room is None or room.over:
            return self.end(*ROOM_OVER)
        if self.player not in room.roster:
            return self.end(*DISCONNECTED)
        self._enrol()

    def fail(self, fault: Exception) -> None:
        self.end(*FAULTY)

    def expire(self) -> None:
        """A minute is over: has the client said anything in it?"""
        if self.socket.ended.done():
            return
        left = self._heard + IDLE_SECONDS - self._core.now
        if left <= 0:
            self.end(*IDLE)
        else:
            self._timer = self._relay.timers.add(self, max(left, 0.1))

    def text(self, raw: bytes) -> None:
        """The client says something."""
        now = self._clock()
        if now - self._second >= 1:
            self._new_second(now)
        self._heard = now
        self._count += 1
        if self._count > MANY:
            return self._flooded()
        try:
            said = realtime_messages.read(raw)
            kind = said.get("type")
            if kind == "send":
                self._send(said)
            elif kind == "heartbeat":
                self.tell(realtime_messages.heartbeat_ack(now))
            else:
                raise missing("frame_type")
        except Refusal as refusal:
            self.tell(realtime_messages.error(refusal))

    def binary(self) -> None:
        """Nothing here is binary; it counts like any message."""
        self.text(b"")

    def missed(self, count: int) -> None:
        """The client was too slow for so many frames, and is so no more."""
        self.tell(realtime_messages.error(Refusal(Why.RATE_LIMITED, what="missed", count=count)))

    def stalled(self) -> None:
        """The client takes nothing any more, so no word of farewell either."""
        self.end(*STALLED, at_once=True)

    def _send(self, said: dict[str, Any]) -> None:
        room = self._core.state.get(Room, self.room)
        if room is None:
            raise Refusal(Why.NOT_HERE)
        message = realtime_messages.Message.of(said, self._as_sender(room))
        receivers = self._receivers(said, room)
        written = {form: message.written(form) for form in {one.form for one in receivers}}
        count = 0
        for one in receivers:
            count += one.tell(written[one.form])
        self.tell(realtime_messages.sent(message.command, count))

    def _receivers(self, said: dict[str, Any], room: Room) -> "Collection[Member]":
        """Who of those connected is meant. Never the sender; never anyone of another room."""
        wanted = said.get("target")
        here = self._relay.here(self.room)
        if wanted is None or wanted == "all" or wanted == "others":
            return [one for one in here.values() if one is not self]
        if wanted == "host":
            meant = {room.roster.host}
        elif wanted == "specific":
            meant = named(Said(said)) & set(room.roster)
            if not meant:
                raise Refusal(Why.NO_TARGETS)
        else:
            raise missing("unknown_target")
        return [here[id] for id in meant if id in here and id != self.player]

    def _as_sender(self, room: Room) -> bytes:
        player = self._core.state.get(Player, self.player)
        name = "" if player is None else player.name
        leads = room.roster.host == self.player
        if self._sender[:2] != (name, leads):
            self._sender = (name, leads, realtime_messages.sender(self.player, name, leads))
        return self._sender[2]

    def _new_second(self, now: float) -> None:
        self._second, self._count = now, 0
        if not self._core.presence.away(self.player):
            self._core.heard(self.player)

    def _banned(self, game: str) -> None:
        ban = ban_on(self._core.state, game=game, player=self.player, now=self._core.now)
        more = {} if ban is None else {"ban_info": ban_info(ban)}
        self.tell(realtime_messages.error(Refusal(Why.BANNED), **more))
        self.end(*BANNED)

    def _flooded(self) -> None:
        if self._count > TOO_MANY:
            self.end(*FLOODED)
        elif self._count == MANY + 1:
            self.tell(realtime_messages.error(Refusal(Why.RATE_LIMITED, what="frames", most=MANY)))

    @property
    def _topics(self) -> tuple[Topic, Topic]:
        return topics.room(self.room), topics.player(self.player)

    def _enrol(self) -> None:
        self._core.feed.enrol(self._topics, self)


def named(said: Said) -> set[int]:
    """The players a client has named."""
    ids = said.ids("target_ids")
    if ids is None:
        raise missing("target_ids")
    if not ids:
        raise missing("bad_target_ids")
    return set(ids)
