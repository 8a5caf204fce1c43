"""Resolution of the names in a line, which requires the usernames of the world's players."""

import re
from collections.abc import Container

from coalserver.domain.minecraft.log.deaths import FIRST_WORDS, Death, match_death
from coalserver.domain.minecraft.log.kinds import LineKind, ParsedText
from coalserver.domain.minecraft.log.parser import DEATH_LEVELS, ParsedLine
from coalserver.domain.minecraft.log.phrases import MAX_TEXT_LENGTH, death_of, parse_multi_word_name

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
#: The possible beginnings of a death phrase.
_DEATH_WORDS = re.compile(rf" (?=(?:{'|'.join(sorted(FIRST_WORDS))})\b)")
_NAME_SEPARATORS = re.compile(r"[\s\[\]()<>{}|~]+")
_SAY_COMMAND = re.compile(r"\[([^\]]+)\] (.+)", re.DOTALL)
#: Deaths by players and by mobs have the same phrase; a killer who is a player selects the key.
_PLAYER_DEATH_KEYS = {
    "death.attack.mob": "death.attack.player",
    "death.attack.mob.item": "death.attack.player.item",
}
#: A death with an unknown phrase.
UNKNOWN_CAUSE = Death("")


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

    Decorated names are resolved. Deaths and emotes of unknown names become UNKNOWN. An unknown line about an online
    player that begins like a death becomes a DEATH with an unknown phrase, as mods add phrases.
    """
    kind = parsed.kind
    if kind is LineKind.UNKNOWN:
        if len(parsed.text) > MAX_TEXT_LENGTH:
            return parsed
        return _with_text(parsed, _parse_with_players(parsed, players, online))
    if kind in (LineKind.DEATH, LineKind.EMOTE) and parsed.username not in players:
        return _as_unknown(parsed)
    if kind is LineKind.DEATH and parsed.killer in players:
        return parsed._replace(death=_PLAYER_DEATH_KEYS.get(parsed.death, parsed.death))
    if kind is LineKind.CHANNEL:
        match = _SAY_COMMAND.fullmatch(parsed.text)
        if match is not None and match[1] in players:
            return _with_text(parsed, _say_command(match[1], match[2]))
    if kind in PLAYER_KINDS and parsed.username not in players:
        username = resolve_player(parsed.display_name, players)
        return parsed._replace(username=username) if username else parsed
    return parsed


def _parse_with_players(
    parsed: ParsedLine, players: Container[str], online: Container[str]
) -> ParsedText | None:
    """Return kind and details of an unknown line that names a player; None for other lines."""
    text = parsed.text
    multi_word = parse_multi_word_name(text)
    if multi_word is not None:
        kind, details = multi_word
        username = resolve_player(details["display_name"], players)
        return (kind, {**details, "username": username}) if username else None
    if parsed.level in DEATH_LEVELS:
        for match in _DEATH_WORDS.finditer(text):
            display_name, words = text[: match.start()], text[match.end() :]
            username = resolve_player(display_name, players)
            death = match_death(words) or (UNKNOWN_CAUSE if username in online else None)
            if username and death:
                return death_of(username, display_name, words, death)
    say_match = _SAY_COMMAND.fullmatch(text)
    return (
        _say_command(say_match[1], say_match[2]) if say_match and say_match[1] in players else None
    )


def _say_command(name: str, text: str) -> ParsedText:
    return LineKind.SAY_COMMAND, {"username": name, "display_name": name, "chat": text}


def _as_unknown(parsed: ParsedLine) -> ParsedLine:
    return _with_text(parsed, (LineKind.UNKNOWN, {}))


def _with_text(parsed: ParsedLine, parsed_text: ParsedText | None) -> ParsedLine:
    """Return the line with another kind and details; unchanged for None."""
    if parsed_text is None:
        return parsed
    line, text, level, at = parsed.line, parsed.text, parsed.level, parsed.at
    return ParsedLine(
        line, parsed_text[0], text, level, at, parsed.zone, parsed.day, **parsed_text[1]
    )
