"""What a line of a world's log may be, what is told of each kind, and how it is tagged."""

from enum import StrEnum
from typing import TypedDict


class LineKind(StrEnum):
    """What a line says has happened."""

    # one player comes and goes
    LOGGED_IN = "logged_in"
    JOINED = "joined"
    CONNECTION_LOST = "lost"
    LEFT = "left"
    #: Somebody was not let in. He need not have played here, ever.
    CONNECTION_REFUSED = "refused"
    UUID = "uuid"
    # what is said
    CHAT = "chat"
    #: `<name>` after a team, a world or a channel: who says it is less sure than in CHAT.
    CHANNEL = "channel"
    EMOTE = "emote"
    #: `/say`, by the console, RCON or a player.
    SAY_COMMAND = "said"
    #: `/say` with a name in front: what somebody wrote on the site comes back like this.
    SITE_CHAT = "echo"
    #: `/say <COAL>`: the site's own announcements.
    ANNOUNCEMENT = "announcement"
    # what players did
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
    # the world itself
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
    #: It cannot start: the port is taken, the EULA not agreed to, Java too old, the jar unreadable.
    FAILED = "failed"
    CRASHED = "crashed"
    # the rest
    #: A pet or a villager, never a player.
    MOB_DEATH = "mob_death"
    UNKNOWN = "unknown"
    #: No header: it belongs to the line before (stack traces, second lines of an answer).
    CONTINUATION = "continuation"


#: In the order they are shown, after `timestamp`. Kinds not named here are `unknown`.
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
    # Not a chat: announcements stay out of lists of chats.
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


class LineDetails(TypedDict, total=False):
    """What a line tells, besides when; `Reading` says what each is."""

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


#: A kind, and what goes with it.
ParsedText = tuple[LineKind, LineDetails]
