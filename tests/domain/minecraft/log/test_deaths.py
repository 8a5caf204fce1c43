"""Deaths: every phrase of every version, and what stands in its places."""

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
from tests.domain.minecraft.log.test_parser import DATED, said

#: By the table of the game's translations. Whoever changes deaths.txt looks here again.
KEYS, DISTINCT = 106, 133
SECOND_WORDS = (
    "blew burned didn't died discovered drowned experienced fell froze hit left starved suffocated tried"
    " walked was went withered"
)
#: Names that make it hard to see where the game's words go on.
KILLERS = ("Zombie", "Wither Skeleton", "Bob was slain by Al", "while fighting")
ITEMS = ("Bow", "a by b", "while trying to hurt [x]")
#: What the original program knew, before 1.7: phrase, killer, weapon.
OF_OLD = [
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


def test_the_table_is_whole():
    ours = [phrase for phrase in PHRASES if phrase.death_key.startswith("death.")]
    assert len({phrase.death_key for phrase in ours}) == KEYS
    assert len({phrase.template for phrase in ours}) == DISTINCT
    assert FIRST_WORDS == {*SECOND_WORDS.split(), "got"}


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.template)
def test_no_phrase_is_taken_for_another(phrase):
    first = next(other.death_key for other in PHRASES if other.template == phrase.template)
    for killer, item in product(KILLERS, ITEMS):
        # Where the killer is named first, a name like a phrase leaves open who died.
        killer = killer if phrase.template.startswith("{v}") else "Sulfur Cube"
        text = (
            phrase.template.replace("{v}", "Steve")
            .replace("{k}", killer)
            .replace("{i}", f"[{item}]")
        )
        reading = said(text)
        assert (reading.kind, reading.death, reading.username) == (LineKind.DEATH, first, "Steve")
        assert "{k}" not in phrase.template or reading.killer == killer
        assert reading.weapon == (item if "{i}" in phrase.template else "")


@pytest.mark.parametrize(("words", "killer", "weapon"), OF_OLD)
def test_what_the_original_knew_is_known(words, killer, weapon):
    reading = said(f"bob {words}", DATED)
    assert (reading.kind, reading.username, reading.message) == (LineKind.DEATH, "bob", words)
    assert (reading.killer, reading.weapon) == (killer, weapon)


@pytest.mark.parametrize(
    "name", ["20", "_", "died", "was", "drowned", "using", "by", "2014", "showed"]
)
def test_the_message_is_what_follows_the_name_wherever_else_that_is(name):
    reading = said(f"{name} was slain by {name} using [{name}]", DATED)
    assert (reading.username, reading.killer, reading.weapon) == (name, name, name)
    assert reading.message == f"was slain by {name} using [{name}]"


@pytest.mark.parametrize(
    ("text", "victim", "key", "killer"),
    [
        ("bob died of boredom", "bob", "death.attack.generic", ""),
        ("bob was killed by magic spells", "bob", "old.killed", "magic spells"),
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
    reading = said(text)
    assert (reading.username, reading.killer) == (victim, killer)
    assert reading.death == (key if key is not None else "death.attack.sulfurCubeHot.player")


@pytest.mark.parametrize(
    "words", ["was", "", "was tamed by Bob", "fell in love", "went home", "blew"]
)
def test_other_words_are_no_death(words):
    assert match_death(words) is None
    assert said(f"bob {words}").kind is LineKind.UNKNOWN
    assert match_killer_first_death(f"bob {words}") is None
