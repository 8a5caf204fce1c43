"""Death messages: every phrase of every version, with difficult names."""

from itertools import product

import pytest

from coalserver.domain.minecraft.log.deaths import (
    FIRST_WORDS,
    PHRASES,
    TOO_LONG_PREFIX,
    match_death,
    match_killer_first_death,
)
from coalserver.domain.minecraft.log.kinds import LineKind
from tests.domain.minecraft.log.test_parser import DATED, parse_text_line

#: Keys and templates in the game's translation files. Update these with deaths.txt.
KEYS, DISTINCT = 106, 133
SECOND_WORDS = (
    "blew burned didn't died discovered drowned experienced fell froze hit left starved suffocated tried"
    " walked was went withered"
)
#: Names that contain words of the game's phrases.
KILLERS = ("Zombie", "Wither Skeleton", "Bob was slain by Al", "while fighting")
ITEMS = ("Bow", "a by b", "while trying to hurt [x]")
#: Phrases known to the original program, before 1.7: phrase, killer, weapon.
ORIGINAL_PHRASES = [
    ("was squashed by a falling anvil", "", ""),
    ("was pricked to death", "", ""),
    ("walked into a cactus whilst trying to escape Bob", "Bob", ""),
    ("was shot by arrow", "arrow", ""),
    ("drowned whilst trying to escape Bob", "Bob", ""),
    ("drowned", "", ""),
    ("blew up", "", ""),
    ("was blown up by Creeper", "Creeper", ""),
    ("hit the ground too hard", "", ""),
    ("fell off a ladder", "", ""),
    ("fell off some vines", "", ""),
    ("fell out of the water", "", ""),
    ("fell from a high place", "", ""),
    ("fell into a patch of fire", "", ""),
    ("fell into a patch of cacti", "", ""),
    ("was doomed to fall by Bob", "Bob", ""),
    ("was shot off some vines by Bob", "Bob", ""),
    ("was blown from a high place by Bob", "Bob", ""),
    ("went up in flames", "", ""),
    ("burned to death", "", ""),
    ("was burnt to a crisp whilst fighting Bob", "Bob", ""),
    ("walked into a fire whilst fighting Bob", "Bob", ""),
    ("was slain by Bob using Sword", "Bob", "Sword"),
    ("was slain by Bob", "Bob", ""),
    ("was shot by Bob", "Bob", ""),
    ("was fireballed by Ghast", "Ghast", ""),
    ("was killed by magic", "", ""),
    ("was killed by Bob", "Bob", ""),
    ("got finished off by Bob using Sword", "Bob", "Sword"),
    ("tried to swim in lava while trying to escape Bob", "Bob", ""),
    ("tried to swim in lava", "", ""),
    ("died", "", ""),
    ("starved to death", "", ""),
    ("suffocated in a wall", "", ""),
    ("was killed while trying to hurt Bob", "Bob", ""),
    ("was pummeled by Bob", "Bob", ""),
    ("fell out of the world", "", ""),
    ("fell from a high place and fell out of the world", "", ""),
    ("was knocked into the void by Bob", "Bob", ""),
    ("withered away", "", ""),
]


def test_table_is_complete():
    ours = [phrase for phrase in PHRASES if phrase.death_key.startswith("death.")]
    assert len({phrase.death_key for phrase in ours}) == KEYS
    assert len({phrase.template for phrase in ours}) == DISTINCT
    assert FIRST_WORDS == {*SECOND_WORDS.split(), "got"}


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.template)
def test_phrase_is_not_mistaken_for_another(phrase):
    first = next(other.death_key for other in PHRASES if other.template == phrase.template)
    for killer, item in product(KILLERS, ITEMS):
        # With the killer first, a name that contains a phrase is ambiguous.
        killer = killer if phrase.template.startswith("{v}") else "Sulfur Cube"
        text = (
            phrase.template.replace("{v}", "Steve")
            .replace("{k}", killer)
            .replace("{i}", f"[{item}]")
        )
        parsed = parse_text_line(text, DATED)
        assert (parsed.kind, parsed.death, parsed.username) == (LineKind.DEATH, first, "Steve")
        assert "{k}" not in phrase.template or parsed.killer == killer
        assert parsed.weapon == (item if "{i}" in phrase.template else "")


@pytest.mark.parametrize(("words", "killer", "weapon"), ORIGINAL_PHRASES)
def test_phrase_of_the_original_program_is_known(words, killer, weapon):
    parsed = parse_text_line(f"bob {words}", DATED)
    assert (parsed.kind, parsed.username, parsed.message) == (LineKind.DEATH, "bob", words)
    assert (parsed.killer, parsed.weapon) == (killer, weapon)


@pytest.mark.parametrize(
    "name", ["20", "_", "died", "was", "drowned", "using", "by", "2014", "showed"]
)
def test_message_follows_the_first_occurrence_of_the_name(name):
    parsed = parse_text_line(f"{name} was slain by {name} using [{name}]", DATED)
    assert (parsed.username, parsed.killer, parsed.weapon) == (name, name, name)
    assert parsed.message == f"was slain by {name} using [{name}]"


@pytest.mark.parametrize(
    ("text", "victim", "key", "killer"),
    [
        # The whole text is a phrase, or it is none.
        ("bob died of boredom", "", "", ""),
        # A phrase before 1.7, in a header of today.
        ("bob was killed by magic spells", "", "", ""),
        ("bob was killed by an operator", "", "", ""),
        ("bob was shot by an arrow", "", "", ""),
        ("bob was slain by Alex in the arena", "", "", ""),
        ("bob was slain by Alex.", "", "", ""),
        ("bob was slain by Bob died", "bob", "death.attack.mob", "Bob died"),
        (f"{TOO_LONG_PREFIX}bob drowned", "bob", "death.attack.drown", ""),
        ("Sulfur Cube showed bob that not just the floor is lava", "bob", None, "Sulfur Cube"),
        ("a showed b showed bob that not just the floor is lava", "", "", ""),
        (
            "bob was killed by [Intentional Game Design]",
            "bob",
            "death.attack.badRespawnPoint.message",
            "[Intentional Game Design]",
        ),
    ],
)
def test_special_forms(text, victim, key, killer):
    parsed = parse_text_line(text)
    assert (parsed.username, parsed.killer) == (victim, killer)
    assert parsed.death == (key if key is not None else "death.attack.sulfurCubeHot.player")


@pytest.mark.parametrize(
    "words",
    [
        *("was", "", "was tamed by Bob", "fell in love", "went home", "blew"),
        *(
            "was teleported to spawn",
            "left the region Market",
            "was promoted to VIP",
            "hit level 30",
        ),
        *("tried to open a locked chest", "went to bed. 1/2 sleeping", "died 14 times", "drowned."),
        *("was kicked by an operator.", "fell from a high place again"),
    ],
)
def test_other_words_are_not_a_death(words):
    assert match_death(words) is None
    assert parse_text_line(f"bob {words}").kind is LineKind.UNKNOWN
    assert match_killer_first_death(f"bob {words}") is None
