"""What a line of a world's log may be, what is told of each kind, and how it is tagged."""

from enum import StrEnum, auto
from typing import TypedDict


class Kind(StrEnum):
    """What a line says has happened."""

    # one player comes and goes
    LOGGED_IN = auto()
    JOINED = auto()
    LOST = auto()
    LEFT = auto()
    #: Somebody was not let in. He need not have played here, ever.
    REFUSED = auto()
    UUID = auto()
    # what is said
    CHAT = auto()
    #: `<name>` after a team, a world or a channel: who says it is less sure than in CHAT.
    CHANNEL = auto()
    EMOTE = auto()
    #: `/say`, by the console, RCON or a player.
    SAID = auto()
    #: `/say` with a name in front: what somebody wrote on the site comes back like this.
    ECHO = auto()
    #: `/say <COAL>`: the site's own announcements.
    ANNOUNCEMENT = auto()
    # what players did
    DEATH = auto()
    ACHIEVEMENT = auto()
    ACHIEVEMENT_LOST = auto()
    ADVANCEMENT = auto()
    CHALLENGE = auto()
    GOAL = auto()
    COMMAND = auto()
    FEEDBACK = auto()
    KICKED = auto()
    BANNED = auto()
    # the world itself
    STARTING = auto()
    BRAND = auto()
    LISTENING = auto()
    READY = auto()
    RCON = auto()
    PAUSED = auto()
    SAVED = auto()
    OVERLOADED = auto()
    STOP_ASKED = auto()
    STOPPING = auto()
    #: It cannot start: the port is taken, the EULA not agreed to, Java too old, the jar unreadable.
    FAILED = auto()
    CRASHED = auto()
    # the rest
    #: A pet or a villager, never a player.
    MOB_DEATH = auto()
    UNKNOWN = auto()
    #: No header: it belongs to the line before (stack traces, second lines of an answer).
    CONTINUATION = auto()


#: In the order they are shown, after `timestamp`. Kinds not named here are `unknown`.
TAGS: dict[Kind, tuple[str, ...]] = {
    Kind.LOGGED_IN: ("connection", "login"),
    Kind.JOINED: ("connection", "login"),
    Kind.LOST: ("connection", "logout"),
    Kind.LEFT: ("connection", "logout"),
    Kind.REFUSED: ("connection",),
    Kind.UUID: ("connection",),
    Kind.CHAT: ("chat",),
    Kind.CHANNEL: ("chat",),
    Kind.EMOTE: ("chat",),
    Kind.SAID: ("chat",),
    Kind.ECHO: ("chat",),
    # Not a chat: announcements stay out of lists of chats.
    Kind.ANNOUNCEMENT: ("coal",),
    Kind.DEATH: ("death",),
    Kind.ACHIEVEMENT: ("achievement",),
    Kind.ADVANCEMENT: ("achievement",),
    Kind.CHALLENGE: ("achievement",),
    Kind.GOAL: ("achievement",),
    Kind.STARTING: ("server", "starting"),
    Kind.BRAND: ("server",),
    Kind.LISTENING: ("server",),
    Kind.READY: ("server",),
    Kind.RCON: ("server",),
    Kind.PAUSED: ("server",),
    Kind.SAVED: ("server",),
    Kind.OVERLOADED: ("server", "performance", "overloaded"),
    Kind.STOP_ASKED: ("server",),
    Kind.STOPPING: ("server", "stopping"),
    Kind.FAILED: ("server",),
    Kind.CRASHED: ("server",),
}
UNKNOWN = ("unknown",)


class Facts(TypedDict, total=False):
    """What a line tells, besides when; `Reading` says what each is."""

    username: str
    shown: str
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
Found = tuple[Kind, Facts]
