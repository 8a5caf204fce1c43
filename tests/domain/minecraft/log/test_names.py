"""Names: whom a line means, for one who knows the players."""

import pytest

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.names import resolve_player, resolve_players
from tests.domain.minecraft.log.test_parser import said

PLAYERS = frozenset(("Steve", "Alex", "Iron Fan", "20"))


@pytest.mark.parametrize(
    ("shown", "username"),
    [
        ("Steve", "Steve"),
        ("[Admin] Steve", "Steve"),
        ("Steve [VIP]", "Steve"),
        ("~Steve", "Steve"),
        ("Iron Fan", "Iron Fan"),
        ("Steve Alex", ""),
        ("Herobrine", ""),
        ("steve", ""),
        ("", ""),
    ],
)
def test_a_name_is_that_of_the_one_player_in_it(shown, username):
    assert resolve_player(shown, PLAYERS) == username


@pytest.mark.parametrize(
    ("text", "kind", "username"),
    [
        ("[Admin] Steve joined the game", LineKind.JOINED, "Steve"),
        ("Iron Fan left the game", LineKind.LEFT, "Iron Fan"),
        ("[Admin] Steve has reached the goal [x]", LineKind.GOAL, "Steve"),
        ("[Admin] Steve was slain by Zombie", LineKind.DEATH, "Steve"),
        ("Iron Fan fell off a ladder", LineKind.DEATH, "Iron Fan"),
        ("Steve [VIP] drowned", LineKind.DEATH, "Steve"),
        ("[Steve] hello", LineKind.SAY_COMMAND, "Steve"),
        ("[Steve] <Alex> hello", LineKind.SAY_COMMAND, "Steve"),
        ("[Red] <Alex> hello", LineKind.CHANNEL, "Alex"),
        ("<Sir Steve III> hello", LineKind.CHAT, "Steve"),
        ("<Herobrine> hello", LineKind.CHAT, "Herobrine"),
        # Nobody known is meant.
        ("[Essentials] Herobrine joined the game", LineKind.UNKNOWN, ""),
        ("[Essentials] hello", LineKind.UNKNOWN, ""),
        ("Watchdog died", LineKind.UNKNOWN, ""),
        ("* Herobrine waves", LineKind.UNKNOWN, ""),
        # Here, and the words of some mod.
        ("Steve was turned into a newt", LineKind.DEATH, "Steve"),
        ("Alex was turned into a newt", LineKind.UNKNOWN, ""),
    ],
)
def test_who_knows_the_players_reads_more(text, kind, username):
    reading = resolve_players(said(text), PLAYERS, {"Steve"})
    assert (reading.kind, reading.username) == (kind, username)
    assert reading.line.endswith(text)
    assert reading.at is not None


def test_a_death_of_unknown_cause_has_its_words():
    reading = resolve_players(said("Steve was turned into a newt"), PLAYERS, PLAYERS)
    assert (reading.message, reading.death) == ("was turned into a newt", "")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Steve was slain by Alex", "death.attack.player"),
        ("Steve was slain by Alex using [Bow]", "death.attack.player.item"),
        ("Steve was slain by Zombie", "death.attack.mob"),
        ("Steve was shot by Alex", "death.attack.arrow"),
    ],
)
def test_a_players_blow_is_told_from_a_mobs(text, key):
    assert resolve_players(said(text), PLAYERS).death == key


def test_what_was_sure_stays_as_it_was():
    for text in ("<Steve> hi", "Steve joined the game", "Stopping server", "Preparing spawn area"):
        assert resolve_players(said(text), PLAYERS) == said(text)


def test_a_long_line_is_settled_soon():
    reading = said("[a] Steve" + " was" * 200_000)
    assert resolve_players(reading, PLAYERS, PLAYERS) == reading
