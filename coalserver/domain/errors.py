"""Why something was refused: a closed set of reasons, and the one exception that carries them."""

from enum import StrEnum, auto
from typing import Any


class Why(StrEnum):
    """Every reason the core may give. Dialects find the status and the sentence."""

    # the request itself
    MALFORMED = auto()
    NO_TOKEN = auto()
    BAD_TOKEN = auto()
    RATE_LIMITED = auto()
    KEY_REUSED = auto()
    CURSOR_AHEAD = auto()
    # accounts and players
    BAD_CREDENTIALS = auto()
    BAD_CREDENTIAL_TYPE = auto()
    UNVERIFIED = auto()
    EMAIL_TAKEN = auto()
    EMAIL_INVALID = auto()
    PASSWORD_TOO_SHORT = auto()
    ACCOUNT_NOT_FOUND = auto()
    INACTIVE = auto()
    LAST_ADMIN = auto()
    NOT_ADMIN = auto()
    ADMIN_STAYS = auto()
    TOO_MANY_TOKENS = auto()
    PLAYER_NOT_FOUND = auto()
    OTHER_NOT_FOUND = auto()
    ONESELF = auto()
    NOT_YOURS = auto()
    BANNED = auto()
    DATA_CHANGED = auto()
    # those who act for an account
    BAD_CLIENT = auto()
    BAD_GRANT = auto()
    BAD_SCOPE = auto()
    # games
    GAME_NOT_FOUND = auto()
    GAME_CLOSED = auto()
    GAME_EXISTS = auto()
    DATUM_NOT_FOUND = auto()
    DATUM_REFUSED = auto()
    # lobbies and rooms
    LOBBY_NOT_FOUND = auto()
    LOBBY_GONE = auto()
    LOBBY_STARTED = auto()
    LOBBY_FULL = auto()
    ROOM_NOT_FOUND = auto()
    ROOM_OVER = auto()
    ROOM_FULL = auto()
    WRONG_PASSWORD = auto()
    ALREADY_HERE = auto()
    NOT_HERE = auto()
    NOT_HOST = auto()
    IN_A_LOBBY = auto()
    IN_A_ROOM = auto()
    TOO_MANY_SEATS = auto()
    TARGET_NOT_HERE = auto()
    KICK_SELF = auto()
    CANNOT_LEAVE = auto()
    NEEDS_APPROVAL = auto()
    NOT_WELCOME = auto()
    NOT_READY = auto()
    NOT_FULL = auto()
    TOO_FEW_PLAYERS = auto()
    TOO_MANY_PLAYERS = auto()
    # join requests
    REQUEST_PENDING = auto()
    REQUEST_NOT_FOUND = auto()
    REQUEST_ANSWERED = auto()
    # play
    NOT_CURRENT = auto()
    TURN_REFUSED = auto()
    OPTIONS_REFUSED = auto()
    RULES_FAILED = auto()
    # exchange
    ACTION_NOT_FOUND = auto()
    NO_TARGETS = auto()
    # worlds
    WORLD_NOT_FOUND = auto()
    VISITOR_NOT_FOUND = auto()
    USERNAME_TAKEN = auto()
    SHORT_NAME_TAKEN = auto()
    SHORT_NAME_RESERVED = auto()


class Refusal(Exception):
    """The one exception that crosses the layers: a reason and the facts that belong to it."""

    def __init__(self, why: Why, **facts: Any) -> None:
        super().__init__(why.value, facts)
        self.why = why
        self.facts = facts
