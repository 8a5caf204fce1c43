"""The plan: sizes of the benchmarks."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes used by the benchmarks."""

    runs: int = 3
    #: Shortest duration of a fan-out in seconds.
    seconds: float = 2.0
    #: Numbers of listeners.
    crowds: tuple[int, ...] = (100, 1_000, 5_000)
    #: Requests of each kind.
    requests: int = 10_000
    #: Connections whose memory is measured.
    idle: int = 5_000
    #: Rooms in the data directory of the restart benchmark.
    rooms: int = 100_000
    #: Players on the leaderboard.
    players: int = 1_000_000
    #: Rooms of four in which realtime messages are relayed.
    relays: int = 1_000
    #: Log lines that are ingested, and chats that are searched.
    lines: int = 100_000
    chats: int = 1_000_000
    #: Parent of the data directories; use a real disk to measure durable writes.
    under: Path | None = None


#: Enough to notice a difference of a half.
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
