"""Resolution of the names in a line, which requires the usernames of the world's players."""

import re
from collections.abc import Container

from coalserver.domain.minecraft.log.deaths import FIRST_WORDS, OLD_KEYS, match_death
from coalserver.domain.minecraft.log.evidence import CHAT_SOURCES, EVIDENCE, Source
from coalserver.domain.minecraft.log.header import TERMINAL_CODES, colored_tail
from coalserver.domain.minecraft.log.kinds import LineKind, ParsedText
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.domain.minecraft.log.phrases import (
    MAX_NAME_LENGTH,
    MAX_TEXT_LENGTH,
    death_of,
    parse_multi_word_name,
)
from coalserver.domain.minecraft.log.tables import words

#: Kinds of lines about one player, whose name may be decorated.
PLAYER_KINDS = frozenset(
    (
        LineKind.JOINED,
        LineKind.LEFT,
        LineKind.CONNECTION_LOST,
        LineKind.CHAT,
        LineKind.CHANNEL,
        LineKind.EMOTE,
        LineKind.DEATH,
        LineKind.ACHIEVEMENT,
        LineKind.ACHIEVEMENT_LOST,
        LineKind.ADVANCEMENT,
        LineKind.CHALLENGE,
        LineKind.GOAL,
    )
)
#: Names of normal accounts. A death's phrase is enough to believe in a player of such a name.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{3,16}")
#: The game's reports on a player, in which only a rank or a team stands beside the name.
_REPORT_KINDS = PLAYER_KINDS - {LineKind.CHAT, LineKind.CHANNEL, LineKind.EMOTE}
#: The possible beginnings of a death phrase.
_DEATH_WORDS = re.compile(rf" (?=(?:{'|'.join(sorted(FIRST_WORDS))})\b)")
_NAME_SEPARATORS = re.compile(r"[\s\[\]()<>{}|~]+")
_SAY_COMMAND = re.compile(r"\[([^\[\]]+|\[[^\[\]]{1,32}\] ?[^\[\]]{1,32})\] (.+)", re.DOTALL)
#: Connections of proxies, whose lines begin with a player's name in brackets.
_PROXY_LINE = re.compile(
    r"\[[^\]]*\] (?:<->|->|<-|disconnected with: |executed command: )"
    r"|\[(?:connected player|initial connection|server connection)\] "
)
_BRACKETED = re.compile(r"\[([^\[\]]{1,32})\]|\(([^()]{1,32})\)|\{([^{}]{1,32})\}")
#: A rank without brackets, before a name.
_BARE_RANK = re.compile(r"[^\s\[\]():»>➤|,.!?'\"]{1,16}")
#: What a team can put behind a name without brackets.
_SYMBOLS = re.compile(r"[^\w\s\[\]():»➤><|,.!?'\"]{1,8}")
#: A name that contains one of these is a text about a player.
_FOREIGN_NAME = re.compile(r"[:»➤|<>]|.{41}", re.DOTALL)
#: Words before a name that make a report or a private message of it.
_PREPOSITIONS = frozenset(("by", "for", "from", "of", "to", "with"))
#: `CoreProtect`: the name of a plugin.
_PLUGIN_NAME = re.compile(r".*[a-z][A-Z]|.*[/\\:|]|.*\d\.\d")
_NOT_PLAYERS = words("not_players.txt")
_PLUGINS = words("plugins.txt")
#: Between a name and what its player says, on the thread of chat plugins. Arrows are private messages.
_CHAT_SEPARATOR = re.compile(r"(?<![-=<])(?:[:»➤|]|>{1,2})(?: |$)|→|[-=]>")
_WORD = re.compile(r"\w+")
#: Deaths by players and by mobs have the same phrase; a killer who is a player selects the key.
_PLAYER_DEATH_KEYS = {
    "death.attack.mob": "death.attack.player",
    "death.attack.mob.item": "death.attack.player.item",
}


def resolve_player(display_name: str, players: Container[str]) -> str:
    """Return the username that a displayed name contains, without the decorations of teams and plugins.

    Return "" if there is none or more than one.
    """
    if display_name in players:
        return display_name
    matches = [part for part in _NAME_SEPARATORS.split(display_name) if part and part in players]
    return matches[0] if len(matches) == 1 else ""


