"""Resolution of names with the players of a world."""

import pytest

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.names import resolve_player, resolve_players
from tests.domain.minecraft.log.test_parser import parse_text_line

PLAYERS = frozenset(("Steve", "Alex", "Iron Fan", "20"))


@pytest.mark.parametrize(
    ("display_name", "username"),
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
def test_display_name_resolves_to_the_only_player_in_it(display_name, username):
    assert resolve_player(display_name, PLAYERS) == username


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
        # No known player.
        ("[Essentials] Herobrine joined the game", LineKind.UNKNOWN, ""),
        ("[Essentials] hello", LineKind.UNKNOWN, ""),
        ("Watchdog died", LineKind.UNKNOWN, ""),
        ("* Herobrine waves", LineKind.UNKNOWN, ""),
        # An online player with a phrase of a mod.
        ("Steve was turned into a newt", LineKind.DEATH, "Steve"),
        ("Alex was turned into a newt", LineKind.UNKNOWN, ""),
    ],
)
def test_line_is_resolved_with_the_players(text, kind, username):
    parsed = resolve_players(parse_text_line(text), PLAYERS, {"Steve"})
    assert (parsed.kind, parsed.username) == (kind, username)
    assert parsed.line.endswith(text)
    assert parsed.at is not None


def test_death_with_an_unknown_phrase_has_its_message():
    parsed = resolve_players(parse_text_line("Steve was turned into a newt"), PLAYERS, PLAYERS)
    assert (parsed.message, parsed.death) == ("was turned into a newt", "")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Steve was slain by Alex", "death.attack.player"),
        ("Steve was slain by Alex using [Bow]", "death.attack.player.item"),
        ("Steve was slain by Zombie", "death.attack.mob"),
        ("Steve was shot by Alex", "death.attack.arrow"),
    ],
)
def test_death_by_a_player_has_its_own_key(text, key):
    assert resolve_players(parse_text_line(text), PLAYERS).death == key


def test_unambiguous_line_stays_unchanged():
    for text in ("<Steve> hi", "Steve joined the game", "Stopping server", "Preparing spawn area"):
        assert resolve_players(parse_text_line(text), PLAYERS) == parse_text_line(text)


def test_long_line_is_resolved_in_linear_time():
    parsed = parse_text_line("[a] Steve" + " was" * 200_000)
    assert resolve_players(parsed, PLAYERS, PLAYERS) == parsed
