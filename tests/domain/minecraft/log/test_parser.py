"""The log parser: all headers, all kinds of lines, and misleading texts."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.core.steps import complete
from coalserver.domain.minecraft.log import parser
from coalserver.domain.minecraft.log.dates import FileDates, LiveDates, NoDates
from coalserver.domain.minecraft.log.header import MAX_COLOR_CODES
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import (
    STEP_CHARACTERS,
    STEP_LINES,
    ParsedLine,
    join_chats,
    line_identity,
    parse_batch,
    parse_line,
    parse_lines,
)
from tests.domain.minecraft.log.corpus import SHAPES, corpus

#: 2026-09-25 12:00:00 UTC.
NOON = 1790337600.0
TODAY = LiveDates.from_time(NOON, "UTC")
DATED = "2014-04-19 10:32:55 [INFO] "
VANILLA = "[10:32:55] [Server thread/INFO]: "
FROM = "[/127.0.0.1:5] logged in with entity id 1 at"


def parse_text_line(text: str, header: str = VANILLA) -> ParsedLine:
    return parse_line(header + text, TODAY)


def fields_of(parsed: ParsedLine, *names: str) -> dict[str, object]:
    return {name: getattr(parsed, name) for name in names}


@pytest.mark.parametrize(
    "clock", ["1::2::33", "::::::::", "12:00:6:", "24:00:00", "12:60:00", "12:00:60"]
)
def test_impossible_clock_of_a_container_gives_no_time(clock):
    """An agent repeats a refused line: an error would hold up all lines after it."""
    line = f"2026-09-25T{clock}Z stdout F {VANILLA}<Steve> hi"
    for dates in (TODAY, FileDates("UTC", date(2026, 9, 25))):
        parsed = parse_line(line, dates)
        assert (parsed.line, parsed.kind, parsed.at) == (line, LineKind.UNKNOWN, None)


@pytest.mark.parametrize("seed", range(3))
def test_every_line_of_the_corpus_is_parsed(seed):
    for line in corpus(seed):
        parsed = parse_line(line.line, TODAY)
        assert (parsed.kind, fields_of(parsed, *line.expected)) == (line.kind, line.expected), line
        assert parsed.text == line.text.removeprefix("[Not Secure] ")
        assert parsed.at is not None and parsed.at // 1 % 86400 == line.second, line


#: The lines of section 2 of the COAL document, with their tags.
COAL_LINES = [
    (f"bob{FROM} (1.5, 64.0, -2.25)", "timestamp connection login"),
    (f"bob{FROM} ([world] 1.5, 64.0, -2.25)", "timestamp connection login"),
    ("bob lost connection: Disconnected", "timestamp connection logout"),
    ("bob lost connection: disconnect.quitting", "timestamp connection logout"),
    ("[Server] <COAL> Saving", "timestamp coal"),
    ("<bob> hi", "timestamp chat"),
    ("[Server] <bob> hi", "timestamp chat"),
    ("[Server] hi", "timestamp chat"),
    ("Can't keep up! Did the system time change?", "timestamp server performance overloaded"),
    ("Stopping server", "timestamp server stopping"),
    ("Starting minecraft server version 1.8.1-pre3", "timestamp server starting"),
    ("bob was slain by Zombie", "timestamp death"),
    ("bob has just earned the achievement [The Lie]", "timestamp achievement"),
    ("Preparing spawn area", "timestamp unknown"),
    ("<COAL> hi", "timestamp chat"),
    # Lines that the original program does not recognise.
    ("bob joined the game", "timestamp connection login"),
    ("bob left the game", "timestamp connection logout"),
    ("/127.0.0.1:1234 lost connection: x", "timestamp connection"),
    ("bob has made the advancement [Stone Age]", "timestamp achievement"),
    ("<böb> hi", "timestamp chat"),
]


@pytest.mark.parametrize(("text", "tags"), COAL_LINES)
def test_tags_are_in_display_order(text, tags):
    assert " ".join(parse_text_line(text, DATED).tags) == tags


@pytest.mark.parametrize(
    "line",
    [
        "2014-02-30 10:32:55 [INFO] <bob> hi",
        "2014-02-03 25:32:55 [INFO] <bob> hi",
        "foo bar [INFO] x",
        "java.lang.NullPointerException: null",
        "\tat net.minecraft.server.MinecraftServer.run(MinecraftServer.java:1)",
        "<bob> hi",
        "[99:99:99] [Server thread/INFO]: <bob> hi",
        "",
    ],
)
def test_line_without_a_valid_time_is_unknown(line):
    parsed = parse_line(line, TODAY)
    assert parsed.tags == ("unknown",)
    assert parsed.at is None


def test_duplicate_tags_leave_out_login_and_logout():
    parsed = parse_text_line("bob joined the game")
    assert parsed.duplicate_tags == ("timestamp", "connection")
    assert parse_text_line("<bob> hi").duplicate_tags == ("timestamp", "chat")


def test_line_without_a_header_is_a_continuation():
    lines = [f"{VANILLA}Banned player bob", "Reason: Steve left the game", "<Steve> hi"]
    kinds = [parsed.kind for parsed in parse_lines(lines, TODAY)[0]]
    assert kinds == [LineKind.BANNED, LineKind.CONTINUATION, LineKind.CONTINUATION]


@pytest.mark.parametrize(
    "line",
    [
        "Error: Unable to access jarfile server.jar",
        "Error: Invalid or corrupt jarfile server.jar",
        "Exception in thread main java.lang.UnsupportedClassVersionError: net/minecraft",
        f"{VANILLA}**** FAILED TO BIND TO PORT!",
        f"{VANILLA}You need to agree to the EULA in order to run the server. Go to eula.txt for more info.",
    ],
)
def test_failed_start_is_recognised(line):
    assert parse_line(line, TODAY).kind is LineKind.FAILED


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("This server is running Paper version 26.3", LineKind.BRAND),
        ("Loading Minecraft 26.3 with Fabric Loader 0.17", LineKind.BRAND),
        ("ModLauncher running: args []", LineKind.BRAND),
        ("Server empty for 60 seconds, pausing", LineKind.PAUSED),
        ("Saved the game", LineKind.SAVED),
        ("Saved the world", LineKind.SAVED),
        ("This crash report has been saved to: /x/crash.txt", LineKind.CRASHED),
        ("Encountered an unexpected exception", LineKind.CRASHED),
        ("A single server tick took 60.00 seconds (should be max 0.05)", LineKind.CRASHED),
        ("UUID of player Steve is 5627dd98-e6be-3c21-b8a8-e92344183641", LineKind.UUID),
        ("Steve issued server command: /home", LineKind.COMMAND),
        ("Steve has lost the achievement [The Lie]", LineKind.ACHIEVEMENT_LOST),
        ("Kicked Steve: being rude", LineKind.KICKED),
        ("Kicked Steve from the game: 'rude'", LineKind.KICKED),
        ("Kicked Steve from the game", LineKind.KICKED),
        ("Banned Steve: rude", LineKind.BANNED),
        ("Banned player Steve", LineKind.BANNED),
        ("-> [Red] <Steve> over here", LineKind.CHANNEL),
        (
            "Named entity Wolf['Rex'/12, l='ServerLevel[world]'] died: Rex drowned",
            LineKind.MOB_DEATH,
        ),
        (
            "Villager Villager['Librarian'/412] died, message: 'Librarian drowned'",
            LineKind.MOB_DEATH,
        ),
    ],
)
def test_other_kinds_are_recognised(text, kind):
    assert parse_text_line(text).kind is kind


@pytest.mark.parametrize(
    ("text", "kind", "username"),
    [
        ("Stopping server in 10 seconds", LineKind.UNKNOWN, ""),
        ("[Essentials] Stopping server", LineKind.UNKNOWN, ""),
        ("[DiscordSRV] Steve joined the game", LineKind.UNKNOWN, ""),
        ("[Backup] done was slain by cron", LineKind.UNKNOWN, ""),
        ("<Steve> Stopping server", LineKind.CHAT, "Steve"),
        ("<Steve> Alex left the game", LineKind.CHAT, "Steve"),
        ("<Steve> [Server] <COAL> hi", LineKind.CHAT, "Steve"),
        ("<Steve> System chat: [Not Secure] <Alex> hi", LineKind.CHAT, "Steve"),
        ("[Server] <Steve> Alex left the game", LineKind.SITE_CHAT, "Steve"),
        ("[Steve: Stopping server]", LineKind.FEEDBACK, ""),
        ("* Steve joined the game", LineKind.EMOTE, "Steve"),
        ("Starting joined the game", LineKind.JOINED, "Starting"),
        ("Stopping left the game", LineKind.LEFT, "Stopping"),
        ("UUID was slain by Steve", LineKind.DEATH, "UUID"),
        ("Banned drowned", LineKind.DEATH, "Banned"),
        ("Disconnecting died", LineKind.DEATH, "Disconnecting"),
        ("left left the game", LineKind.LEFT, "left"),
        (
            "has has made the advancement [x has made the advancement [y]",
            LineKind.ADVANCEMENT,
            "has",
        ),
        ("Steve joined the game of chess", LineKind.UNKNOWN, ""),
        ("Steve lost connection", LineKind.UNKNOWN, ""),
        ("Iron Fan joined the game", LineKind.JOINED, ""),
        (
            "Iron Fan[/1.2.3.4:5] logged in with entity id 1 at (0, 0, 0)",
            LineKind.LOGGED_IN,
            "Iron Fan",
        ),
        (".Bed_Rock joined the game", LineKind.JOINED, ".Bed_Rock"),
        ("§eSteve joined the game", LineKind.JOINED, "Steve"),
        ("Steve logged in with entity id 1 at (NaN, x, 0)", LineKind.UNKNOWN, ""),
    ],
)
def test_misleading_text_is_parsed_correctly(text, kind, username):
    parsed = parse_text_line(text)
    assert (parsed.kind, parsed.username) == (kind, username)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A chat message from the website by an account without a username.
        ("[Server] <*nick> hi", {"username": "", "display_name": "*nick", "chat": "<*nick> hi"}),
        (
            "[Server] <a-b@x.com> hi",
            {"username": "", "display_name": "a-b@x.com", "chat": "<a-b@x.com> hi"},
        ),
        ("[Server] <t@gmail.com> hi", {"username": "t@gmail.com", "player": "", "chat": "hi"}),
        (
            "[Server] <The Nick> hi",
            {"username": "", "display_name": "The Nick", "chat": "<The Nick> hi"},
        ),
        (
            "[Not Secure] [Server] <bob> <x> y",
            {"username": "bob", "player": "bob", "chat": "<x> y"},
        ),
        ("[Server] <COAL> hi", {"username": "", "chat": "hi"}),
        ("<§bbob§r> §chello§r there", {"username": "bob", "chat": "§chello§r there"}),
        ("§7<§bbob§r>§f hi", {"username": "bob", "chat": "hi"}),
        ("§bbob§r was shot by §calice§r", {"username": "bob", "killer": "alice"}),
        ("§bbob§r was shot by §calice§r", {"message": "was shot by alice"}),
        ("bob (formerly known as al) joined the game", {"message": "formerly known as al"}),
        (
            "Steve lost connection: TextComponent{text='Timed out', siblings=[], style=Style{}}",
            {"username": "Steve", "message": "Timed out"},
        ),
        (
            "com.mojang.authlib.GameProfile@1a2b[id=<null>,name=Steve,properties={},legacy=false]"
            " (/127.0.0.1:5) lost connection: Disconnected",
            {"username": "", "display_name": "Steve", "ip": "127.0.0.1", "message": "Disconnected"},
        ),
        (
            "Disconnecting Steve (/[::1]:5): You are banned (/x:1): no",
            {"display_name": "Steve", "ip": "::1", "message": "You are banned (/x:1): no"},
        ),
        (f"bob{FROM} (1.5, 64.0)", {"location": None, "username": ""}),
        (f"bob{FROM} (1e999, 64.0, 0)", {"location": None, "username": "bob"}),
        ("bob[localhost/127.0.0.1:5] logged in with entity id 1 at (0, 0, 0)", {"ip": "127.0.0.1"}),
        ("bob[/0:0:0:0:0:0:0:1:55] logged in with entity id 1 at (0, 0, 0)", {"port": "55"}),
    ],
)
def test_details_are_separated_correctly(text, expected):
    parsed = parse_text_line(text)
    assert fields_of(parsed, *expected) == expected


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[0;33;1m[10:32:55 WARN]: <Steve> hi\x1b[m",
        "> [10:32:55 INFO]: <Steve> hi",
        "\r\x1b[K[10:32:55 INFO]: <Steve> hi\r\n",
        "\ufeff[10:32:55] [Server thread/INFO]: <Steve> hi",
        "[10:32:55] [RCON Client /[0:0:0:0:0:0:0:1] #3/INFO]: <Steve> hi",
        "[10:32:55] [Server thread/INFO] [minecraft/DedicatedServer]: <Steve> hi",
        "[25sept.2026 10:32:55.001] [Server thread/INFO] [net.minecraft.X/]: <Steve> hi",
        "[2026-09-25 10:32:55] [Server thread/INFO]: <Steve> hi",
        "2026-09-25T12:32:55+02:00 [Server thread/INFO]: <Steve> hi",
    ],
)
def test_unusual_headers_are_parsed(line):
    parsed = parse_line(line, TODAY)
    assert (parsed.username, parsed.chat, parsed.day) == ("Steve", "hi", "2026-09-25")
    assert parsed.at is not None and parsed.at // 1 == NOON - 3600 - 27 * 60 - 5


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("[16.02.2019 10:32:55] [Server thread/INFO]: <Steve> hi", "2019-02-16 10:32:55"),
        ("[17/02/2019 10:32:55] [Server thread/INFO]: <Steve> hi", "2019-02-17 10:32:55"),
        ("[02/17/2019 10:32:55 PM] [Server thread/INFO]: <Steve> hi", "2019-02-17 22:32:55"),
        ("[2019/02/18 10:32:55 INFO]: <Steve> hi", "2019-02-18 10:32:55"),
        ("[25ก.ย.2569 10:32:55.000] [Server thread/INFO]: <Steve> hi", "2026-09-25 10:32:55"),
        ("2013-07-02 10:32:55 [SERVER] [INFO] <Steve> hi", "2013-07-02 10:32:55"),
        ("[10:32:55 PM INFO]: <Steve> hi", "2026-09-25 22:32:55"),
        ("[10:32:55]\t[Server thread/INFO]:  <Steve> hi", "2026-09-25 10:32:55"),
        ("[10:32:55] [INFO] <Steve> hi", "2026-09-25 10:32:55"),
        ("2026-09-25T08:32:55.5Z stdout F [10:32:55 INFO]: <Steve> hi", "2026-09-25 08:32:55"),
        ("mc | 2026-09-25T08:32:55Z [10:32:55 INFO]: <Steve> hi", "2026-09-25 08:32:55"),
        ("Sep 25 10:32:55 box java[12]: [10:32:55 INFO]: <Steve> hi", "2026-09-25 10:32:55"),
        (
            "2026-09-25T10:32:55+0200 box java[12]: [10:32:55 INFO]: <Steve> hi",
            "2026-09-25 08:32:55",
        ),
    ],
)
def test_header_of_another_program_or_country_is_parsed(line, at):
    parsed = parse_line(line, LiveDates.from_time(NOON + 11 * 3600, "UTC"))
    assert (parsed.username, parsed.chat) == ("Steve", "hi")
    assert parsed.at is not None
    assert datetime.fromtimestamp(parsed.at // 1, UTC).isoformat(" ") == f"{at}+00:00"


@pytest.mark.parametrize(
    "line",
    [
        "[15xyzzy2026 10:32:55.000] [Server thread/INFO]: <Steve> hi",
        "[10:32:55 qq] [Server thread/INFO]: <Steve> hi",
        "[32.13.2019 10:32:55] [Server thread/INFO]: <Steve> hi",
    ],
)
def test_date_that_is_not_understood_is_the_senders_or_none(line):
    assert parse_line(line, TODAY).at is None
    assert parse_line(line, FileDates("UTC", date(2019, 6, 15))).day == "2019-06-15"


def test_chat_has_the_lines_that_continue_it():
    lines = [f"{VANILLA}<Steve> one", "two", " three", f"{VANILLA}Saved the game", "four"]
    parsed = parse_lines(lines, TODAY)[0]
    join_chats(parsed)
    assert parsed[0].chat == "one\ntwo\n three"
    trace = [f"{VANILLA}<Steve> one", "java.lang.NullPointerException", "\tat a.b(C.java:1)", "x"]
    parsed = parse_lines(trace, TODAY)[0]
    join_chats(parsed)
    assert parsed[0].chat == "one"


@pytest.mark.parametrize("later", ["[CHAT] Alex drowned", "[System] [CHAT] Alex joined the game"])
def test_client_only_repeats_what_the_server_wrote(later):
    parsed = parse_text_line(later, "[10:32:55] [Render thread/INFO]: ")
    assert parsed.kind is LineKind.UNKNOWN


def test_mod_that_says_it_stops_does_not_stop_the_server():
    parsed = parse_line("[10:32:55] [Server thread/INFO] [voicechat]: Stopping server", TODAY)
    assert parsed.kind is LineKind.UNKNOWN


def test_warning_that_begins_like_a_death_is_unknown():
    assert (
        parse_text_line("Watchdog died because of a bug", "[10:32:55 ERROR]: ").kind
        is LineKind.UNKNOWN
    )


TEXTS = st.text() | st.binary().map(lambda data: data.decode("utf-8", "replace"))
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                shape.template.format(h=1, m=10, s=10, thread="a/b", level="INFO")
                for shape in SHAPES
            ),
            *(
                "System chat: ",
                "[Not Secure] ",
                "<",
                ">",
                "[",
                "]",
                "§",
                "\x1b",
                "(/1.2.3.4:5)",
                "* ",
            ),
            *("Steve", " ", ": ", "lost connection: ", "logged in with entity id 1 at (1, 2, 3)"),
            *(
                "joined the game",
                "was slain by ",
                "using ",
                "showed ",
                "has made the advancement [",
            ),
            *(
                " that not just the floor is lava",
                "Disconnecting ",
                "GameProfile",
                "name=",
                "\n",
                "\0",
            ),
            *(
                "[Server]",
                "Starting minecraft server version ",
                "Can't keep up! Running 1ms or ",
                "²",
            ),
        ]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(TEXTS | PIECES, st.sampled_from([NoDates(), TODAY, FileDates("Europe/Dublin", date.max)]))
def test_any_text_is_parsed_without_an_error(line, dates):
    parsed = parse_line(line, dates)
    assert parsed.tags
    assert (parsed.tags[0] == "timestamp") == (parsed.at is not None)
    assert len(line_identity(1, parsed)) == 16


@given(st.integers(0, len(SHAPES) - 1), TEXTS.filter(lambda text: "\x1b" not in text))
def test_any_chat_text_is_chat_of_its_sender(shape, text):
    header = SHAPES[shape].template.format(
        h="01", m="10", s="10", thread="Server thread", level="INFO"
    )
    parsed = parse_line(f"{header}<Steve> {text}x", TODAY)
    assert (parsed.kind, parsed.username, parsed.chat) == (LineKind.CHAT, "Steve", f"{text}x")


@pytest.mark.parametrize(
    "piece", ["[", "[a", " was", " using ", "(formerly known as ", "GameProfile", "/a]", "<"]
)
def test_long_line_is_parsed_in_linear_time(piece):
    # Without a time limit here: a quadratic pattern would need most of an hour for these lines.
    long = piece * 20_000
    for start in (
        "",
        "bob was slain by ",
        "bob joined ",
        "bob lost connection: ",
        "bob logged in with ",
        "<bob",
        "[a] <bob",
        "-> <bob",
        "[Server] <bob",
    ):
        parse_line(f"{VANILLA}{start}{long}", TODAY)
        parse_line(f"[10:32:55] [{start}{long}", TODAY)


def test_identity_of_an_undated_line_depends_on_the_day():
    line = f"{VANILLA}<Steve> hi"
    days = [parse_line(line, FileDates("UTC", date(2026, 9, day))) for day in (1, 1, 2)]
    first, again, other = (line_identity(1, parsed) for parsed in days)
    assert first == again != other
    assert first != line_identity(2, days[0])


def test_identity_does_not_depend_on_the_zone():
    line = f"{DATED}<Steve> hi"
    assert line_identity(1, parse_line(line, NoDates("UTC"))) == line_identity(
        1, parse_line(line, NoDates("Asia/Tokyo"))
    )


@pytest.mark.parametrize(
    ("lengths", "steps"),
    [
        ([], []),
        ([30], [1]),
        ([30] * 250, [100, 100, 50]),
        ([1000] * 1000, None),
        ([100_000, 30, 30, 100_000, 100_000], [1, 2, 1, 1]),
    ],
)
def test_batch_is_parsed_in_steps(lengths, steps, monkeypatch):
    """A thousand lines that resemble deaths held the loop for 57 ms."""
    lines = [VANILLA + f"Steve was slain by Zombie using [{'x' * length}" for length in lengths]
    expected, seen = parse_lines(lines, TODAY)[0], []

    def counted(some, dates):
        seen.append(some)
        return parse_lines(some, dates)

    monkeypatch.setattr(parser, "parse_lines", counted)
    assert complete(parse_batch(lines, TODAY)) == expected
    assert steps is None or [len(some) for some in seen if some] == steps
    for some in seen:
        assert len(some) <= STEP_LINES
        assert len(some) <= 1 or sum(map(len, some)) <= STEP_CHARACTERS


@pytest.mark.parametrize("place", ["<{}Steve> hi", "<Steve> {}hi", "{}<Steve> hi"])
@pytest.mark.parametrize("count", [1, MAX_COLOR_CODES, MAX_COLOR_CODES + 5])
def test_only_as_many_colour_codes_as_a_line_can_have_are_removed(place, count):
    line = parse_text_line(place.format("§a" * count))
    left = "§a" * max(count - MAX_COLOR_CODES, 0)
    assert line.text == place.format(left)
    if not left:
        assert (line.kind, line.display_name) == (LineKind.CHAT, "Steve")
        assert line.chat.replace("§a", "") == "hi"


@pytest.mark.parametrize(("length", "kind"), [(1000, LineKind.CHAT), (3000, LineKind.UNKNOWN)])
@pytest.mark.parametrize("letter", "a<")
def test_name_of_a_sender_is_looked_for_in_its_possible_length(letter, length, kind):
    """A line of a mebibyte of angle brackets took 20 to 30 ms."""
    assert parse_text_line(f"<{letter * (length - 1)}a> hi").kind == kind
