"""The relay of messages between the connected members of a room. Messages are not stored and not in the feed.

A message is rendered once for each client type. A slow client does not delay others: see `send_buffer`.
"""

from collections.abc import Collection
from typing import Any

from aiohttp import WSCloseCode

from coalserver.apis.multiplayer import realtime_messages
from coalserver.apis.multiplayer.errors import ban_info
from coalserver.apis.multiplayer.realtime_tokens import RealtimeToken, RealtimeTokens
from coalserver.apis.multiplayer.render import JSON, typed
from coalserver.apis.multiplayer.schemas import invalid_request, parse_ids
from coalserver.core import topics
from coalserver.core.ports import Topic
from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.games import get_game
from coalserver.domain.accounts.events import PlayerLoggedOut, TokenRevoked
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import PlayerBanned, RoomMemberLeft
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.web.context import AppContext
from coalserver.web.streaming.send_buffer import FlushScheduler, SendBuffer
from coalserver.web.streaming.websocket import WebSocketConnection

#: Seconds without a message or pong until a connection is closed. Clients send a heartbeat every 20 s.
IDLE_SECONDS = 75
#: Seconds without a message or pong until a ping is sent: a paused page still answers it.
PING_SECONDS = 25
#: Messages of one client in a second: how many are relayed, and above how many it is disconnected.
MAX_MESSAGES_PER_SECOND, FLOOD_MESSAGES_PER_SECOND = 500, 5_000

TOKEN_INVALIDATED = (WSCloseCode.POLICY_VIOLATION, "Token invalidated")
KICKED = (WSCloseCode.POLICY_VIOLATION, "You were kicked")
DISCONNECTED = (WSCloseCode.OK, "Player disconnect")
BANNED = (WSCloseCode.POLICY_VIOLATION, "You are banned")
ROOM_OVER = (WSCloseCode.OK, "Room cleanup")
IDLE = (WSCloseCode.OK, "Inactive timeout")
FLOODED = (WSCloseCode.POLICY_VIOLATION, "Too many messages")
STALLED = (WSCloseCode.TRY_AGAIN_LATER, "Too slow")
INTERNAL_ERROR = (WSCloseCode.INTERNAL_ERROR, "Internal server error")
STOPPING = (WSCloseCode.SERVICE_RESTART, "The server is stopping")


class Relay:
    """The connected members, by room and by player."""

    def __init__(self, web: AppContext) -> None:
        self.core = web.core
        self.timers = web.timers
        self.turn = FlushScheduler(web.timers, web.core.clocks.steady)
        self.tokens = RealtimeTokens(web.core)
        self._rooms: dict[int, dict[int, Member]] = {}
        self._member_by_player: dict[int, Member] = {}

    def add_member(
        self, realtime_token: RealtimeToken, client_type: str, socket: WebSocketConnection
    ) -> "Member":
        """Add a connection for the player of a token and close the player's earlier connection."""
        older = self._member_by_player.get(realtime_token.player)
        if older is not None:
            older.close(*TOKEN_INVALIDATED)
        member = Member(self, realtime_token, client_type, socket)
        self._member_by_player[realtime_token.player] = member
        self._rooms.setdefault(realtime_token.room, {})[realtime_token.player] = member
        return member

    def remove_member(self, member: "Member") -> None:
        """Remove a connection. Calling it twice is allowed."""
        if self._member_by_player.get(member.player) is not member:
            return
        del self._member_by_player[member.player]
        members = self._rooms[member.room]
        del members[member.player]
        if not members:
            del self._rooms[member.room]

    def find_member(self, player: int) -> "Member | None":
        """Return the connection of a player, or None."""
        return self._member_by_player.get(player)

    def members_in_room(self, room: int) -> "dict[int, Member]":
        """Return the connections in a room, by player."""
        return self._rooms[room]


