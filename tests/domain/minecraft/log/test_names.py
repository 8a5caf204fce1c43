"""Resolution of names with the players of a world."""

import pytest

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.names import resolve_player, resolve_players
from tests.domain.minecraft.log.corpus import FOREIGN_THREADS
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
        ("Steve was turned into a newt", LineKind.UNKNOWN, ""),
        # The exact phrase is enough for a normal account that was never seen.
        ("Herobrine drowned", LineKind.DEATH, "Herobrine"),
        ("Villager was slain by Zombie", LineKind.UNKNOWN, ""),
        ("ab drowned", LineKind.UNKNOWN, ""),
        ("20 drowned", LineKind.DEATH, "20"),
        # A plugin's name in front, words in front, an entity with a player's name.
        ("[CoreProtect] Steve was slain by Zombie", LineKind.UNKNOWN, ""),
        ("[Deaths] Steve drowned", LineKind.UNKNOWN, ""),
        ("Top deaths: Steve died", LineKind.UNKNOWN, ""),
        ("Player Steve drowned", LineKind.UNKNOWN, ""),
        ("(VIP) Steve drowned", LineKind.DEATH, "Steve"),
        ("Sir Steve drowned", LineKind.DEATH, "Steve"),
        (
            "Mannequin['Steve'/2, l='ServerLevel[world]'] died: Steve was killed",
            LineKind.UNKNOWN,
            "",
        ),
        (
            "[X] Mannequin['Steve'/2, l='ServerLevel[world]'] died: Steve was killed",
            LineKind.UNKNOWN,
            "",
        ),
        # `/say` imitates.
        ("[Steve] left the game", LineKind.SAY_COMMAND, "Steve"),
        ("[Steve] Alex left the game", LineKind.SAY_COMMAND, "Steve"),
        ("[Herobrine] Alex left the game", LineKind.UNKNOWN, ""),
        ("[DiscordSRV] Steve joined the game", LineKind.UNKNOWN, ""),
        ("[Alex Admin] Steve was slain by Zombie", LineKind.UNKNOWN, ""),
        ("[Admin Alex] Steve lost connection: x", LineKind.UNKNOWN, ""),
        ("[Admin Alex] Steve has made the advancement [x]", LineKind.UNKNOWN, ""),
        ("[Alex -> Herobrine] Steve joined the game", LineKind.UNKNOWN, ""),
        # `/say` of a player in a team.
        ("[[Admin] Steve] hello", LineKind.SAY_COMMAND, "Steve"),
        ("[[Admin]Steve] Alex left the game", LineKind.SAY_COMMAND, "Steve"),
        ("[[Admin] Steve] <Alex> hello", LineKind.SAY_COMMAND, "Steve"),
        ("[[Admin] Herobrine] Steve left the game", LineKind.UNKNOWN, ""),
        # Other words beside the name.
        ("Alex: Steve joined the game", LineKind.UNKNOWN, ""),
        ("Herobrine: Steve left the game", LineKind.UNKNOWN, ""),
        ("Herobrine » Steve lost connection: x", LineKind.UNKNOWN, ""),
        ("Unknown command: Steve left the game", LineKind.UNKNOWN, ""),
        ("You whisper to Alex: Steve left the game", LineKind.UNKNOWN, ""),
        ("3 minutes ago Steve left the game", LineKind.UNKNOWN, ""),
        ("Welcome Steve joined the game", LineKind.UNKNOWN, ""),
        ("Steve has joined the game", LineKind.UNKNOWN, ""),
        ("Note: Steve has made the advancement [x]", LineKind.UNKNOWN, ""),
        (
            "Herobrine: Steve[/192.0.2.1:5] logged in with entity id 1 at (1.0, 2.0, 3.0)",
            LineKind.UNKNOWN,
            "",
        ),
        (
            "Odd Name[/192.0.2.1:5] logged in with entity id 1 at (1.0, 2.0, 3.0)",
            LineKind.LOGGED_IN,
            "Odd Name",
        ),
        ("Admin Steve joined the game", LineKind.JOINED, "Steve"),
        ("★ Steve ★ left the game", LineKind.LEFT, "Steve"),
        # The rest of a plugin's text in the place of the killer.
        ("Steve was slain by Zombie: lost 5 coins", LineKind.UNKNOWN, ""),
        ("Steve was slain by Zombie - lost 5 coins", LineKind.UNKNOWN, ""),
        ("Steve was slain by Zombie +5 xp", LineKind.UNKNOWN, ""),
        # Of a bridge to another chat: no player.
        ("[Discord] <Herobrine> hello", LineKind.CHANNEL, ""),
        ("-> [Red] <Herobrine> hello", LineKind.CHANNEL, "Herobrine"),
        # Proxies.
        ("[Steve] <-> ServerConnector [lobby] has connected", LineKind.UNKNOWN, ""),
        ("[/192.0.2.1:5|Steve] <-> InitialHandler has connected", LineKind.UNKNOWN, ""),
        ("[Steve] disconnected with: Kicked", LineKind.UNKNOWN, ""),
        ("[connected player] Steve (/192.0.2.1:5) has connected", LineKind.UNKNOWN, ""),
    ],
)
def test_line_is_resolved_with_the_players(text, kind, username):
    parsed = resolve_players(parse_text_line(text), PLAYERS, {"Steve"})
    assert (parsed.kind, parsed.username) == (kind, username)
    assert parsed.line.endswith(text)
    assert parsed.at is not None


