"""Realtime tokens. Each opens one connection. They are in memory only: a restart invalidates them."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

from coalserver.core.engine import Core
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room

#: Random bytes of a token, written as 64 hex digits.
TOKEN_BYTES = 32
#: Used and revoked tokens kept, so that their close reason differs from that of unknown tokens.
MAX_USED_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class RealtimeToken:
    """A token for one room, valid while its player is a member and keeps the same private key."""

    token: str
    player: int
    room: int
    #: The digest of the private key that requested the token.
    key_digest: str


class RealtimeTokens:
    """The valid tokens, at most one for each player."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tokens: OrderedDict[str, RealtimeToken] = OrderedDict()
        self._token_by_player: dict[int, str] = {}
        self._used: OrderedDict[str, None] = OrderedDict()

    def issue(self, player: Player, room: Room) -> str:
        """Return the token of a player in a room; the same until it is used."""
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
        """Return a token if it is valid, otherwise None."""
        realtime_token = self._tokens.get(token)
        return (
            realtime_token if realtime_token is not None and self.is_valid(realtime_token) else None
        )

    def use(self, token: str) -> RealtimeToken | None:
        """Return a token if it is valid and invalidate it, otherwise return None."""
        realtime_token = self.find(token)
        if token in self._tokens:
            self._delete(token)
        return realtime_token

    def revoke(self, player: int) -> bool:
        """Invalidate the token of a player; return whether there was one."""
        token = self._token_by_player.get(player)
        if token is not None:
            self._delete(token)
        return token is not None

    def was_used(self, token: str) -> bool:
        """Return whether a token was valid before."""
        return token in self._used

    def is_valid(self, realtime_token: RealtimeToken) -> bool:
        """Return whether the player is still a member of the room, with the same private key."""
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
        """Delete invalid tokens among the two checked longest ago: at most one token is added per call."""
        for token in list(islice(self._tokens, 2)):
            if self.is_valid(self._tokens[token]):
                self._tokens.move_to_end(token)
            else:
                self._delete(token)
