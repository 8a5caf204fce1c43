"""What a text without header and colours says: every phrase but those of deaths, which are a table."""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from coalserver.domain.minecraft.log.deaths import OPENINGS, TOO_LONG, Death, died, killed
from coalserver.domain.minecraft.log.kinds import Facts, Found, Kind
from coalserver.domain.minecraft.log.server_lines import of_the_world

#: What an account may be called, and what Bedrock's players are: with `.` or `*` in front. Offline
#: any letters will do.
NAME = re.compile(r"[.*]?\w{1,32}")
#: What the site may put in front of what it says, besides names.
EMAIL = re.compile(r"[\w.]+@[\w.]+", re.ASCII)
#: Those who speak without being players.
SPEAKERS = frozenset(("Server", "Rcon"))
#: With what teams and plugins put around it.
LONGEST_NAME = 128
#: The game shortens what it says to 256 characters. What is longer than this, some patterns would take
#: too long over, and is no phrase of the game's; chats may be of any length.
LONGEST = 2048
#: The site itself.
SITE = "COAL"

_GROUPS = re.compile(r"\[[^\]]*\]|\([^)]*\)")
_CHAT = re.compile(r"<([^>]+)> (.*)", re.DOTALL)
_IN_FRONT = re.compile(r"\[([^\]]*)\] ?<([^>]+)> (.*)", re.DOTALL)
_TEAM = re.compile(r"-> (?:\[[^\]]*\] )?<([^>]+)> (.*)", re.DOTALL)
_FEEDBACK = re.compile(r"\[([^\]:]+): (.*)\]", re.DOTALL)
_FROM = r"/\[?([^\]\[/ ]*?)\]?:([0-9]+)"
_LOGGED_IN = re.compile(
    rf"(.+?) ?\[(?:[^\]\[/]*{_FROM}|[^\]\[]*)\] logged in with entity id [0-9]+ at"
    r" \((?:\[[^\]]*\] ?)?([^ ,)]+), ([^ ,)]+), ([^ ,)]+)\)"
)
_FORMERLY = re.compile(r"(.+?) \((formerly known as .+)\) joined the game")
_REFUSED = re.compile(
    rf"(?:Disconnecting )?(?:(.*?) )?\(?(?:[\w.-]*{_FROM}|IP hidden\)|local\))\)?(?: lost connection)?: (.*)",
    re.DOTALL,
)
_PROFILE = re.compile(r"GameProfile\b.*?\bname=([^,\]]+)")
_UUID = re.compile(r"UUID of player (.+) is ([0-9A-Fa-f-]{32,36})")
_REASON = re.compile(r"(?:Text|Translatable)Component\{(?:text|key)='(.*?)'(?:,|\})", re.DOTALL)
_EARNINGS = {
    "made the advancement": Kind.ADVANCEMENT,
    "completed the challenge": Kind.CHALLENGE,
    "reached the goal": Kind.GOAL,
    "just earned the achievement": Kind.ACHIEVEMENT,
    "lost the achievement": Kind.ACHIEVEMENT_LOST,
}
_EARNED = re.compile(rf"has ({'|'.join(_EARNINGS)}) \[(.*)\]", re.DOTALL)
_PUT_OUT = re.compile(r"(?:Kicked|Banned) (?:(\S+?)(?:: | from the game(?:: )?)|player (\S+)$)")
#: Where words about a name begin, if the name itself may have several.
_AFTER_SEVERAL = re.compile(
    rf" (?=joined the game$|left the game$|lost connection: |has (?:{'|'.join(_EARNINGS)}) \[)"
)


def name_in(shown: str) -> str:
    """The player's name in a name as shown, which teams and plugins decorate; empty if that is unsure."""
    return _name_in(shown) if len(shown) <= LONGEST_NAME else ""


@lru_cache(4096)
def _name_in(shown: str) -> str:
    if NAME.fullmatch(shown):
        return shown
    rest = _GROUPS.sub(" ", shown).split()
    return rest[0] if len(rest) == 1 and NAME.fullmatch(rest[0]) else ""


