"""Whom a line means: what can only be told by one who knows the players of the world."""

import re
from collections.abc import Container

from coalserver.domain.minecraft.log.deaths import FIRST_WORDS, Death, match_death
from coalserver.domain.minecraft.log.kinds import LineKind, ParsedText
from coalserver.domain.minecraft.log.parser import DEATH_LEVELS, ParsedLine
from coalserver.domain.minecraft.log.phrases import MAX_TEXT_LENGTH, death_of, parse_multi_word_name

#: Kinds whose line is about one player, however his name is shown.
PLAYER_KINDS = frozenset(
    (
        *(
            LineKind.JOINED,
            LineKind.LEFT,
            LineKind.CONNECTION_LOST,
            LineKind.CHAT,
            LineKind.CHANNEL,
            LineKind.EMOTE,
            LineKind.DEATH,
        ),
        *(
            LineKind.ACHIEVEMENT,
            LineKind.ACHIEVEMENT_LOST,
            LineKind.ADVANCEMENT,
            LineKind.CHALLENGE,
            LineKind.GOAL,
        ),
    )
)
#: Where the words about a victim may begin.
_DEATH_WORDS = re.compile(rf" (?=(?:{'|'.join(sorted(FIRST_WORDS))})\b)")
_NAME_SEPARATORS = re.compile(r"[\s\[\]()<>{}|~]+")
_SAY_COMMAND = re.compile(r"\[([^\]]+)\] (.+)", re.DOTALL)
#: One player's blow and a mob's have the same words.
_PLAYER_DEATH_KEYS = {
    "death.attack.mob": "death.attack.player",
    "death.attack.mob.item": "death.attack.player.item",
}
#: A kill of which nothing is known but that somebody who is here is said to have died of it.
UNKNOWN_CAUSE = Death("")


def resolve_player(display_name: str, players: Container[str]) -> str:
    """The one player whom a name as shown means: itself, or with what teams and plugins put around it."""
    if display_name in players:
        return display_name
    matches = [part for part in _NAME_SEPARATORS.split(display_name) if part and part in players]
    return matches[0] if len(matches) == 1 else ""


def resolve_players(
    parsed: ParsedLine, players: Container[str], online: Container[str] = frozenset()
) -> ParsedLine:
    """The reading of one who knows who has played in this world, and who is in it now.

    Names with decorations are resolved; a death or an emote of a stranger is none; a line about somebody who
    is here that begins like a death is one, of unknown cause, as mods write them.
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
    """What a line says if the names in it are players'."""
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
    """The same line, saying that instead."""
    if parsed_text is None:
        return parsed
    line, text, level, at = parsed.line, parsed.text, parsed.level, parsed.at
    return ParsedLine(
        line, parsed_text[0], text, level, at, parsed.zone, parsed.day, **parsed_text[1]
    )
