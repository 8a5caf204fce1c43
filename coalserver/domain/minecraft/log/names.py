"""Whom a line means: what can only be told by one who knows the players of the world."""

import re
from collections.abc import Container

from coalserver.domain.minecraft.log.deaths import OPENINGS, Death, died
from coalserver.domain.minecraft.log.kinds import Found, Kind
from coalserver.domain.minecraft.log.parser import TOLD, Reading
from coalserver.domain.minecraft.log.phrases import LONGEST, of_death, of_several_words

#: Kinds whose line is about one player, however his name is shown.
OF_PLAYERS = frozenset(
    (
        *(Kind.JOINED, Kind.LEFT, Kind.LOST, Kind.CHAT, Kind.CHANNEL, Kind.EMOTE, Kind.DEATH),
        *(Kind.ACHIEVEMENT, Kind.ACHIEVEMENT_LOST, Kind.ADVANCEMENT, Kind.CHALLENGE, Kind.GOAL),
    )
)
#: Where the words about a victim may begin.
_DIED = re.compile(rf" (?=(?:{'|'.join(sorted(OPENINGS))})\b)")
_PARTS = re.compile(r"[\s\[\]()<>{}|~]+")
_SAYS = re.compile(r"\[([^\]]+)\] (.+)", re.DOTALL)
#: One player's blow and a mob's have the same words.
_BY_PLAYERS = {
    "death.attack.mob": "death.attack.player",
    "death.attack.mob.item": "death.attack.player.item",
}
#: A kill of which nothing is known but that somebody who is here is said to have died of it.
UNKNOWN_CAUSE = Death("")


def resolved(shown: str, players: Container[str]) -> str:
    """The one player whom a name as shown means: itself, or with what teams and plugins put around it."""
    if shown in players:
        return shown
    found = [part for part in _PARTS.split(shown) if part and part in players]
    return found[0] if len(found) == 1 else ""


def settled(
    reading: Reading, players: Container[str], online: Container[str] = frozenset()
) -> Reading:
    """The reading of one who knows who has played in this world, and who is in it now.

    Names with decorations are resolved; a death or an emote of a stranger is none; a line about somebody who
    is here that begins like a death is one, of unknown cause, as mods write them.
    """
    kind = reading.kind
    if kind is Kind.UNKNOWN:
        if len(reading.text) > LONGEST:
            return reading
        return _found(reading, _doubtful(reading, players, online))
    if kind in (Kind.DEATH, Kind.EMOTE) and reading.username not in players:
        return _without_a_player(reading)
    if kind is Kind.DEATH and reading.killer in players:
        return reading._replace(death=_BY_PLAYERS.get(reading.death, reading.death))
    if kind is Kind.CHANNEL:
        said = _SAYS.fullmatch(reading.text)
        if said is not None and said[1] in players:
            return _found(reading, _said(said[1], said[2]))
    if kind in OF_PLAYERS and reading.username not in players:
        username = resolved(reading.shown, players)
        return reading._replace(username=username) if username else reading
    return reading


def _doubtful(reading: Reading, players: Container[str], online: Container[str]) -> Found | None:
    """What a line says if the names in it are players'."""
    text = reading.text
    several = of_several_words(text)
    if several is not None:
        kind, facts = several
        username = resolved(facts["shown"], players)
        return (kind, {**facts, "username": username}) if username else None
    if reading.level in TOLD:
        for match in _DIED.finditer(text):
            shown, words = text[: match.start()], text[match.end() :]
            username = resolved(shown, players)
            death = died(words) or (UNKNOWN_CAUSE if username in online else None)
            if username and death:
                return of_death(username, shown, words, death)
    said = _SAYS.fullmatch(text)
    return _said(said[1], said[2]) if said and said[1] in players else None


def _said(name: str, text: str) -> Found:
    return Kind.SAID, {"username": name, "shown": name, "chat": text}


def _without_a_player(reading: Reading) -> Reading:
    return _found(reading, (Kind.UNKNOWN, {}))


def _found(reading: Reading, found: Found | None) -> Reading:
    """The same line, saying that instead."""
    if found is None:
        return reading
    line, text, level, at = reading.line, reading.text, reading.level, reading.at
    return Reading(line, found[0], text, level, at, reading.zone, reading.day, **found[1])
