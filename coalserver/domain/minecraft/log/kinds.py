"""The kinds of log lines, their tags and their details."""

from enum import StrEnum
from typing import TypedDict


class LineKind(StrEnum):
    """The kinds of log lines. The values are stored and never change."""

    # connections of players
    LOGGED_IN = "logged_in"
    JOINED = "joined"
    CONNECTION_LOST = "lost"
    LEFT = "left"
    #: A rejected connection, possibly of a name that has never been in the world.
    CONNECTION_REFUSED = "refused"
    UUID = "uuid"
    # chat
    CHAT = "chat"
    #: `<name>` after a team, a world or a channel: the sender is less certain than in CHAT.
    CHANNEL = "channel"
    EMOTE = "emote"
    #: `/say`, by the console, RCON or a player.
    SAY_COMMAND = "said"
    #: `/say <name>`: a chat message that was sent on the website.
    SITE_CHAT = "echo"
    #: `/say <COAL>`: an announcement of the website.
    ANNOUNCEMENT = "announcement"
    # actions of players
    DEATH = "death"
    ACHIEVEMENT = "achievement"
    ACHIEVEMENT_LOST = "achievement_lost"
    ADVANCEMENT = "advancement"
    CHALLENGE = "challenge"
    GOAL = "goal"
    COMMAND = "command"
    FEEDBACK = "feedback"
    KICKED = "kicked"
    BANNED = "banned"
    # the server process
    STARTING = "starting"
    BRAND = "brand"
    LISTENING = "listening"
    READY = "ready"
    RCON = "rcon"
    PAUSED = "paused"
    SAVED = "saved"
    OVERLOADED = "overloaded"
    STOP_REQUESTED = "stop_asked"
    STOPPING = "stopping"
    #: A failed start: port in use, EULA not accepted, Java too old, jar unreadable.
    FAILED = "failed"
    CRASHED = "crashed"
    # others
    #: The death of a pet or a villager.
    MOB_DEATH = "mob_death"
    UNKNOWN = "unknown"
    #: A line without a header, which continues the previous one (stack traces, multi-line output).
    CONTINUATION = "continuation"


#: The tags of each kind in display order, after `timestamp`. Other kinds have UNKNOWN_TAGS.
TAGS: dict[LineKind, tuple[str, ...]] = {
    LineKind.LOGGED_IN: ("connection", "login"),
    LineKind.JOINED: ("connection", "login"),
    LineKind.CONNECTION_LOST: ("connection", "logout"),
    LineKind.LEFT: ("connection", "logout"),
    LineKind.CONNECTION_REFUSED: ("connection",),
    LineKind.UUID: ("connection",),
    LineKind.CHAT: ("chat",),
    LineKind.CHANNEL: ("chat",),
    LineKind.EMOTE: ("chat",),
    LineKind.SAY_COMMAND: ("chat",),
    LineKind.SITE_CHAT: ("chat",),
    # Lists of chats do not show announcements.
    LineKind.ANNOUNCEMENT: ("coal",),
    LineKind.DEATH: ("death",),
    LineKind.ACHIEVEMENT: ("achievement",),
    LineKind.ADVANCEMENT: ("achievement",),
    LineKind.CHALLENGE: ("achievement",),
    LineKind.GOAL: ("achievement",),
    LineKind.STARTING: ("server", "starting"),
    LineKind.BRAND: ("server",),
    LineKind.LISTENING: ("server",),
    LineKind.READY: ("server",),
    LineKind.RCON: ("server",),
    LineKind.PAUSED: ("server",),
    LineKind.SAVED: ("server",),
    LineKind.OVERLOADED: ("server", "performance", "overloaded"),
    LineKind.STOP_REQUESTED: ("server",),
    LineKind.STOPPING: ("server", "stopping"),
    LineKind.FAILED: ("server",),
    LineKind.CRASHED: ("server",),
}
UNKNOWN_TAGS = ("unknown",)
#: All tags of a line with a time, of each kind.
TIMED_TAGS = {kind: ("timestamp", *TAGS.get(kind, UNKNOWN_TAGS)) for kind in LineKind}


class LineDetails(TypedDict, total=False):
    """The details of a line, as the fields of ParsedLine."""

    username: str
    display_name: str
    uuid: str
    ip: str
    port: str
    location: tuple[float, float, float] | None
    chat: str
    message: str
    death: str
    killer: str
    weapon: str
    title: str
    version: str
    behind: int
    skipped: int


#: The kind of a text and its details.
ParsedText = tuple[LineKind, LineDetails]
