"""A corpus of log lines with the expected result: every format of header before every kind of line."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from coalserver.domain.minecraft.log.deaths import OLD_KEYS, PHRASES
from coalserver.domain.minecraft.log.kinds import LineKind

PLAYERS = ("Steve", "Alex", "x_X_x", "20", "died", "Stopping", "Notch", "has", "_left_", "Done")
MOBS = ("Zombie", "Cave Spider", "Wither Skeleton", "Bob the Builder", "[Admin] Alex", "was")
ITEMS = ("Diamond Sword", "Bow", "Alex's using Axe", "剣")
WORDS = (
    "hi",
    "Steve left the game",
    "<Alex> no",
    "]: x",
    "[12:00:00] [a/INFO]: b",
    "é 你好 😀",
    "Done (1s)!",
)
REASONS = (
    "Disconnected",
    "Timed out",
    "You logged in from another location",
    "Kicked: <x>",
    "Server closed",
)
TITLES = ("Stone Age", "Sky's the Limit", "How Did We Get Here?", "[x] ü")
VERSIONS = ("1.7.10", "1.20.5 Pre-Release 4", "26.1 Snapshot 1", "1.21.11 Unobfuscated", "26.3")
NOISE = (
    "Preparing spawn area: 83%",
    "Loaded 1174 recipes",
    "Steve moved too quickly! 12.0,0.0,3.5",
    "handleDisconnection() called twice",
    "Saving players",
    "There are 2 of a max of 20 players online: Steve, Alex",
    "[Essentials] Steve was here",
    "Thread RCON Client /127.0.0.1 started",
)


class Shape(NamedTuple):
    """A format of header, as some server implementation writes it."""

    name: str
    #: With {h}, {m}, {s}, {thread} and {level}.
    template: str
    dated: bool = False


SHAPES = (
    Shape("coal", "2026-09-25 {h}:{m}:{s} [{level}] ", dated=True),
    Shape("vanilla", "[{h}:{m}:{s}] [{thread}/{level}]: "),
    Shape("paper", "[{h}:{m}:{s} {level}]: "),
    Shape("forge", "[{h}:{m}:{s}] [{thread}/{level}] [minecraft/DedicatedServer]: "),
    Shape(
        "forge file",
        "[25Sep2026 {h}:{m}:{s}.789] [{thread}/{level}] [net.minecraft.server.MinecraftServer/]: ",
        dated=True,
    ),
    Shape("arclight", "[{h}:{m}:{s} {level}] [net.minecraft.server.MinecraftServer]: "),
    Shape("fabric loader", "[{h}:{m}:{s}] [{thread}/{level}] (Minecraft) "),
    Shape("ours", "2026-09-25T{h}:{m}:{s}.123+0000 [{thread}/{level}]: ", dated=True),
)
#: Threads from which the game reports on players, on which chats are written, and which write other lines.
PLAYER_THREADS = ("Server thread", "Region Scheduler Thread #3")
CHAT_THREADS = (*PLAYER_THREADS, "Async Chat Thread - #0", "RCON Client /127.0.0.1 #3")
OTHER_THREADS = (*PLAYER_THREADS, "RCON Client /127.0.0.1 #3", "ServerMain", "Worker-Main-2")
#: Threads from which no report on a player is believed.
FOREIGN_THREADS = (
    "User Authenticator #1",
    "Netty Server IO #3",
    "Craft Scheduler Thread - 4",
    "Async Chat Thread - #0",
    "Render thread",
)
CHATS = frozenset(
    (
        *(LineKind.CHAT, LineKind.CHANNEL, LineKind.EMOTE, LineKind.SAY_COMMAND),
        *(LineKind.SITE_CHAT, LineKind.FEEDBACK),
    )
)
PLAYER_REPORTS = frozenset(
    (
        *(LineKind.LOGGED_IN, LineKind.JOINED, LineKind.LEFT, LineKind.CONNECTION_LOST),
        *(LineKind.DEATH, LineKind.ACHIEVEMENT, LineKind.ADVANCEMENT),
        *(LineKind.CHALLENGE, LineKind.GOAL),
    )
)


def threads_of(kind: LineKind) -> tuple[str, ...]:
    """Return the threads that write lines of a kind."""
    if kind in CHATS:
        return CHAT_THREADS
    return PLAYER_THREADS if kind in PLAYER_REPORTS else OTHER_THREADS


class Line(NamedTuple):
    """A line and the expected result of parsing it."""

    shape: str
    line: str
    #: The text without header and prefixes.
    text: str
    #: Whether it has the prefix of system chat (since 26.3).
    system: bool
    second: int
    kind: LineKind
    expected: dict[str, Any]


Phrase = tuple[str, LineKind, dict[str, Any]]


def connections(rnd: random.Random) -> Iterator[Phrase]:
    name, port = rnd.choice(PLAYERS), str(rnd.randrange(1024, 65536))
    x, y, z = (round(rnd.uniform(-9999, 9999), 3) for _ in range(3))
    entity = rnd.randrange(10**6)
    world = rnd.choice(("", "[world]", "[minecraft:overworld]", "[world] "))
    for address, ip, shown in (
        ("/127.0.0.1", "127.0.0.1", port),
        ("/[2001:db8::7334]", "2001:db8::7334", port),
        ("local", "", ""),
        ("IP hidden", "", ""),
    ):
        where = f"{address}:{port}" if ip else address
        text = f"{name}[{where}] logged in with entity id {entity} at ({world}{x}, {y}, {z})"
        expected = {"username": name, "ip": ip, "port": shown, "location": (x, y, z)}
        yield text, LineKind.LOGGED_IN, expected
    yield f"{name} joined the game", LineKind.JOINED, {"username": name}
    yield (
        f"{name} (formerly known as Herobrine) joined the game",
        LineKind.JOINED,
        {"username": name},
    )
    yield f"{name} left the game", LineKind.LEFT, {"username": name}
    reason = rnd.choice(REASONS)
    yield (
        f"{name} lost connection: {reason}",
        LineKind.CONNECTION_LOST,
        {"username": name, "message": reason},
    )
    refused = {"username": "", "display_name": name, "ip": "10.0.0.1", "port": port}
    yield (
        f"{name} (/10.0.0.1:{port}) lost connection: {reason}",
        LineKind.CONNECTION_REFUSED,
        refused,
    )
    yield f"Disconnecting {name} (/10.0.0.1:{port}): {reason}", LineKind.CONNECTION_REFUSED, refused


def chats(rnd: random.Random) -> Iterator[Phrase]:
    name, words = rnd.choice(PLAYERS), rnd.choice(WORDS)
    expected = {"username": name, "chat": words}
    yield f"<{name}> {words}", LineKind.CHAT, expected
    yield f"[Not Secure] <{name}> {words}", LineKind.CHAT, expected
    yield f"<[Admin] {name}> {words}", LineKind.CHAT, expected
    yield f"[world_nether]<{name}> {words}", LineKind.CHANNEL, expected
    yield f"* {name} {words}", LineKind.EMOTE, expected
    yield f"[Server] <{name}> {words}", LineKind.SITE_CHAT, expected
    yield (
        f"[Not Secure] [Rcon] {words!r}",
        LineKind.SAY_COMMAND,
        {"username": "", "chat": repr(words)},
    )
    yield f"[{name}: Set the time to 1000]", LineKind.FEEDBACK, {"display_name": name}


def achievements(rnd: random.Random) -> Iterator[Phrase]:
    name, title = rnd.choice(PLAYERS), rnd.choice(TITLES)
    for words, kind in (
        ("made the advancement", LineKind.ADVANCEMENT),
        ("completed the challenge", LineKind.CHALLENGE),
        ("reached the goal", LineKind.GOAL),
        ("just earned the achievement", LineKind.ACHIEVEMENT),
    ):
        yield f"{name} has {words} [{title}]", kind, {"username": name, "title": title}


def deaths(rnd: random.Random) -> Iterator[Phrase]:
    # For keys with the same phrase, the first key is expected.
    keys = {phrase.template: phrase.death_key for phrase in reversed(PHRASES)}
    for words, key in keys.items():
        # Phrases before 1.7 count in headers of that age only.
        if key.startswith(OLD_KEYS):
            continue
        name, killer, item = rnd.choice(PLAYERS), rnd.choice(MOBS), rnd.choice(ITEMS)
        text = words.replace("{v}", name).replace("{k}", killer).replace("{i}", f"[{item}]")
        expected = {"username": name, "death": key}
        if "{k}" in words:
            expected["killer"] = killer
        if "{i}" in words:
            expected["weapon"] = item
        yield text, LineKind.DEATH, expected


def server_process(rnd: random.Random) -> Iterator[Phrase]:
    version, behind = rnd.choice(VERSIONS), rnd.randrange(99999)
    yield f"Starting minecraft server version {version}", LineKind.STARTING, {"version": version}
    yield "Starting Minecraft server on *:25565", LineKind.LISTENING, {"port": "25565"}
    yield 'Done (4.945s)! For help, type "help"', LineKind.READY, {}
    yield 'Done (12,3s)! For help, type "help" or "?"', LineKind.READY, {}
    yield "RCON running on 0.0.0.0:25575", LineKind.RCON, {"port": "25575"}
    yield "Stopping the server", LineKind.STOP_REQUESTED, {}
    yield "Stopping server", LineKind.STOPPING, {}
    lag = {"behind": behind, "skipped": behind // 50}
    now = f"Can't keep up! Is the server overloaded? Running {behind}ms or {behind // 50} ticks behind"
    yield now, LineKind.OVERLOADED, lag
    yield (
        "Can't keep up! Did the system time change, or is the server overloaded? "
        f"Running {behind}ms behind, skipping {behind // 50} tick(s)",
        LineKind.OVERLOADED,
        lag,
    )
    for text in NOISE:
        yield text, LineKind.UNKNOWN, {"username": ""}


#: Kinds that may have the prefix of system chat.
SYSTEM = frozenset(
    (
        *(
            LineKind.JOINED,
            LineKind.LEFT,
            LineKind.DEATH,
            LineKind.ADVANCEMENT,
            LineKind.CHALLENGE,
            LineKind.GOAL,
        ),
        *(LineKind.FEEDBACK, LineKind.STOP_REQUESTED),
    )
)


def corpus(seed: int) -> Iterator[Line]:
    """Yield every kind of line with every format of header."""
    rnd = random.Random(seed)
    for shape in SHAPES:
        for part in (connections, chats, achievements, deaths, server_process):
            for text, kind, expected in part(rnd):
                yield make_line(rnd, shape, text, kind, expected)


def make_line(
    rnd: random.Random, shape: Shape, text: str, kind: LineKind, expected: dict[str, Any]
) -> Line:
    """Return a line with a header and a random time of day."""
    second = rnd.randrange(86400)
    h, m, s = (f"{part:02}" for part in (second // 3600, second // 60 % 60, second % 60))
    level = "WARN" if kind is LineKind.OVERLOADED else "INFO"
    header = shape.template.format(h=h, m=m, s=s, thread=rnd.choice(threads_of(kind)), level=level)
    system = kind in SYSTEM and rnd.random() < 0.5
    line = f"{header}{'System chat: ' if system else ''}{text}"
    return Line(shape.name, line, text, system, second, kind, expected)
