"""What the files of a Minecraft world say about it: version, age, time of day, weather."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coalserver.hosting.child_files import open_regular
from coalserver.hosting.nbt import Compound, InvalidNbt, Value, find, read_gzipped
from coalserver.hosting.save_errors import SaveError

LEVEL = "level.dat"
TICKS_PER_DAY = 24_000
#: Folders of 26.x with the clock and the weather. Paper keeps the live files in the first (minecraft.md, 1.9).
DATA_FOLDERS = (Path("dimensions/minecraft/overworld/data/minecraft"), Path("data/minecraft"))


class InvalidLevel(SaveError):
    """A `level.dat` that is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """What is known of a world as of its last save. None: the files do not say it."""

    #: Minecraft version that saved the world last, such as `1.20.1`; empty before 1.9.
    version: str = ""
    #: Ticks that the world has run, and ticks on its clock.
    age: int | None = None
    clock: int | None = None
    raining: bool | None = None
    thundering: bool | None = None

    @property
    def day(self) -> int | None:
        """The number of days that have passed."""
        return None if self.clock is None else self.clock // TICKS_PER_DAY

    @property
    def time_of_day(self) -> int | None:
        """Ticks since 6:00 in the morning, below 24,000."""
        return None if self.clock is None else self.clock % TICKS_PER_DAY


def read_level(world: Path) -> LevelFacts:
    """Return the facts of a world's folder. Raises InvalidLevel.

    Blocks; call it in a thread. Since 26.1 the clock and the weather have files of their own; they are left out
    if they cannot be read.
    """
    try:
        with open_regular(world, LEVEL) as file:
            facts = parse_level(file)
    except OSError as error:
        raise InvalidLevel(f"level.dat cannot be opened: {error.strerror}") from error
    clock, weather = facts.clock, (facts.raining, facts.thundering)
    for content in _read_first(world, "world_clocks.dat"):
        clock = _whole(find(content, "data", "minecraft:overworld", "total_ticks"))
    for content in _read_first(world, "weather.dat"):
        weather = (
            _flag(find(content, "data", "raining")),
            _flag(find(content, "data", "thundering")),
        )
    return LevelFacts(facts.version, facts.age, clock, *weather)


def parse_level(file: IO[bytes]) -> LevelFacts:
    """Return the facts in a `level.dat`. Raises InvalidLevel, OSError."""
    try:
        root = read_gzipped(file)
    except InvalidNbt as error:
        raise InvalidLevel(f"level.dat does not open: {error}") from error
    if not isinstance(root.get("Data"), dict):
        raise InvalidLevel("level.dat does not open: it describes no world")
    version = find(root, "Data", "Version", "Name")
    return LevelFacts(
        version if isinstance(version, str) else "",
        _whole(find(root, "Data", "Time")),
        _whole(find(root, "Data", "DayTime")),
        _flag(find(root, "Data", "raining")),
        _flag(find(root, "Data", "thundering")),
    )


def _read_first(world: Path, name: str) -> Iterator[Compound]:
    """Yield the first readable file with this name, if there is one."""
    for folder in DATA_FOLDERS:
        try:
            with open_regular(world, folder / name) as file:
                content = read_gzipped(file)
        except (OSError, InvalidNbt):
            continue
        yield content
        return


def _whole(value: Value | None) -> int | None:
    return value if isinstance(value, int) else None


def _flag(value: Value | None) -> bool | None:
    return bool(value) if isinstance(value, int) else None
