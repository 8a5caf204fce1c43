"""Deeds: what those who run the place have done, kept so that it can be asked about."""

from dataclasses import dataclass
from enum import StrEnum, auto

#: Who a deed of the command line is by. No account has this id.
COMMAND_LINE = 0


class What(StrEnum):
    """What was done."""

    # accounts
    ACCOUNT_ADDED = auto()
    FIRST_ADMIN = auto()
    ACCOUNT_LET_IN = auto()
    ACCOUNT_PUT_ON_HOLD = auto()
    ADMIN_MADE = auto()
    ADMIN_UNMADE = auto()
    NAMES_SET = auto()
    PASSWORD_SET = auto()
    TOKEN_MADE = auto()
    ACCOUNT_REMOVED = auto()
    # worlds
    WORLD_ADDED = auto()
    WORLD_RENAMED = auto()
    SHORT_NAME_SET = auto()
    WORLD_MADE_PUBLIC = auto()
    WORLD_MADE_PRIVATE = auto()
    WORLD_PAUSED = auto()
    PROPERTIES_SET = auto()
    WORLD_ENDED = auto()
    SECRET_RENEWED = auto()
    PAIRING_OPENED = auto()
    AGENT_PAIRED = auto()
    CONSOLE_TOLD = auto()
    # games
    GAME_ADDED = auto()
    GAME_ROTATED = auto()
    PLAYER_PUT_OUT = auto()
    LOBBY_CLOSED = auto()
    ROOM_CLOSED = auto()
    PLAYER_BANNED = auto()
    BAN_LIFTED = auto()
    # the place
    BACKUP_MADE = auto()
    BACKUP_FETCHED = auto()
    BACKUP_REMOVED = auto()
    BACKUP_SENT = auto()
    BACKUP_RESTORED = auto()


@dataclass(frozen=True, slots=True)
class Deed:
    """Who has done what, when, and about whom. It stays when they are no more."""

    id: int
    at: float
    #: The account; COMMAND_LINE where somebody at the machine did it.
    by: int
    #: What that account was called.
    name: str
    what: What
    #: About whom or what, by its name.
    about: str
    #: What it was changed to, if that says more.
    detail: str = ""
