"""The plan: how much of everything."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers every benchmark goes by."""

    runs: int = 3
    #: How long rounds of a fan-out go on, at least.
    seconds: float = 2.0
    #: How many listen.
    crowds: tuple[int, ...] = (100, 1_000, 5_000)
    #: Requests of each kind.
    requests: int = 10_000
    #: Connections whose memory is measured.
    idle: int = 5_000
    #: Rooms a server starts with.
    rooms: int = 100_000
    #: Players on the leaderboard.
    players: int = 1_000_000
    #: Rooms of four in which realtime messages are relayed.
    relays: int = 1_000
    #: Lines of a log that are taken, and chats that are searched.
    lines: int = 100_000
    chats: int = 1_000_000
    #: Where data directories are made: a disk, if durable is to mean anything.
    under: Path | None = None


#: Enough to see whether something is off by half.
QUICK = Plan(
    runs=1,
    seconds=0.7,
    requests=3_000,
    rooms=10_000,
    players=100_000,
    relays=200,
    lines=20_000,
    chats=100_000,
)
