"""Parsing of a line's text, without header and colour codes, into its kind and details."""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from coalserver.domain.minecraft.log.deaths import (
    FIRST_WORDS,
    TOO_LONG_PREFIX,
    Death,
    match_death,
    match_killer_first_death,
)
from coalserver.domain.minecraft.log.kinds import LineDetails, LineKind, ParsedText
from coalserver.domain.minecraft.log.server_lines import parse_server_line

#: Java usernames, Bedrock's with `.` or `*` in front; in offline mode any letters are possible.
USERNAME = re.compile(r"[.*]?\w{1,32}")
#: Accounts without a nickname, as senders of chat messages from the website.
EMAIL = re.compile(r"[\w.]+@[\w.]+", re.ASCII)
#: Senders that are not players.
CONSOLE_NAMES = frozenset(("Server", "Rcon"))
#: Including the decorations of teams and plugins.
MAX_NAME_LENGTH = 128
#: The game shortens its messages to 256 characters. Longer texts cannot be phrases of the game, and some
#: patterns need too much time for them. Chats may have any length.
MAX_TEXT_LENGTH = 2048
#: Sender of the website's announcements.
SITE_NAME = "COAL"

_DECORATIONS = re.compile(r"\[[^\]]*\]|\([^)]*\)")
#: A name has a letter or a digit: proxies draw arrows (`<->`). Possessive and bounded, so that a long text without an
#: end takes little time.
SENDER = r"<([^>\w]{0,1000}+\w[^>]{0,1000}+)>"
_CHAT = re.compile(rf"{SENDER} (.*)", re.DOTALL)
_CHANNEL_CHAT = re.compile(rf"\[([^\]]*)\] ?{SENDER} (.*)", re.DOTALL)
_TEAM_CHAT = re.compile(rf"-> (?:\[[^\]]*\] )?{SENDER} (.*)", re.DOTALL)
_FEEDBACK = re.compile(r"\[([^\]:]+): (.*)\]", re.DOTALL)
_ADDRESS = r"/\[?([^\]\[/ ]*?)\]?:([0-9]+)"
_LOGGED_IN = re.compile(
    rf"(.+?) ?\[(?:[^\]\[/]*{_ADDRESS}|[^\]\[]*)\] logged in with entity id [0-9]+ at"
    r" \((?:\[[^\]]*\] ?)?([^ ,)]+), ([^ ,)]+), ([^ ,)]+)\)"
)
_FORMERLY = re.compile(r"(.+?) \((formerly known as .+)\) joined the game")
_REFUSED = re.compile(
    rf"(?:Disconnecting )?(?:(.*?) )?\(?(?:[\w.-]*{_ADDRESS}|IP hidden\)|local\))\)?(?: lost connection)?: (.*)",
    re.DOTALL,
)
_PROFILE = re.compile(r"GameProfile\b.*?\bname=([^,\]]+)")
_UUID = re.compile(r"UUID of player (.+) is ([0-9A-Fa-f-]{32,36})")
_REASON = re.compile(r"(?:Text|Translatable)Component\{(?:text|key)='(.*?)'(?:,|\})", re.DOTALL)
_ADVANCEMENT_KINDS = {
    "made the advancement": LineKind.ADVANCEMENT,
    "completed the challenge": LineKind.CHALLENGE,
    "reached the goal": LineKind.GOAL,
    "just earned the achievement": LineKind.ACHIEVEMENT,
    "lost the achievement": LineKind.ACHIEVEMENT_LOST,
}
_ADVANCEMENT = re.compile(rf"has ({'|'.join(_ADVANCEMENT_KINDS)}) \[(.*)\]", re.DOTALL)
_KICKED_OR_BANNED = re.compile(
    r"(?:Kicked|Banned) (?:(\S+?)(?:: | from the game(?:: )?)|player (\S+)$)"
)
#: The beginning of the words after a name that may itself have several words.
_AFTER_MULTI_WORD_NAME = re.compile(
    rf" (?=joined the game$|left the game$|lost connection: |has (?:{'|'.join(_ADVANCEMENT_KINDS)}) \[)"
)


def sender_username(display_name: str) -> str:
    """Return the username in the displayed name of a chat's sender."""
    return _extract_username(display_name) if len(display_name) <= MAX_NAME_LENGTH else ""


def extract_username(display_name: str) -> str:
    """Return the username in a displayed name, which teams and plugins decorate; "" if unclear."""
    return _extract_username(display_name) if len(display_name) <= MAX_NAME_LENGTH else ""


@lru_cache(4096)
def _extract_username(display_name: str) -> str:
    if USERNAME.fullmatch(display_name):
        return display_name
    rest = _DECORATIONS.sub(" ", display_name).split()
    return rest[0] if len(rest) == 1 and USERNAME.fullmatch(rest[0]) else ""


def _chat_line(kind: LineKind, display_name: str, text: str) -> ParsedText:
    return kind, {
        "username": _extract_username(display_name) if len(display_name) <= MAX_NAME_LENGTH else "",
        "display_name": display_name,
        "chat": text,
    }


