"""Presence: when each player was last heard of. A time in memory, never a write of its own."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping


class Presence:
    """Players by their last sign of life: a call, a heartbeat, or a poll or socket that is open."""

    def __init__(self, last_seen: Mapping[int, float] | None = None) -> None:
        self._last_seen: dict[int, float] = dict(last_seen or {})
        self._present: OrderedDict[int, float] = OrderedDict()
        #: Who is away -> whether a seat of his may still be freed.
        self._away: dict[int, bool] = {}
        self._connections: dict[int, int] = {}
        #: Who has said himself that he goes, and nothing since.
        self._left: set[int] = set()

    def touch(self, player: int, now: float) -> bool:
        """The player is there. True if he was away until now."""
        self._last_seen[player] = now
        if self._left:
            self._left.discard(player)
        if player in self._away:
            del self._away[player]
            self._present[player] = now
            return True
        self._present[player] = now
        self._present.move_to_end(player)
        return False

    def last_seen_at(self, player: int, default: float = 0.0) -> float:
        """When the last sign came."""
        return self._last_seen.get(player, default)

    def online(self, player: int, now: float, within: float) -> bool:
        """Whether the last sign is young enough, or something of the player's is open."""
        if player in self._left:
            return False
        return player in self._connections or now - self._last_seen.get(player, 0.0) < within

    def away(self, player: int) -> bool:
        """Whether the player has gone silent and not come back."""
        return player in self._away

    def watch(self, player: int, now: float) -> None:
        """The player has a seat now, which somebody else may have given him: his silence counts."""
        if player in self._away or player in self._present:
            return
        if player not in self._last_seen:
            self.touch(player, now)
            return
        # Whom nobody watched has been silent for longer than all who are.
        self._present[player] = self._last_seen[player]
        self._present.move_to_end(player, last=False)

    def hold(self, player: int) -> None:
        """A poll or socket was opened: the player is there for as long as it is."""
        self._connections[player] = self._connections.get(player, 0) + 1

    def release(self, player: int, now: float) -> None:
        """A poll or socket was closed; silence counts from now."""
        remaining = self._connections.get(player, 0) - 1
        if remaining > 0:
            self._connections[player] = remaining
        else:
            self._connections.pop(player, None)
        if player not in self._left:
            self.touch(player, now)

    def leave(self, player: int) -> None:
        """The player says himself that he goes: silent at once, whatever is still open."""
        self._present.pop(player, None)
        self._away[player] = True
        self._left.add(player)

    def expire(self, now: float, within: float) -> list[int]:
        """The players who have just gone silent: no sign within that many seconds."""
        newly_away = []
        while self._present:
            player, at = next(iter(self._present.items()))
            if now - at < within:
                break
            del self._present[player]
            if player in self._connections:
                self._present[player] = now
                self._last_seen[player] = now
                continue
            self._away[player] = True
            newly_away.append(player)
        return newly_away

    def away_players(self) -> Iterable[int]:
        """Everyone who has gone silent and may still lose a seat for it."""
        return [player for player, pending in self._away.items() if pending]

    def stop_pending(self, player: int) -> None:
        """Nothing more happens to a silent player until he comes back."""
        if player in self._away:
            self._away[player] = False

    def unwatch(self, player: int) -> None:
        """Watch this one no more; the last sign stays known."""
        self._away.pop(player, None)
        self._present.pop(player, None)

    def resume(self, player: int, away: bool, now: float) -> None:
        """A restart counts as a sign of life, also from those who are marked away."""
        self._last_seen[player] = now
        if away:
            self._away[player] = True
        else:
            self.touch(player, now)

    def last_seen(self) -> Mapping[int, float]:
        """Every player's last sign."""
        return self._last_seen