class Member:
    """A connection: handler of its socket's messages, waiter of the feed and entry of the timers."""

    __slots__ = (
        "player", "room", "client_type", "code", "socket", "send",
        "_relay", "_core", "_clock", "_cursor", "_last_sign_at", "_second_started_at", "_count",
        "_send_buffer", "_sender", "_rendered_sender", "_timer",
    )  # fmt: skip

    def __init__(
        self,
        relay: Relay,
        realtime_token: RealtimeToken,
        client_type: str,
        socket: WebSocketConnection,
    ) -> None:
        self.player = realtime_token.player
        self.room = realtime_token.room
        self.client_type = client_type
        self.socket = socket
        self._relay = relay
        self._core = core = relay.core
        self.code = core.context.rng.randbytes(16).hex()
        self._clock = core.clocks.steady
        #: The time of the last message or pong, and the start of the second in which messages are counted.
        self._last_sign_at = self._second_started_at = self._clock()
        self._count = 0
        self._send_buffer = SendBuffer(socket, relay.turn)
        #: Send a frame; returns False if the client is too slow and the frame is dropped.
        self.send = self._send_buffer.send
        #: The player and whether they are the host, as in `_rendered_sender`.
        self._sender: tuple[Player | None, bool] = (None, False)
        self._rendered_sender = b""
        self._cursor = core.feed.head
        self._timer = relay.timers.add(self, PING_SECONDS)
        core.presence.hold(self.player)
        socket.handler = self
        self._add_waiter()

    def close(self, code: int, reason: str, *, at_once: bool = False) -> None:
        """Stop relaying to and from the member and close the socket with a reason."""
        self.socket.end(code, reason, at_once=at_once)

    def ended(self) -> None:
        """Release everything, since the socket ends. The player counts as active until now."""
        self._relay.remove_member(self)
        self._core.feed.unsubscribe(self._topics, self)
        self._relay.timers.cancel(self, self._timer)
        self._send_buffer.flush()
        self._core.release_connection(self.player)

    def wake(self) -> None:
        """Close the connection if an event of the player or the room has ended the membership."""
        if self.socket.code:
            return
        if self._core.feed.closed:
            return self.close(*STOPPING)
        cursor, self._cursor = self._cursor, self._core.feed.head
        for entry in self._core.feed.after((topics.player(self.player),), cursor, 1000):
            if isinstance(entry.event, TokenRevoked):
                return self.close(*TOKEN_INVALIDATED)
            if isinstance(entry.event, PlayerBanned):
                return self._close_banned(entry.event.game)
            if self._is_kick(entry.event):
                return self.close(*KICKED)
            if isinstance(entry.event, PlayerLoggedOut):
                return self.close(*DISCONNECTED)
        room = self._core.state.get(Room, self.room)
        if room is None or room.ended:
            return self.close(*ROOM_OVER)
        if self.player not in room.roster:
            return self.close(*DISCONNECTED)
        self._add_waiter()

    def _is_kick(self, event: object) -> bool:
        return (
            isinstance(event, RoomMemberLeft)
            and event.room == self.room
            and event.reason == "kicked"
        )

    def fail(self, error: Exception) -> None:
        """Close the connection after an internal error."""
        self.close(*INTERNAL_ERROR)

    def expire(self) -> None:
        """Send a ping after PING_SECONDS without a sign of life, and close after IDLE_SECONDS."""
        if self.socket.code:
            return
        silent_seconds = self._clock() - self._last_sign_at
        if silent_seconds >= IDLE_SECONDS:
            return self.close(*IDLE)
        left = PING_SECONDS - silent_seconds
        if left <= 0:
            self.socket.ping()
            left = min(PING_SECONDS, IDLE_SECONDS - silent_seconds)
        self._timer = self._relay.timers.add(self, max(left, 0.1))

    def text(self, raw: bytes) -> None:
        """Handle a text message. Errors are sent back to the client."""
        now = self._clock()
        if now - self._second_started_at >= 1:
            self._start_second(now)
        self._last_sign_at = now
        self._count += 1
        if self._count > MAX_MESSAGES_PER_SECOND:
            return self._reject_flood()
        try:
            payload = realtime_messages.parse_message(raw)
            kind = payload.get("type")
            if kind == "send":
                self._relay_message(payload)
            elif kind == "heartbeat":
                self.send(realtime_messages.heartbeat_ack_frame(now))
            else:
                raise invalid_request("frame_type")
        except DomainError as error:
            self.send(realtime_messages.error_frame(error))

    def binary(self) -> None:
        """Handle a binary message as an invalid message."""
        self.text(b"")

    def pong(self) -> None:
        """Count a pong as a sign of life: the connection stays open."""
        self._last_sign_at = self._clock()

    def missed(self, count: int) -> None:
        """Tell the client how many frames were dropped while it was too slow."""
        self.send(
            realtime_messages.error_frame(
                DomainError(ErrorCode.RATE_LIMITED, subject="missed", count=count)
            )
        )

    def stalled(self) -> None:
        """Disconnect a client that reads nothing, without waiting for the close handshake."""
        self.close(*STALLED, at_once=True)

    def _relay_message(self, params: dict[str, Any]) -> None:
        room = self._core.state.get(Room, self.room)
        if room is None:
            raise DomainError(ErrorCode.NOT_MEMBER)
        message = realtime_messages.Message.parse(params, self._render_sender(room))
        receivers = self._receivers(params, room)
        rendered: dict[str, bytes] = {}
        for receiver in receivers:
            # All of them first: it may be too long for one.
            if receiver.client_type not in rendered:
                rendered[receiver.client_type] = message.render(receiver.client_type)
        count = 0
        for receiver in receivers:
            count += receiver.send(rendered[receiver.client_type])
        self.send(realtime_messages.sent_frame(message.command, count))

    def _receivers(self, params: dict[str, Any], room: Room) -> "Collection[Member]":
        """Return the connected targets of a message, never the sender. Raises NO_TARGETS."""
        target = params.get("target")
        members = self._relay.members_in_room(self.room)
        if target is None or target == "all" or target == "others":
            return [member for member in members.values() if member is not self]
        if target == "host":
            receiver_ids = {room.roster.host}
        elif target == "specific":
            receiver_ids = target_ids(params) & set(room.roster)
            if not receiver_ids:
                raise DomainError(ErrorCode.NO_TARGETS)
        else:
            raise invalid_request("unknown_target")
        return [members[id] for id in receiver_ids if id in members and id != self.player]

    def _render_sender(self, room: Room) -> bytes:
        player = self._core.state.get(Player, self.player)
        is_host = room.roster.host == self.player
        known, was_host = self._sender
        if player is not known or is_host != was_host or not self._rendered_sender:
            self._sender, name = (player, is_host), "" if player is None else player.name
            self._rendered_sender = realtime_messages.render_sender(self.player, name, is_host)
        return self._rendered_sender

    def _start_second(self, now: float) -> None:
        self._second_started_at, self._count = now, 0
        if not self._core.presence.away(self.player):
            self._core.record_activity(self.player)

    def _close_banned(self, game: str) -> None:
        ban = find_active_ban(self._core.state, game=game, player=self.player, now=self._core.now)
        more: JSON = {} if ban is None else {"ban_info": ban_info(ban)}
        if get_game(self._core.state, game).typed:
            more = typed(more)
        self.send(realtime_messages.error_frame(DomainError(ErrorCode.BANNED), **more))
        self.close(*BANNED)

    def _reject_flood(self) -> None:
        if self._count > FLOOD_MESSAGES_PER_SECOND:
            self.close(*FLOODED)
        elif self._count == MAX_MESSAGES_PER_SECOND + 1:
            self.send(
                realtime_messages.error_frame(
                    DomainError(
                        ErrorCode.RATE_LIMITED, subject="frames", maximum=MAX_MESSAGES_PER_SECOND
                    )
                )
            )

    @property
    def _topics(self) -> tuple[Topic, Topic]:
        return topics.room(self.room), topics.player(self.player)

    def _add_waiter(self) -> None:
        self._core.feed.add_waiter(self._topics, self)


def target_ids(params: dict[str, Any]) -> set[int]:
    """Return the player ids in `target_ids`. Raises INVALID_REQUEST if there are none."""
    value = params.get("target_ids")
    ids = parse_ids(params.get("targetIds") if value is None else value)
    if ids is None:
        raise invalid_request("target_ids")
    if not ids:
        raise invalid_request("bad_target_ids")
    return set(ids)
