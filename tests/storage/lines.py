"""Lines, visits and screenshots for stores."""

from typing import Any

from coalserver.core.ports import Batch, NewLogLine, Store
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.log.kinds import TAGS, LineKind
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark

#: A whole second.
NOON = 1_700_000_000.0


def make_line(id: int, text: str = "", at: float | None = NOON, **kwargs: Any) -> LogLine:
    """Return a line of an unknown kind; one with a time has the tag timestamp."""
    kind = kwargs.pop("kind", LineKind.UNKNOWN)
    tags = ("timestamp", *TAGS.get(kind, ("unknown",))) if at is not None else ("unknown",)
    fields = {"world": 1, "line": text, "kind": kind, "tags": tags, "created": NOON, **kwargs}
    return LogLine(id, at=at, **fields)


def make_chat(
    id: int, text: str, at: float | None = NOON, name: str = "Ada", **kwargs: Any
) -> LogLine:
    line = f"[12:00:00] [Server thread/INFO]: <{name}> {text}"
    return make_line(id, line, at, kind=LineKind.CHAT, chat=text, username=name, **kwargs)


def make_death(id: int, text: str, at: float = NOON, name: str = "Ada", **kwargs: Any) -> LogLine:
    line = f"[12:00:00] [Server thread/INFO]: {name} {text}"
    return make_line(id, line, at, kind=LineKind.DEATH, message=text, username=name, **kwargs)


def make_advancement(
    id: int, title: str, at: float = NOON, name: str = "Ada", **kwargs: Any
) -> LogLine:
    message = f"has made the advancement [{title}]"
    line = f"[12:00:00] [Server thread/INFO]: {name} {message}"
    fields = {"kind": LineKind.ADVANCEMENT, "title": title, "message": message, "username": name}
    return make_line(id, line, at, **{**fields, **kwargs})


def digest(id: int) -> bytes:
    return b"20231114" + id.to_bytes(16, "big")


async def write_lines(store: Store, *lines: LogLine) -> None:
    """Write lines with new digests."""
    await store.write(Batch(lines=[NewLogLine(line, digest(line.id)) for line in lines]))


def make_mark(line: int, kind: MarkKind, at: float, name: str = "Ada") -> PresenceMark:
    return PresenceMark(at, line, kind, at, name, line)


def line_of_mark(mark: PresenceMark, world: int = 1) -> NewLogLine:
    """Return the line that gives a mark."""
    kind = LineKind(mark.kind.value)
    line = make_line(
        mark.line, f"{mark.line}", mark.at, kind=kind, username=mark.username, world=world
    )
    return NewLogLine(line, digest(mark.line), mark)


def make_screenshot(id: int, created: float = NOON, **kwargs: Any) -> Screenshot:
    fields = {"world": 1, "account": 1, "updated": created, **kwargs}
    return Screenshot(
        id,
        f"{id:032x}",
        created=created,
        random_order=0.5,
        type="image/png",
        width=640,
        height=480,
        size=1000,
        **fields,
    )


def ids(found: Any) -> list[int]:
    return [one.id for one in found]
