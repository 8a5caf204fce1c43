"""Death messages: the game's phrases, and matching of texts against them."""

import re
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple


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
    text = (files(__package__) / "deaths.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            yield Phrase(*line.split("\t"))


PHRASES = tuple(sorted(_load_phrases(), key=lambda phrase: -phrase.literal_length))
VICTIM = "{v} "
_VICTIM_FIRST = [
    (phrase.death_key, phrase.template[len(VICTIM) :])
    for phrase in PHRASES
    if phrase.template.startswith(VICTIM)
]
_KILLER_FIRST = [phrase for phrase in PHRASES if not phrase.template.startswith(VICTIM)]

#: The words that may follow a victim's name. Phrases of mods begin with them too.
FIRST_WORDS = frozenset(words.partition(" ")[0] for _, words in _VICTIM_FIRST)

#: The game's prefix of a shortened message (key `death.attack.message_too_long`).
TOO_LONG_PREFIX = (
    "Actually, the message was too long to deliver fully. Sorry! Here's a stripped version: "
)
#: The killer of players whose bed or respawn anchor explodes.
GAME_DESIGN_KILLER = "[Intentional Game Design]"

#: Patterns of victim, killer and item. Item names are any text in brackets; before 1.7, a word without them.
_SLOTS = {"{v}": "(?P<v>.+)", "{k}": "(?P<k>.+?)", "{i}": r"(?P<i>\[.*\]|[^\[\s]\S*)"}


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


def _phrases_by_first_words() -> dict[str, list[tuple[str, Death]]]:
    """Return phrases without slots by their opening, for texts that continue after a phrase."""
    phrases = defaultdict(list)
    for words, death in _EXACT.items():
        phrases[_first_words(words)].append((f"{words} ", death))
    return phrases


_EXACT = _exact_phrases()
_SLOTTED = _slotted_phrases()
_BY_FIRST_WORDS = _phrases_by_first_words()
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
    """Return the death that the words after a victim's name describe, or None."""
    death = _EXACT.get(words)
    if death is not None:
        return death
    opening = _first_words(words)
    for key, pattern in _SLOTTED.get(opening, ()):
        match = pattern.fullmatch(words)
        if match is not None:
            slots = match.groupdict()
            return Death(key, slots.get("k") or "", _strip_brackets(slots.get("i")))
    # Some phrases have a single word, for example `died` and `drowned`.
    for start in (opening, opening.partition(" ")[0]):
        for phrase, death in _BY_FIRST_WORDS.get(start, ()):
            if words.startswith(phrase):
                return death
    return None


def match_killer_first_death(text: str) -> tuple[str, Death] | None:
    """Return victim and death for a text that begins with the killer's name, or None."""
    for separator, key, pattern in _REVERSED:
        match = pattern.fullmatch(text) if separator in text else None
        if match is not None:
            slots = match.groupdict()
            return slots["v"], Death(key, slots["k"], _strip_brackets(slots.get("i")))
    return None