@pytest.mark.parametrize("thread", FOREIGN_THREADS)
@pytest.mark.parametrize(
    "text", ["[Admin] Steve joined the game", "Steve drowned", "Iron Fan left the game"]
)
def test_report_on_a_player_from_another_thread_is_not_believed(thread, text):
    parsed = parse_text_line(text, f"[10:32:55] [{thread}/INFO]: ")
    assert resolve_players(parsed, PLAYERS, PLAYERS).kind is LineKind.UNKNOWN


@pytest.mark.parametrize(
    ("text", "prefix", "chat"),
    [
        ("Steve: hello", "Steve", "hello"),
        ("[Member] Steve: hello", "[Member] Steve", "hello"),
        ("[G] [VIP] Steve » hello", "[G] [VIP] Steve", "hello"),
        ("§7[§aVIP§7] §fSteve§7: §fhello §cyou", "[VIP] Steve", "§fhello §cyou"),
        ("Steve | hello: Alex", "Steve", "hello: Alex"),
        ("Admin Steve [5] ➤ hello", "Admin Steve [5]", "hello"),
        ("[12:30] Steve > hello", "[12:30] Steve", "hello"),
        ("Iron Fan: hello", "", ""),
        ("Herobrine: hello", "", ""),
        ("Welcome back Steve! Tip: read the rules", "", ""),
        ("Steve -> Alex: psst", "", ""),
        ("Steve:", "", ""),
        ("Alex: not online", "", ""),
        # Private messages and reports about a player.
        ("[Steve » Bob] psst", "", ""),
        ("Bob to Steve: psst", "", ""),
        ("Alex Steve: psst", "Alex Steve", "psst"),
        ("Frank2 Steve: psst", "", ""),
        ("From Steve: psst", "", ""),
        ("Blocked message from Steve: rude", "", ""),
    ],
)
def test_line_of_a_chat_plugin_is_what_the_player_says(text, prefix, chat):
    parsed = parse_text_line(text, "[10:32:55] [Async Chat Thread - #0/INFO]: ")
    parsed = resolve_players(parsed, PLAYERS, {"Steve", "Frank2"})
    assert (parsed.username, parsed.display_name, parsed.chat) == (chat and "Steve", prefix, chat)
    assert parsed.kind is (LineKind.CHANNEL if chat else LineKind.UNKNOWN)


@pytest.mark.parametrize("level", ["WARN", "ERROR", "DEBUG"])
def test_warning_of_a_chat_plugin_is_no_chat(level):
    header = f"[10:32:55] [Async Chat Thread - #0/{level}]: "
    parsed = parse_text_line("Could not pass event AsyncPlayerChatEvent to Steve: hello", header)
    assert resolve_players(parsed, PLAYERS, PLAYERS).kind is LineKind.UNKNOWN


@pytest.mark.parametrize("day", ["", "2026-09-25 "])
@pytest.mark.parametrize(
    "logger", ["minecraft/DedicatedServer", "Minecraft", "n.m.s.d.DedicatedServer"]
)
def test_level_before_a_logger_with_a_slash_is_read(day, logger):
    parsed = parse_text_line("Steve joined the game", f"[{day}10:32:55 INFO] [{logger}]: ")
    assert (parsed.kind, parsed.level) == (LineKind.JOINED, "INFO")


def test_line_of_another_thread_is_no_chat_of_a_plugin():
    for header in ("[10:32:55] [Server thread/INFO]: ", "[10:32:55 INFO]: "):
        parsed = resolve_players(parse_text_line("Steve: hello", header), PLAYERS, PLAYERS)
        assert parsed.kind is LineKind.UNKNOWN


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
    parsed = parse_text_line("Herobrine" + " ★" * 900 + " left the game")
    assert resolve_players(parsed, PLAYERS, PLAYERS).kind is LineKind.UNKNOWN