def _parse_console_chat(text: str) -> ParsedText:
    """Return kind and details of `/say` by the console or RCON.

    A text that begins with `<name>` was sent on the website.
    """
    match = _CHAT.match(text)
    if match is None:
        return LineKind.SAY_COMMAND, {"chat": text}
    display_name, chat = match.groups()
    if display_name == SITE_NAME:
        return LineKind.ANNOUNCEMENT, {"chat": chat}
    is_username = not display_name.startswith("*") and (
        USERNAME.fullmatch(display_name) or EMAIL.fullmatch(display_name)
    )
    # Only the website can map a nickname to a player: the text keeps it, and there is no username.
    if not is_username:
        return LineKind.SITE_CHAT, {"display_name": display_name, "chat": text}
    return LineKind.SITE_CHAT, {
        "username": display_name,
        "display_name": display_name,
        "chat": chat,
    }


def _parse_bracketed(text: str) -> ParsedText | None:
    inside, closed, rest = text[1:].partition("]")
    if inside in CONSOLE_NAMES and rest.startswith(" "):
        return _parse_console_chat(rest[1:])
    if closed and rest.lstrip(" ").startswith("<"):
        match = _CHANNEL_CHAT.match(text)
        return _chat_line(LineKind.CHANNEL, match[2], match[3]) if match else None
    if ": " in text and text.endswith("]"):
        match = _FEEDBACK.fullmatch(text)
        return (
            (LineKind.FEEDBACK, {"display_name": match[1], "message": match[2]}) if match else None
        )
    return None


def _parse_emote(text: str) -> ParsedText | None:
    star, _, rest = text.partition(" ")
    display_name, _, action = rest.partition(" ")
    if star == "*" and action and USERNAME.fullmatch(display_name):
        return _chat_line(LineKind.EMOTE, display_name, action)
    return None


def _parse_team_chat(text: str) -> ParsedText | None:
    match = _TEAM_CHAT.match(text)
    return _chat_line(LineKind.CHANNEL, *match.groups()) if match else None


def _parse_login(text: str, _name: str, _words: str) -> ParsedText | None:
    match = _LOGGED_IN.match(text)
    if match is None:
        return None
    name, ip, port, *coordinates = match.groups("")
    details: LineDetails = {
        "username": name,
        "display_name": name,
        "ip": ip,
        "port": port,
        "location": _parse_location(coordinates),
    }
    return LineKind.LOGGED_IN, details


def _parse_location(coordinates: list[str]) -> tuple[float, float, float] | None:
    try:
        x, y, z = map(float, coordinates)
    except ValueError:
        return None
    return (x, y, z) if math.isfinite(x + y + z) else None


def _parse_join(_text: str, name: str, words: str) -> ParsedText | None:
    if words != "joined the game":
        return None
    return LineKind.JOINED, {"username": extract_username(name), "display_name": name}


def _parse_renamed_join(text: str, _name: str, _words: str) -> ParsedText | None:
    match = _FORMERLY.fullmatch(text)
    if match is None:
        return None
    return LineKind.JOINED, {
        "username": extract_username(match[1]),
        "display_name": match[1],
        "message": match[2],
    }


def _parse_leave(text: str, name: str, words: str) -> ParsedText | None:
    if words != "left the game":
        return _parse_death(text, name, words)
    return LineKind.LEFT, {"username": extract_username(name), "display_name": name}


def _parse_lost_connection(text: str, name: str, words: str) -> ParsedText | None:
    if not words.startswith("lost connection: "):
        return None
    if "/" in name or name.endswith(")") or _PROFILE.search(name):
        return _parse_refused_connection(text)
    reason = _parse_reason(words.partition(": ")[2])
    return LineKind.CONNECTION_LOST, {
        "username": extract_username(name),
        "display_name": name,
        "message": reason,
    }


def _parse_refused_connection(text: str) -> ParsedText | None:
    match = _REFUSED.fullmatch(text)
    if match is None:
        return None
    client, ip, port, reason = match.groups("")
    profile = _PROFILE.search(client)
    details: LineDetails = {
        "display_name": profile[1] if profile else client,
        "message": _parse_reason(reason),
    }
    return LineKind.CONNECTION_REFUSED, {**details, "ip": ip, "port": port}


def _parse_reason(text: str) -> str:
    """Return the reason of a disconnect, without the text component syntax of 1.7 and 1.8."""
    match = _REASON.match(text)
    return match[1] if match else text


def _parse_advancement(_text: str, name: str, words: str) -> ParsedText | None:
    match = _ADVANCEMENT.match(words)
    if match is None:
        return None
    details: LineDetails = {
        "username": extract_username(name),
        "display_name": name,
        "title": match[2],
        "message": words,
    }
    return _ADVANCEMENT_KINDS[match[1]], details