def _said(kind: Kind, shown: str, text: str) -> Found:
    return kind, {"username": name_in(shown), "shown": shown, "chat": text}


def _chat(text: str) -> Found | None:
    match = _CHAT.match(text)
    return _said(Kind.CHAT, *match.groups()) if match else None


def _console_said(text: str) -> Found:
    """What the console or RCON says; with a name in front it is somebody on the site."""
    match = _CHAT.match(text)
    if match is None:
        return Kind.SAID, {"chat": text}
    shown, chat = match.groups()
    if shown == SITE:
        return Kind.ANNOUNCEMENT, {"chat": chat}
    sure = not shown.startswith("*") and (NAME.fullmatch(shown) or EMAIL.fullmatch(shown))
    # A nickname's owner is nobody's business but the site's: without a name the text stays whole.
    if not sure:
        return Kind.ECHO, {"shown": shown, "chat": text}
    return Kind.ECHO, {"username": shown, "shown": shown, "chat": chat}


def _bracket(text: str) -> Found | None:
    inside, closed, rest = text[1:].partition("]")
    if inside in SPEAKERS and rest.startswith(" "):
        return _console_said(rest[1:])
    if closed and rest.lstrip(" ").startswith("<"):
        match = _IN_FRONT.match(text)
        return _said(Kind.CHANNEL, match[2], match[3]) if match else None
    if ": " in text and text.endswith("]"):
        match = _FEEDBACK.fullmatch(text)
        return (Kind.FEEDBACK, {"shown": match[1], "message": match[2]}) if match else None
    return None


def _star(text: str) -> Found | None:
    star, _, rest = text.partition(" ")
    shown, _, action = rest.partition(" ")
    if star == "*" and action and NAME.fullmatch(shown):
        return _said(Kind.EMOTE, shown, action)
    return None


def _arrow(text: str) -> Found | None:
    match = _TEAM.match(text)
    return _said(Kind.CHANNEL, *match.groups()) if match else None


def _logged_in(text: str, _name: str, _words: str) -> Found | None:
    match = _LOGGED_IN.match(text)
    if match is None:
        return None
    name, ip, port, *place = match.groups("")
    facts: Facts = {
        "username": name,
        "shown": name,
        "ip": ip,
        "port": port,
        "location": _place(place),
    }
    return Kind.LOGGED_IN, facts


def _place(written: list[str]) -> tuple[float, float, float] | None:
    try:
        x, y, z = map(float, written)
    except ValueError:
        return None
    return (x, y, z) if math.isfinite(x + y + z) else None


def _joined(_text: str, name: str, words: str) -> Found | None:
    if words != "joined the game":
        return None
    return Kind.JOINED, {"username": name_in(name), "shown": name}


def _renamed(text: str, _name: str, _words: str) -> Found | None:
    match = _FORMERLY.fullmatch(text)
    if match is None:
        return None
    return Kind.JOINED, {"username": name_in(match[1]), "shown": match[1], "message": match[2]}


def _left(text: str, name: str, words: str) -> Found | None:
    if words != "left the game":
        return _died(text, name, words)
    return Kind.LEFT, {"username": name_in(name), "shown": name}


def _lost(text: str, name: str, words: str) -> Found | None:
    if not words.startswith("lost connection: "):
        return None
    if "/" in name or name.endswith(")") or _PROFILE.search(name):
        return _refused(text)
    reason = _reason(words.partition(": ")[2])
    return Kind.LOST, {"username": name_in(name), "shown": name, "message": reason}


def _refused(text: str) -> Found | None:
    match = _REFUSED.fullmatch(text)
    if match is None:
        return None
    who, ip, port, why = match.groups("")
    profile = _PROFILE.search(who)
    facts: Facts = {"shown": profile[1] if profile else who, "message": _reason(why)}
    return Kind.REFUSED, {**facts, "ip": ip, "port": port}


def _reason(text: str) -> str:
    """Why a connection ended, without the shell that 1.7 and 1.8 wrote around it."""
    match = _REASON.match(text)
    return match[1] if match else text