def resolve_players(
    parsed: ParsedLine, players: Container[str], online: Container[str] = frozenset()
) -> ParsedLine:
    """Return the line parsed again with the world's players and the players online.

    Decorated names are resolved. Emotes of unknown names, and deaths of names that are neither known nor those of a
    normal account, become UNKNOWN. What chat plugins write of an online player becomes a chat.
    """
    kind = parsed.kind
    if kind is LineKind.LOGGED_IN:
        return _as_unknown(parsed) if _FOREIGN_NAME.search(parsed.username) else parsed
    if kind is LineKind.UNKNOWN:
        if len(parsed.text) > MAX_TEXT_LENGTH and parsed.source is not Source.CHAT:
            return parsed
        return _with_text(parsed, _parse_with_players(parsed, players, online))
    if kind is LineKind.EMOTE and parsed.username not in players:
        return _as_unknown(parsed)
    if kind is LineKind.DEATH:
        if parsed.username not in players and not _is_plain_name(parsed.username):
            return _as_unknown(parsed)
        if parsed.killer in players:
            return parsed._replace(death=_PLAYER_DEATH_KEYS.get(parsed.death, parsed.death))
        return parsed
    if kind is LineKind.CHANNEL:
        match = _SAY_COMMAND.fullmatch(parsed.text)
        if match is not None and match[1] in players:
            return _with_text(parsed, _say_command(match[1], match[1], match[2]))
    if kind in PLAYER_KINDS and parsed.username not in players:
        return _with_known_name(parsed, players)
    return parsed


def _with_known_name(parsed: ParsedLine, players: Container[str]) -> ParsedLine:
    """Return the line with the username that its displayed name contains.

    Without one, the line keeps the name it has. A report with other words beside the name becomes UNKNOWN; who writes
    in a channel, which may be that of another chat, is a player only if known.
    """
    if parsed.kind in _REPORT_KINDS:
        username = decorated_player(parsed.display_name, players)
        if not username and not parsed.username:
            return _as_unknown(parsed)
    else:
        username = resolve_player(parsed.display_name, players)
        if not username and parsed.kind is LineKind.CHANNEL and parsed.text[:1] == "[":
            return parsed._replace(username="")
    return parsed._replace(username=username) if username else parsed


def _is_plain_name(name: str) -> bool:
    return bool(PLAIN_NAME.fullmatch(name)) and name.casefold() not in _NOT_PLAYERS


def _parse_with_players(
    parsed: ParsedLine, players: Container[str], online: Container[str]
) -> ParsedText | None:
    """Return kind and details of an unknown line that names a player; None for other lines."""
    text, source = parsed.text, parsed.source
    if source not in CHAT_SOURCES or _PROXY_LINE.match(text):
        return None
    # Whatever the words imitate.
    say_match = _SAY_COMMAND.fullmatch(text) if text[:1] == "[" else None
    if say_match is not None:
        name = say_match[1]
        username = decorated_player(name, players) if name[:1] == "[" else name
        if username in players:
            return _say_command(username, name, say_match[2])
    if source is Source.CHAT:
        return _parse_plugin_chat(parsed, online)
    if source is Source.GAME:
        return _parse_decorated(parsed, players)
    return None


def _parse_decorated(parsed: ParsedLine, players: Container[str]) -> ParsedText | None:
    """Return kind and details of the game's phrase about a player whose name is decorated, or None."""
    text = parsed.text
    multi_word = parse_multi_word_name(text)
    if multi_word is not None:
        kind, details = multi_word
        levels = EVIDENCE[kind].levels
        username = decorated_player(details["display_name"], players)
        # Behind brackets, a leave may be what somebody says; a lost connection tells it as well.
        if not username or (kind is LineKind.LEFT and text[:1] == "["):
            return None
        return (
            (kind, {**details, "username": username})
            if parsed.level in levels or not levels
            else None
        )
    if parsed.level not in EVIDENCE[LineKind.DEATH].levels:
        return None
    for match in _DEATH_WORDS.finditer(text, 0, MAX_NAME_LENGTH):
        display_name, phrase = text[: match.start()], text[match.end() :]
        username = decorated_player(display_name, players)
        death = match_death(phrase) if username else None
        if death is not None and not death.death_key.startswith(OLD_KEYS):
            return death_of(username, display_name, phrase, death)
    return None


