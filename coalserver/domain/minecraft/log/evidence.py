"""Evidence: from which thread and logger a kind of line is believed.

The words of a line prove nothing: plugins, players and clients write the game's phrases too. A line of a kind that
its source or level does not support is UNKNOWN.
"""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from coalserver.domain.minecraft.log.kinds import LineKind


class Source(Enum):
    """Who wrote a line, judged by its thread and logger."""

    #: The game's own thread, or a format without threads, and a logger of the game or none.
    GAME = auto()
    #: The thread of Bukkit servers on which chat plugins write what players say.
    CHAT = auto()
    #: A thread of connections that are not in the game yet.
    NETWORK = auto()
    #: Another thread with a logger of the game or none.
    OTHER = auto()
    #: The client of a LAN world, which repeats what the server wrote.
    CLIENT = auto()
    #: A logger that is not the game's.
    PLUGIN = auto()


#: `Server thread`, Folia's regions, the shutdown hook, and the side of a 1.6 log.
_GAME_THREAD = re.compile(
    r"|Server thread|SERVER|(?:Folia )?Region Scheduler Thread\b.*|Tick Region\b.*"
    r"|Server Shutdown Thread|Client Shutdown Thread"
)
_CHAT_THREAD = re.compile(r"Async Chat Thread\b.*")
_NETWORK_THREAD = re.compile(
    r"(?:.*\b)?(?:Netty|User Authenticator|Query Listener|Server Connector|Server Pinger"
    r"|Yggdrasil|Login|Handshake|Connection)\b.*",
    re.IGNORECASE,
)
_CLIENT_THREAD = re.compile(r"Render thread|Client thread|CLIENT|Minecraft main thread")
#: With the class names of all versions; a marker may follow after a slash.
_GAME_LOGGER = re.compile(
    r"|(?:net\.minecraft|n\.m|ne\.mi\.(?:se|ne|co)|n\.m\.s)\..*|minecraft/.*"
    r"|(?:Minecraft(?:-Server|Server)?|DedicatedServer|STDOUT)(?:/.*)?",
)
_CLIENT_LOGGER = re.compile(
    r"net\.minecraft\.client\..*|Minecraft-Client(?:/.*)?|.*\bNewChatGui\b.*"
)


@lru_cache(4096)
def source_of(thread: str, logger: str) -> Source:
    """Return who wrote lines with a thread and a logger; either may be empty."""
    if _CLIENT_THREAD.fullmatch(thread) or _CLIENT_LOGGER.fullmatch(logger):
        return Source.CLIENT
    if not _GAME_LOGGER.fullmatch(logger):
        return Source.PLUGIN
    if _GAME_THREAD.fullmatch(thread):
        return Source.GAME
    if _CHAT_THREAD.fullmatch(thread):
        return Source.CHAT
    return Source.NETWORK if _NETWORK_THREAD.fullmatch(thread) else Source.OTHER


class Evidence(NamedTuple):
    """What a kind of line needs: one of the sources and one of the levels."""

    sources: frozenset[Source]
    #: Empty: any.
    levels: frozenset[str] = frozenset()


_INFO = frozenset(("INFO", ""))
#: The game reports on a player's state on its own thread only.
_PLAYER = Evidence(frozenset((Source.GAME,)))
#: A warning with the same words is not a death.
_PLAYER_INFO = Evidence(frozenset((Source.GAME,)), _INFO)
_CHAT = Evidence(frozenset((Source.GAME, Source.CHAT, Source.OTHER)))
_ANY_THREAD = Evidence(frozenset((Source.GAME, Source.CHAT, Source.NETWORK, Source.OTHER)))
_SERVER = Evidence(frozenset((Source.GAME, Source.OTHER)))
_ANY = Evidence(frozenset(Source))

#: The evidence that each kind of line needs.
EVIDENCE: dict[LineKind, Evidence] = {
    LineKind.LOGGED_IN: _PLAYER,
    LineKind.JOINED: _PLAYER,
    LineKind.CONNECTION_LOST: _PLAYER,
    LineKind.LEFT: _PLAYER,
    LineKind.DEATH: _PLAYER_INFO,
    LineKind.ACHIEVEMENT: _PLAYER_INFO,
    LineKind.ACHIEVEMENT_LOST: _PLAYER_INFO,
    LineKind.ADVANCEMENT: _PLAYER_INFO,
    LineKind.CHALLENGE: _PLAYER_INFO,
    LineKind.GOAL: _PLAYER_INFO,
    # Refused connections and UUIDs are logged by the threads of the network.
    LineKind.CONNECTION_REFUSED: _ANY_THREAD,
    LineKind.UUID: _ANY_THREAD,
    LineKind.CHAT: _CHAT,
    LineKind.CHANNEL: _CHAT,
    LineKind.EMOTE: _CHAT,
    LineKind.SAY_COMMAND: _CHAT,
    LineKind.SITE_CHAT: _CHAT,
    LineKind.ANNOUNCEMENT: _CHAT,
    LineKind.COMMAND: _ANY_THREAD,
    LineKind.FEEDBACK: _ANY_THREAD,
    LineKind.KICKED: _ANY_THREAD,
    LineKind.BANNED: _ANY_THREAD,
    LineKind.STARTING: _SERVER,
    LineKind.LISTENING: _SERVER,
    LineKind.READY: _SERVER,
    LineKind.RCON: _SERVER,
    LineKind.PAUSED: _SERVER,
    LineKind.SAVED: _SERVER,
    LineKind.OVERLOADED: _SERVER,
    LineKind.STOP_REQUESTED: _SERVER,
    LineKind.STOPPING: _SERVER,
    LineKind.FAILED: _SERVER,
    LineKind.CRASHED: _SERVER,
    # Mod loaders name themselves with loggers of their own.
    LineKind.BRAND: _ANY,
    LineKind.MOB_DEATH: _ANY,
    LineKind.UNKNOWN: _ANY,
    LineKind.CONTINUATION: _ANY,
}
#: Sources whose lines may be chat.
CHAT_SOURCES = _CHAT.sources
