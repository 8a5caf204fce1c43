"""Passes: what opens a realtime socket, once. Kept in memory only: after a restart a client asks again."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

from coalserver.core.engine import Core
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room

#: Random bytes of a pass: 64 hex digits.
TOKEN_BYTES = 32
#: Passes remembered after their end: a client is told that its token was good once.
MAX_USED_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class RealtimeToken:
    """Lets a player into the relay of one room, for as long as he sits there and keeps his key."""

    token: str
    player: int
    room: int
    #: The digest of the private key with which it was asked for.
    key_digest: str


class RealtimeTokens:
    """At most one pass for each player."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tokens: OrderedDict[str, RealtimeToken] = OrderedDict()
        self._token_by_player: dict[int, str] = {}
        self._used: OrderedDict[str, None] = OrderedDict()

    def issue(self, player: Player, room: Room) -> str:
        """The pass of a player: the same one until it is used."""
        self._delete_invalid()
        realtime_token = self._tokens.get(self._token_by_player.get(player.id, ""))
        if (
            realtime_token is not None
            and realtime_token.room == room.id
            and self.is_valid(realtime_token)
        ):
            return realtime_token.token
        self.revoke(player.id)
        token = self._core.context.rng.randbytes(TOKEN_BYTES).hex()
        self._tokens[token] = RealtimeToken(token, player.id, room.id, player.secret_digest)
        self._token_by_player[player.id] = token
        return token

    def find(self, token: str) -> RealtimeToken | None:
        """The pass, if it would open a socket now."""
        realtime_token = self._tokens.get(token)
        return (
            realtime_token if realtime_token is not None and self.is_valid(realtime_token) else None
        )

    def use(self, token: str) -> RealtimeToken | None:
        """The pass, this once; None for one that opens nothing, or nothing any more."""
        realtime_token = self.find(token)
        if token in self._tokens:
            self._delete(token)
        return realtime_token

    def revoke(self, player: int) -> bool:
        """A player's pass opens nothing any more; gives whether he had one."""
        token = self._token_by_player.get(player)
        if token is not None:
            self._delete(token)
        return token is not None

    def was_used(self, token: str) -> bool:
        """Whether there was such a pass."""
        return token in self._used

    def is_valid(self, realtime_token: RealtimeToken) -> bool:
        """Whether its holder still plays where it leads, with the same key."""
        player = self._core.state.get(Player, realtime_token.player)
        room = self._core.state.get(Room, realtime_token.room)
        return (
            player is not None
            and player.secret_digest == realtime_token.key_digest
            and room is not None
            and room.realtime
            and not room.ended
            and player.id in room.roster
        )

    def _delete(self, token: str) -> None:
        realtime_token = self._tokens.pop(token)
        del self._token_by_player[realtime_token.player]
        self._used[token] = None
        if len(self._used) > MAX_USED_TOKENS:
            self._used.popitem(last=False)

    def _delete_invalid(self) -> None:
        """Look at the two that were looked at longest ago: more go than come."""
        for token in list(islice(self._tokens, 2)):
            if self.is_valid(self._tokens[token]):
                self._tokens.move_to_end(token)
            else:
                self._delete(token)