def decorated_player(display_name: str, players: Container[str]) -> str:
    """Return the username in a displayed name with at most ranks or teams around it, otherwise ""."""
    if display_name in players:
        return display_name
    name = display_name.strip()
    while (match := _BRACKETED.match(name)) is not None:
        if not _is_rank(match, players):
            return ""
        name = name[match.end() :].lstrip()
    while name[-1:] in ("]", ")", "}"):
        match = next((m for m in _BRACKETED.finditer(name) if m.end() == len(name)), None)
        if match is None or not _is_rank(match, players):
            return ""
        name = name[: match.start()].rstrip()
    while (space := name.rfind(" ")) > 0 and _SYMBOLS.fullmatch(name, space + 1):
        name = name[:space]
    name = name.lstrip("~")
    if name in players:
        return name
    rank, _, rest = name.partition(" ")
    if rest in players and _BARE_RANK.fullmatch(rank) and rank.casefold() not in _NOT_PLAYERS:
        return rest
    return ""


def _is_rank(match: re.Match[str], players: Container[str]) -> bool:
    """Return whether the text in brackets can be a rank or a team, and is no plugin's name and no player's `/say`."""
    text = match[match.lastindex or 0]
    if _PLUGIN_NAME.match(text) or text.strip().casefold() in _PLUGINS:
        return False
    return not any(word in players for word in _WORD.findall(text))


def _parse_plugin_chat(parsed: ParsedLine, online: Container[str]) -> ParsedText | None:
    """Return kind and details of what an online player says in the format of a chat plugin, or None.

    The name stands before a separator, after a prefix of any kind; only brackets may stand between.
    """
    text = parsed.text
    if parsed.level not in EVIDENCE[LineKind.DEATH].levels:
        return None
    for separator in _CHAT_SEPARATOR.finditer(text.partition("\n")[0], 0, MAX_NAME_LENGTH):
        if separator[0] == "→" or separator[0].endswith(("->", "=>")):
            return None
        head = text[: separator.start()].rstrip()
        bare = _BRACKETED.sub(_blanks, head).rstrip("])}> ~*✦★-")
        name = next(
            (word for word in _last_words(bare) if word in online),
            "",
        )
        if name:
            if head.count("[") > head.count("]") or _is_about(bare, name, online):
                return None
            chat, *more = text[separator.end() :].lstrip(" ").split("\n")
            if not chat:
                return None
            if "§" in parsed.line:
                chat = colored_tail(TERMINAL_CODES.sub("", parsed.line), chat)
            chat = "\n".join((chat, *more))
            return LineKind.CHANNEL, {"username": name, "display_name": head, "chat": chat}
    return None


def _is_about(head: str, name: str, online: Container[str]) -> bool:
    """Return whether the words before a name make of it what somebody sends or reports, not what its player says."""
    before = _WORD.findall(head[: head.rindex(name)])
    return any(word in online for word in before) or (
        bool(before) and before[-1].casefold() in _PREPOSITIONS
    )


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _last_words(text: str) -> list[str]:
    """Return the endings of a text that can be a username: its last word, with and without what is before."""
    found = list(_WORD.finditer(text))
    if not found or found[-1].end() != len(text):
        return []
    last = found[-1]
    # Names of Bedrock accounts begin with a dot or a star.
    marked = text[last.start() - 1 :] if text[last.start() - 1 : last.start()] in (".", "*") else ""
    spaced = text.rpartition("] ")[2].strip()
    return [word for word in (last[0], marked, spaced) if word]


def _say_command(username: str, display_name: str, text: str) -> ParsedText:
    return LineKind.SAY_COMMAND, {
        "username": username,
        "display_name": display_name,
        "chat": text,
    }


def _as_unknown(parsed: ParsedLine) -> ParsedLine:
    return _with_text(parsed, (LineKind.UNKNOWN, {}))


def _with_text(parsed: ParsedLine, parsed_text: ParsedText | None) -> ParsedLine:
    """Return the line with another kind and details; unchanged for None."""
    if parsed_text is None:
        return parsed
    line, text, level, at = parsed.line, parsed.text, parsed.level, parsed.at
    kind, details = parsed_text
    return ParsedLine(
        line, kind, text, level, at, parsed.zone, parsed.day, **details, source=parsed.source
    )
