"""Rows: a line of a world's log as pages show it. No row has an address of the internet in it."""

import math
from collections.abc import Sequence
from typing import Any

from coalserver.core.ports import Place
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import plain
from coalserver.domain.minecraft.log.kinds import Kind
from coalserver.domain.text_search import cut

Row = dict[str, Any]
#: The tags of what the chat shows, which are the kinds of rows.
SHOWN = ("chat", "login", "logout", "death", "achievement")


def row_of(line: LogLine, sought: Sequence[tuple[str, ...]] = (), *, public: bool) -> Row | None:
    """A line as a row; None for one the chat does not show. With what was sought, it is cut by that.

    To the public nobody's e-mail is shown, under which members speak who have no other name.
    """
    kind = next((tag for tag in line.tags if tag in SHOWN), None)
    if kind is None or line.at is None:
        return None
    who, text = line.username or line.shown, ""
    if kind == "chat":
        text = line.chat
        if who and not line.username:
            # Where the name is nobody's who plays there, it stands in what was said.
            text = text.removeprefix(f"<{who}>").lstrip()
    elif kind in ("death", "achievement"):
        text = line.message
    text = plain(text)
    row: Row = {
        "id": line.id,
        "at": math.floor(line.at),
        "kind": kind,
        "who": named(plain(who), public=public),
        "text": text,
    }
    if line.kind is Kind.EMOTE:
        row["emote"] = True
    elif line.kind is Kind.ECHO:
        row["site"] = True
    if sought:
        row["found"] = cut(text, sought)
    return row


def named(who: str, *, public: bool) -> str:
    """A name as it is shown: an e-mail without where it goes."""
    return f"{who.partition('@')[0]}@…" if public and "@" in who else who


def place_of(line: LogLine) -> str:
    """Where a line is in a list, for an address."""
    return f"{math.floor(line.at or 0)}.{line.id}"


def place_named(text: str) -> Place | None:
    """The place that an address names."""
    at, _, id = text.partition(".")
    whole = at.removeprefix("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (whole, id)):
        return None
    return Place(float(at), int(id))


def exact_place_of(at: float | None, id: int) -> str:
    """Where something is in a list that goes by more than whole seconds, for an address."""
    return f"{at}~{id}"


def exact_place_named(text: str) -> Place | None:
    """The place that an address names so."""
    at, _, id = text.partition("~")
    try:
        when = float(at)
    except ValueError:
        return None
    known = abs(when) < 1e15 and id.isascii() and id.isdigit() and len(id) <= 18
    return Place(when, int(id)) if known else None
