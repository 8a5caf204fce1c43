"""Lines, visits and screenshots for stores."""

from typing import Any

from coalserver.core.ports import Batch, NewLogLine, Store
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.log.kinds import TAGS, LineKind
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark

#: Some whole second.
NOON = 1_700_000_000.0


def make_line(id: int, text: str = "", at: float | None = NOON, **parts: Any) -> LogLine:
    """A line that says nothing in particular; of a time it has the tag, unless others are given."""
    kind = parts.pop("kind", LineKind.UNKNOWN)
    tags = ("timestamp", *TAGS.get(kind, ("unknown",))) if at is not None else ("unknown",)
    given = {"world": 1, "line": text, "kind": kind, "tags": tags, "created": NOON, **parts}
    return LogLine(id, at=at, **given)


def make_chat(
    id: int, text: str, at: float | None = NOON, name: str = "Ada", **parts: Any
) -> LogLine:
    line = f"[12:00:00] [Server thread/INFO]: <{name}> {text}"
    return make_line(id, line, at, kind=LineKind.CHAT, chat=text, username=name, **parts)


def make_death(id: int, text: str, at: float = NOON, name: str = "Ada", **parts: Any) -> LogLine:
    line = f"[12:00:00] [Server thread/INFO]: {name} {text}"
    return make_line(id, line, at, kind=LineKind.DEATH, message=text, username=name, **parts)


def make_advancement(
    id: int, title: str, at: float = NOON, name: str = "Ada", **parts: Any
) -> LogLine:
    message = f"has made the advancement [{title}]"
    line = f"[12:00:00] [Server thread/INFO]: {name} {message}"
    given = {"kind": LineKind.ADVANCEMENT, "title": title, "message": message, "username": name}
    return make_line(id, line, at, **{**given, **parts})


def digest(id: int) -> bytes:
    return b"20231114" + id.to_bytes(16, "big")


async def write_lines(store: Store, *lines: LogLine) -> None:
    """Write lines that nobody has written."""
    await store.write(Batch(lines=[NewLogLine(line, digest(line.id)) for line in lines]))


def make_mark(line: int, sign: MarkKind, at: float, name: str = "Ada") -> PresenceMark:
    return PresenceMark(at, line, sign, at, name, line)


def line_of_mark(mark: PresenceMark, world: int = 1) -> NewLogLine:
    """The line that makes a mark."""
    kind = LineKind(mark.kind.value)
    line = make_line(
        mark.line, f"{mark.line}", mark.at, kind=kind, username=mark.username, world=world
    )
    return NewLogLine(line, digest(mark.line), mark)


def make_screenshot(id: int, created: float = NOON, **parts: Any) -> Screenshot:
    given = {"world": 1, "account": 1, "updated": created, **parts}
    return Screenshot(
        id,
        f"{id:032x}",
        created=created,
        random_order=0.5,
        type="image/png",
        width=640,
        height=480,
        size=1000,
        **given,
    )


def ids(found: Any) -> list[int]:
    return [one.id for one in found]
