"""Presence: when each player was last active. Kept in memory and written with other changes only."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from sys import maxsize
from typing import Protocol

#: Seconds between two looks at an away player's seats at least.
LOOK_SECONDS = 0.5
#: Players that are resumed between two pauses.
RESUME_SIZE = 2000


class Holder(Protocol):
    """A connection that is asked whether its player is present, instead of reporting each of its polls."""

    @property
    def there(self) -> bool:
        """Whether a poll of the player is open on this connection."""

    def absent(self) -> None:
        """Handle that the player is away from now on: the next request must bring them back."""


class Presence:
    """Players by their last activity: a request, a heartbeat, or an open poll or socket."""

    def __init__(self, last_seen: Mapping[int, float] | None = None) -> None:
        self._last_seen: dict[int, float] = dict(last_seen or {})
        self._present: OrderedDict[int, float] = OrderedDict()
        self._away: set[int] = set()
        #: Away players of whom a seat may still be freed -> when that is looked at next.
        self._pending: dict[int, float] = {}
        #: The same as a heap of times and players; an entry counts if `_pending` has its time.
        self._looks: list[tuple[float, int]] = []
        self._connections: dict[int, int] = {}
        #: By player: one holder, or several.
        self._holders: dict[int, Holder | dict[Holder, None]] = {}
        #: Players who have logged out and not been active since.
        self._left: set[int] = set()

    def touch(self, player: int, now: float) -> bool:
        """Record activity of a player; return whether they were away until now."""
        self._last_seen[player] = now
        if self._left:
            self._left.discard(player)
        if player in self._away:
            self._away.discard(player)
            self._pending.pop(player, None)
            self._present[player] = now
            return True
        self._present[player] = now
        self._present.move_to_end(player)
        return False

    def last_seen_at(self, player: int, default: float = 0.0) -> float:
        """Return the time of the player's last activity."""
        return self._last_seen.get(player, default)

    def online(self, player: int, now: float, within: float) -> bool:
        """Return whether the player was active within that many seconds or has an open connection."""
        if player in self._left or player in self._away:
            return False
        if player in self._connections or now - self._last_seen.get(player, 0.0) < within:
            return True
        return player in self._holders and self._is_held(player)

    def away(self, player: int) -> bool:
        """Return whether the player is away."""
        return player in self._away

    def watch(self, player: int, now: float) -> None:
        """Watch a player who has taken a seat, so that they are marked away when they become inactive."""
        if player in self._away or player in self._present:
            return
        if player not in self._last_seen:
            self.touch(player, now)
            return
        # An unwatched player has been inactive for longer than any watched one.
        self._present[player] = self._last_seen[player]
        self._present.move_to_end(player, last=False)

    def hold(self, player: int) -> None:
        """Count an open poll or socket: the player is present as long as there is one."""
        self._connections[player] = self._connections.get(player, 0) + 1

    def release(self, player: int, now: float) -> None:
        """Remove a poll or socket from the count. Counts as activity."""
        remaining = self._connections.get(player, 0) - 1
        if remaining > 0:
            self._connections[player] = remaining
        else:
            self._connections.pop(player, None)
        if player not in self._left:
            self.touch(player, now)

    def attach(self, player: int, holder: Holder) -> None:
        """Ask a holder from now on whether the player is present."""
        holders = self._holders.get(player)
        if holders is None:
            self._holders[player] = holder
        elif isinstance(holders, dict):
            holders[holder] = None
        else:
            self._holders[player] = {holders: None, holder: None}

    def detach(self, player: int, holder: Holder) -> None:
        """Stop asking a holder. This alone is no activity: see `sign`."""
        holders = self._holders.get(player)
        if isinstance(holders, dict):
            holders.pop(holder, None)
            if not holders:
                del self._holders[player]
        elif holders is holder:
            del self._holders[player]

    def sign(self, player: int, now: float) -> bool:
        """Record activity that a holder reports; return whether it counts: a player who is away stays away."""
        if player in self._away or player in self._left:
            return False
        self._last_seen[player] = now
        self._present[player] = now
        self._present.move_to_end(player)
        return True

    def leave(self, player: int) -> None:
        """Mark a player away who logs out, even if connections of theirs are open."""
        self._present.pop(player, None)
        self._away.add(player)
        self.look_at(player, 0.0)
        self._left.add(player)
        self._tell_holders(player)

    def is_silent(self, now: float, within: float) -> bool:
        """Return whether `expire` has anything to do."""
        return bool(self._present) and now - next(iter(self._present.values())) >= within

    def expire(self, now: float, within: float, limit: int = maxsize) -> list[int]:
        """Mark players away who were not active within that many seconds, and return them.

        Handles at most `limit` players, of whom some may be present by an open connection.
        """
        newly_away: list[int] = []
        for _ in range(limit):
            if not self.is_silent(now, within):
                break
            player = next(iter(self._present))
            del self._present[player]
            if player in self._connections or self._is_held(player):
                self._present[player] = now
                self._last_seen[player] = now
                continue
            self._away.add(player)
            self.look_at(player, now)
            newly_away.append(player)
            self._tell_holders(player)
        return newly_away

    def away_players(self) -> Iterable[int]:
        """Return the away players whose seats may still be freed."""
        return list(self._pending)

    def is_pending(self, player: int) -> bool:
        """Return whether a seat of an away player may still be freed."""
        return player in self._pending

    def look_at(self, player: int, at: float) -> None:
        """Let `take_pending` return an away player from that time on: of the steady clock."""
        self._pending[player] = at
        heappush(self._looks, (at, player))

    def take_pending(self, now: float, limit: int) -> list[int]:
        """Return up to `limit` away players whose seats are to be looked at now.

        The next look is LOOK_SECONDS later unless `look_at` sets another time.
        """
        taken: list[int] = []
        while self._looks and self._looks[0][0] <= now and len(taken) < limit:
            at, player = heappop(self._looks)
            if self._pending.get(player) == at:
                self.look_at(player, now + LOOK_SECONDS)
                taken.append(player)
        return taken

    def stop_pending(self, player: int) -> None:
        """Remove an away player from those whose seats may be freed."""
        self._pending.pop(player, None)

    def unwatch(self, player: int) -> None:
        """Stop watching a player. The time of their last activity is kept."""
        self._away.discard(player)
        self._pending.pop(player, None)
        self._present.pop(player, None)

    def forget(self, player: int) -> None:
        """Drop the time of a deleted player's last activity."""
        self.unwatch(player)
        self._left.discard(player)
        self._last_seen.pop(player, None)

    def resume(self, player: int, away: bool, now: float) -> None:
        """Watch a player again after a restart, which counts as activity."""
        self._last_seen[player] = now
        if away:
            self._away.add(player)
            self.look_at(player, now)
        else:
            self.touch(player, now)

    def resume_all(self, now: float) -> Iterator[None]:
        """Count an interruption of the server or a step of the clock as activity of all watched players.

        Other requests may run after each piece of RESUME_SIZE players; `expire` may not.
        """
        present = self._present
        for number, player in enumerate([*present, *self._away], 1):
            if player in present:
                self._last_seen[player] = present[player] = now
                present.move_to_end(player)
            elif player in self._away:
                self._last_seen[player] = now
            if number % RESUME_SIZE == 0:
                yield

    def _is_held(self, player: int) -> bool:
        """Return whether a poll of the player is open with any of the holders."""
        holders = self._holders.get(player)
        if isinstance(holders, dict):
            return any(holder.there for holder in holders)
        return holders is not None and holders.there

    def _tell_holders(self, player: int) -> None:
        holders = self._holders.get(player)
        if isinstance(holders, dict):
            for holder in tuple(holders):
                holder.absent()
        elif holders is not None:
            holders.absent()
