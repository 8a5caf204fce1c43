"""Rows: lines of a world's log as pages show them. No row has an IP address in it."""

import math
from collections.abc import Sequence
from typing import Any

from coalserver.core.ports import PageKey
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import strip_colors
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.text_search import highlight

Row = dict[str, Any]
#: The tags of lines that the chat shows, which are the kinds of rows.
CHAT_TAGS = ("chat", "login", "logout", "death", "achievement")


def render_row(
    line: LogLine, search_phrases: Sequence[tuple[str, ...]] = (), *, public: bool
) -> Row | None:
    """Return a line as a row, or None if the chat does not show it.

    With search phrases, `found` splits the text at its matches. For the public, e-mail addresses are shortened:
    members without a nickname post under theirs.
    """
    kind = next((tag for tag in line.tags if tag in CHAT_TAGS), None)
    if kind is None or line.at is None:
        return None
    name, text = line.username or line.display_name, ""
    if kind == "chat":
        text = line.chat
        if name and not line.username:
            # The text starts with the name if that is not a player's.
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
    """Return a name as it is shown: for the public, an e-mail address without its domain."""
    return f"{name.partition('@')[0]}@…" if public and "@" in name else name


def line_position(line: LogLine) -> str:
    """Return the position of a line for an address, as whole seconds and id."""
    return f"{math.floor(line.at or 0)}.{line.id}"


def parse_position(text: str) -> PageKey | None:
    """Return the position that an address names, or None."""
    at, _, id = text.partition(".")
    digits = at.removeprefix("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (digits, id)):
        return None
    return PageKey(float(at), int(id))


def exact_position(at: float | None, id: int) -> str:
    """Return a position in a list ordered by fractions of seconds, for an address."""
    return f"{at}~{id}"


def parse_exact_position(text: str) -> PageKey | None:
    """Return the position that `exact_position` wrote, or None."""
    at, _, id = text.partition("~")
    try:
        seconds = float(at)
    except ValueError:
        return None
    valid = abs(seconds) < 1e15 and id.isascii() and id.isdigit() and len(id) <= 18
    return PageKey(seconds, int(id)) if valid else None