def _earned(_text: str, name: str, words: str) -> Found | None:
    match = _EARNED.match(words)
    if match is None:
        return None
    facts: Facts = {"username": name_in(name), "shown": name, "title": match[2], "message": words}
    return _EARNINGS[match[1]], facts


def _issued(_text: str, name: str, words: str) -> Found | None:
    start = "issued server command: "
    if not words.startswith(start):
        return None
    return Kind.COMMAND, {"username": name_in(name), "shown": name, "message": words[len(start) :]}


def _died(_text: str, name: str, words: str) -> Found | None:
    death = died(words) if NAME.fullmatch(name) else None
    return of_death(name, name, words, death) if death else None


def of_death(username: str, shown: str, words: str, death: Death) -> Found:
    """A player's death; the words are those after the name."""
    key, killer, weapon = death
    facts: Facts = {"username": username, "shown": shown, "message": words}
    return Kind.DEATH, {**facts, "death": key, "killer": killer, "weapon": weapon}


def _showed(text: str) -> Found | None:
    found = killed(text)
    if found is None or not NAME.fullmatch(found[0]):
        return None
    return of_death(found[0], found[0], text, found[1])


def _uuid(text: str) -> Found | None:
    match = _UUID.fullmatch(text)
    return (Kind.UUID, {"shown": match[1], "uuid": match[2].lower()}) if match else None


def _put_out(text: str) -> Found | None:
    match = _PUT_OUT.match(text)
    if match is None:
        return None
    kind = Kind.KICKED if text.startswith("Kicked") else Kind.BANNED
    return kind, {"shown": match[1] or match[2], "message": text[match.end() :]}


def _too_long(text: str) -> Found | None:
    name, _, words = text.removeprefix(TOO_LONG).partition(" ")
    return _died(text, name, words) if text.startswith(TOO_LONG) else None


def of_several_words(text: str) -> Found | None:
    """The same of players whose names, or what a team puts around them, have several words."""
    match = _AFTER_SEVERAL.search(text)
    if match is None:
        return None
    words = text[match.end() :]
    return _BY_SECOND[words.partition(" ")[0]](text, text[: match.start()], words)


_BY_CHARACTER: dict[str, Callable[[str], Found | None]] = {
    "<": _chat,
    "[": _bracket,
    "*": _star,
    "-": _arrow,
}
_BY_SECOND: dict[str, Callable[[str, str, str], Found | None]] = {
    **dict.fromkeys(OPENINGS, _died),
    "logged": _logged_in,
    "joined": _joined,
    "(formerly": _renamed,
    "left": _left,
    "lost": _lost,
    "has": _earned,
    "issued": _issued,
}
_BY_FIRST: dict[str, Callable[[str], Found | None]] = {
    "UUID": _uuid,
    "Disconnecting": _refused,
    "Kicked": _put_out,
    "Banned": _put_out,
    "Actually,": _too_long,
}


def recognised(text: str) -> Found:
    """What a text says; the kind is UNKNOWN where no phrase fits."""
    found = None
    by_character = _BY_CHARACTER.get(text[:1])
    if by_character is not None:
        found = by_character(text)
        if found is not None:
            return found
    if len(text) > LONGEST:
        return Kind.UNKNOWN, {}
    # What stands in brackets may be a plugin, whose words are not the game's.
    if text[:1] == "[":
        return _showed(text) or (Kind.UNKNOWN, {})
    name, _, words = text.partition(" ")
    # A player may be called Disconnecting; but no line about him goes on as the game does.
    if name in _BY_FIRST:
        found = _BY_FIRST[name](text)
    by_second = _BY_SECOND.get(words.partition(" ")[0])
    if found is None and by_second is not None:
        found = by_second(text, name, words)
    return found or of_the_world(name, text) or _elsewhere(text) or (Kind.UNKNOWN, {})


def _elsewhere(text: str) -> Found | None:
    """Lines in which the name is not the first word."""
    if " lost connection: " in text:
        return _refused(text) or of_several_words(text)
    if " logged in with " in text:
        return _logged_in(text, "", "")
    return of_several_words(text) or _showed(text)
