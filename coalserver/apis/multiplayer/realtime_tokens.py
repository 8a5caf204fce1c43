"""Passes: what opens a realtime socket, once. Kept in memory only: after a restart a client asks again."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

from coalserver.core.engine import Core
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room

#: Random bytes of a pass: 64 hex digits.
BYTES = 32
#: Passes remembered after their end: a client is told that its token was good once.
SPENT = 10_000


@dataclass(frozen=True, slots=True)
class Pass:
    """Lets a player into the relay of one room, for as long as he sits there and keeps his key."""

    token: str
    player: int
    room: int
    #: The digest of the private key with which it was asked for.
    key: str


class Passes:
    """At most one pass for each player."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._held: OrderedDict[str, Pass] = OrderedDict()
        self._of: dict[int, str] = {}
        self._spent: OrderedDict[str, None] = OrderedDict()

    def issue(self, player: Player, room: Room) -> str:
        """The pass of a player: the same one until it is used."""
        self._sweep()
        held = self._held.get(self._of.get(player.id, ""))
        if held is not None and held.room == room.id and self.good(held):
            return held.token
        self.revoke(player.id)
        token = self._core.setting.chance.randbytes(BYTES).hex()
        self._held[token] = Pass(token, player.id, room.id, player.key)
        self._of[player.id] = token
        return token

    def find(self, token: str) -> Pass | None:
        """The pass, if it would open a socket now."""
        held = self._held.get(token)
        return held if held is not None and self.good(held) else None

    def use(self, token: str) -> Pass | None:
        """The pass, this once; None for one that opens nothing, or nothing any more."""
        held = self.find(token)
        if token in self._held:
            self._drop(token)
        return held

    def revoke(self, player: int) -> bool:
        """A player's pass opens nothing any more; gives whether he had one."""
        token = self._of.get(player)
        if token is not None:
            self._drop(token)
        return token is not None

    def spent(self, token: str) -> bool:
        """Whether there was such a pass."""
        return token in self._spent

    def good(self, held: Pass) -> bool:
        """Whether its holder still plays where it leads, with the same key."""
        player = self._core.state.get(Player, held.player)
        room = self._core.state.get(Room, held.room)
        return (
            player is not None
            and player.key == held.key
            and room is not None
            and room.realtime
            and not room.over
            and player.id in room.roster
        )

    def _drop(self, token: str) -> None:
        held = self._held.pop(token)
        del self._of[held.player]
        self._spent[token] = None
        if len(self._spent) > SPENT:
            self._spent.popitem(last=False)

    def _sweep(self) -> None:
        """Look at the two that were looked at longest ago: more go than come."""
        for token in list(islice(self._held, 2)):
            if self.good(self._held[token]):
                self._held.move_to_end(token)
            else:
                self._drop(token)