def _parse_command(_text: str, name: str, words: str) -> ParsedText | None:
    start = "issued server command: "
    if not words.startswith(start):
        return None
    return LineKind.COMMAND, {
        "username": extract_username(name),
        "display_name": name,
        "message": words[len(start) :],
    }


def _parse_death(_text: str, name: str, words: str) -> ParsedText | None:
    death = match_death(words) if USERNAME.fullmatch(name) else None
    return death_of(name, name, words, death) if death else None


def death_of(username: str, display_name: str, words: str, death: Death) -> ParsedText:
    """Return kind and details of a player's death; `words` follow the name."""
    key, killer, weapon = death
    details: LineDetails = {"username": username, "display_name": display_name, "message": words}
    return LineKind.DEATH, {**details, "death": key, "killer": killer, "weapon": weapon}


def _parse_killer_first_death(text: str) -> ParsedText | None:
    match = match_killer_first_death(text)
    if match is None or not USERNAME.fullmatch(match[0]):
        return None
    return death_of(match[0], match[0], text, match[1])


def _parse_uuid(text: str) -> ParsedText | None:
    match = _UUID.fullmatch(text)
    return (LineKind.UUID, {"display_name": match[1], "uuid": match[2].lower()}) if match else None


def _parse_kick_or_ban(text: str) -> ParsedText | None:
    match = _KICKED_OR_BANNED.match(text)
    if match is None:
        return None
    kind = LineKind.KICKED if text.startswith("Kicked") else LineKind.BANNED
    return kind, {"display_name": match[1] or match[2], "message": text[match.end() :]}


def _parse_shortened_death(text: str) -> ParsedText | None:
    name, _, words = text.removeprefix(TOO_LONG_PREFIX).partition(" ")
    return _parse_death(text, name, words) if text.startswith(TOO_LONG_PREFIX) else None


def parse_multi_word_name(text: str) -> ParsedText | None:
    """Return kind and details of a text about a player whose displayed name has several words."""
    match = _AFTER_MULTI_WORD_NAME.search(text)
    if match is None:
        return None
    words = text[match.end() :]
    return _PARSERS_BY_SECOND_WORD[words.partition(" ")[0]](text, text[: match.start()], words)


_PARSERS_BY_CHARACTER: dict[str, Callable[[str], ParsedText | None]] = {
    "[": _parse_bracketed,
    "*": _parse_emote,
    "-": _parse_team_chat,
}
_PARSERS_BY_SECOND_WORD: dict[str, Callable[[str, str, str], ParsedText | None]] = {
    **dict.fromkeys(FIRST_WORDS, _parse_death),
    "logged": _parse_login,
    "joined": _parse_join,
    "(formerly": _parse_renamed_join,
    "left": _parse_leave,
    "lost": _parse_lost_connection,
    "has": _parse_advancement,
    "issued": _parse_command,
}
_PARSERS_BY_FIRST_WORD: dict[str, Callable[[str], ParsedText | None]] = {
    "UUID": _parse_uuid,
    "Disconnecting": _parse_refused_connection,
    "Kicked": _parse_kick_or_ban,
    "Banned": _parse_kick_or_ban,
    "Actually,": _parse_shortened_death,
}


def parse_text(text: str) -> ParsedText:
    """Return kind and details of a text; UNKNOWN if no phrase matches."""
    if text[:1] == "<":
        # Most lines are chats: no further calls.
        match = _CHAT.match(text)
        if match is not None:
            display_name, chat = match.groups()
            username = (
                _extract_username(display_name) if len(display_name) <= MAX_NAME_LENGTH else ""
            )
            return LineKind.CHAT, {
                "username": username,
                "display_name": display_name,
                "chat": chat,
            }
    result = None
    by_character = _PARSERS_BY_CHARACTER.get(text[:1])
    if by_character is not None:
        result = by_character(text)
        if result is not None:
            return result
    if len(text) > MAX_TEXT_LENGTH:
        return LineKind.UNKNOWN, {}
    # A prefix in brackets may be a plugin's, whose text can resemble the game's.
    if text[:1] == "[":
        return _parse_killer_first_death(text) or (LineKind.UNKNOWN, {})
    name, _, words = text.partition(" ")
    # A player may be named Disconnecting, but lines about them do not match these patterns.
    if name in _PARSERS_BY_FIRST_WORD:
        result = _PARSERS_BY_FIRST_WORD[name](text)
    by_second = _PARSERS_BY_SECOND_WORD.get(words.partition(" ")[0])
    if result is None and by_second is not None:
        result = by_second(text, name, words)
    return (
        result
        or parse_server_line(name, text)
        or _parse_name_elsewhere(text)
        or (LineKind.UNKNOWN, {})
    )


def _parse_name_elsewhere(text: str) -> ParsedText | None:
    """Return kind and details of a text in which the name is not the first word, or None."""
    if " lost connection: " in text:
        return _parse_refused_connection(text) or parse_multi_word_name(text)
    if " logged in with " in text:
        return _parse_login(text, "", "")
    return parse_multi_word_name(text) or _parse_killer_first_death(text)
