"""Rows: a line of a world's log as pages show it. No row has an address of the internet in it."""

import math
from collections.abc import Sequence
from typing import Any

from coalserver.core.ports import PageKey
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import strip_colors
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.text_search import highlight

Row = dict[str, Any]
#: The tags of what the chat shows, which are the kinds of rows.
CHAT_TAGS = ("chat", "login", "logout", "death", "achievement")


def render_row(
    line: LogLine, search_phrases: Sequence[tuple[str, ...]] = (), *, public: bool
) -> Row | None:
    """A line as a row; None for one the chat does not show. With what was sought, it is cut by that.

    To the public nobody's e-mail is shown, under which members speak who have no other name.
    """
    kind = next((tag for tag in line.tags if tag in CHAT_TAGS), None)
    if kind is None or line.at is None:
        return None
    name, text = line.username or line.display_name, ""
    if kind == "chat":
        text = line.chat
        if name and not line.username:
            # Where the name is nobody's who plays there, it stands in what was said.
            text = text.removeprefix(f"<{name}>").lstrip()
    elif kind in ("death", "achievement"):
        text = line.message
    text = strip_colors(text)
    row: Row = {
        "id": line.id,
        "at": math.floor(line.at),
        "kind": kind,
        "who": public_name(strip_colors(name), public=public),
        "text": text,
    }
    if line.kind is LineKind.EMOTE:
        row["emote"] = True
    elif line.kind is LineKind.SITE_CHAT:
        row["site"] = True
    if search_phrases:
        row["found"] = highlight(text, search_phrases)
    return row


def public_name(name: str, *, public: bool) -> str:
    """A name as it is shown: an e-mail without where it goes."""
    return f"{name.partition('@')[0]}@…" if public and "@" in name else name


def line_position(line: LogLine) -> str:
    """Where a line is in a list, for an address."""
    return f"{math.floor(line.at or 0)}.{line.id}"


def parse_position(text: str) -> PageKey | None:
    """The place that an address names."""
    at, _, id = text.partition(".")
    digits = at.removeprefix("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (digits, id)):
        return None
    return PageKey(float(at), int(id))


def exact_position(at: float | None, id: int) -> str:
    """Where something is in a list that goes by more than whole seconds, for an address."""
    return f"{at}~{id}"


def parse_exact_position(text: str) -> PageKey | None:
    """The place that an address names so."""
    at, _, id = text.partition("~")
    try:
        seconds = float(at)
    except ValueError:
        return None
    valid = abs(seconds) < 1e15 and id.isascii() and id.isdigit() and len(id) <= 18
    return PageKey(seconds, int(id)) if valid else None
