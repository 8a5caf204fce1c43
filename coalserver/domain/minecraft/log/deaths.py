"""Death messages: the game's phrases, and matching of texts against them."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from coalserver.domain.minecraft.log.tables import rows


class Phrase(NamedTuple):
    """A row of `deaths.txt`: the game's translation key and the template of a message."""

    death_key: str
    template: str

    @property
    def literal_length(self) -> int:
        """The number of characters outside slots. Longer phrases are tried first."""
        return len(re.sub(r"\{[vki]\}", "", self.template))


class Death(NamedTuple):
    """A parsed death message. `death_key` is the game's translation key, or empty."""

    death_key: str
    killer: str = ""
    weapon: str = ""


def _load_phrases() -> Iterator[Phrase]:
    return (Phrase(*row) for row in rows("deaths.txt"))


PHRASES = tuple(sorted(_load_phrases(), key=lambda phrase: -phrase.literal_length))
VICTIM = "{v} "
_VICTIM_FIRST = [
    (phrase.death_key, phrase.template[len(VICTIM) :])
    for phrase in PHRASES
    if phrase.template.startswith(VICTIM)
]
_KILLER_FIRST = [phrase for phrase in PHRASES if not phrase.template.startswith(VICTIM)]

#: The words that may follow a victim's name.
FIRST_WORDS = frozenset(words.partition(" ")[0] for _, words in _VICTIM_FIRST)

#: The game's prefix of a shortened message (key `death.attack.message_too_long`).
TOO_LONG_PREFIX = (
    "Actually, the message was too long to deliver fully. Sorry! Here's a stripped version: "
)
#: The killer of players whose bed or respawn anchor explodes.
GAME_DESIGN_KILLER = "[Intentional Game Design]"

#: Patterns of victim, killer and item. Item names are any text in brackets; before 1.7, a word without them.
_SLOTS = {"{v}": "(?P<v>.+)", "{k}": "(?P<k>.+?)", "{i}": r"(?P<i>\[.*\]|[^\[\s]\S*)"}


#: Keys of phrases before 1.7, which are believed in that age's headers only: `was killed by {k}` is what plugins say.
OLD_KEYS = "old."
#: What a plugin's text has in the place of the killer: an article, a place after a name, the end or the rest of a text.
#: The game writes the bare name of an entity.
_NO_KILLER = re.compile(
    r"(?:an?|the|his|her|their|its|some|something|someone) .*"
    r"|[A-Z_]\w*(?: [A-Z]\w*)* (?:in|at|with|from|on|and|for|near|after|during)\b.*"
    r"|.*[.!,;?]|.*(?:[:;] | [-–] | \+\d).*|.{129,}",
    re.DOTALL,
)


def _pattern(words: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[vki]\})", words)
    return re.compile("".join(_SLOTS.get(part) or re.escape(part) for part in parts), re.DOTALL)


def _first_words(words: str) -> str:
    """Return the first two words, or the only one."""
    return " ".join(words.split(" ", 2)[:2])


def _exact_phrases() -> dict[str, Death]:
    deaths: dict[str, Death] = {}
    for key, words in _VICTIM_FIRST:
        if "{" not in words:
            deaths.setdefault(
                words, Death(key, GAME_DESIGN_KILLER if words.endswith(GAME_DESIGN_KILLER) else "")
            )
    return deaths


def _slotted_phrases() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    keys: dict[str, dict[str, str]] = defaultdict(dict)
    for key, words in _VICTIM_FIRST:
        if "{" in words:
            keys[_first_words(words)].setdefault(words, key)
    return {
        opening: [(key, _pattern(words)) for words, key in phrases.items()]
        for opening, phrases in keys.items()
    }


_EXACT = _exact_phrases()
_SLOTTED = _slotted_phrases()
#: Phrases with the killer first, each with the text between the names for a quick test.
_REVERSED = [
    (re.split(r"\{[vki]\}", phrase.template)[1], phrase.death_key, _pattern(phrase.template))
    for phrase in _KILLER_FIRST
]


def _strip_brackets(item: str | None) -> str:
    """Return an item's name without the log's brackets; empty for None."""
    if not item:
        return ""
    return item[1:-1] if item.startswith("[") and item.endswith("]") else item


def match_death(words: str) -> Death | None:
    """Return the death that the words after a victim's name describe, or None.

    They are exactly one phrase of the game; a text that only begins like one describes no death.
    """
    death = _EXACT.get(words)
    if death is not None:
        return death
    for key, pattern in _SLOTTED.get(_first_words(words), ()):
        match = pattern.fullmatch(words)
        if match is not None:
            slots = match.groupdict()
            killer = slots.get("k") or ""
            if _NO_KILLER.fullmatch(killer):
                return None
            return Death(key, killer, _strip_brackets(slots.get("i")))
    return None


def match_killer_first_death(text: str) -> tuple[str, Death] | None:
    """Return victim and death for a text that begins with the killer's name, or None."""
    for separator, key, pattern in _REVERSED:
        match = pattern.fullmatch(text) if separator in text else None
        if match is not None:
            slots = match.groupdict()
            return slots["v"], Death(key, slots["k"], _strip_brackets(slots.get("i")))
    return None
