"""Domain errors: the closed set of error codes, and the exception that carries one of them."""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """All codes of DomainError. Each API maps them to its own status codes and messages.

    The values are part of contracts and never change, even where they differ from the member's name.
    """

    # requests
    INVALID_REQUEST = "malformed"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    TOKEN_REQUIRED = "no_token"
    INVALID_TOKEN = "bad_token"
    RATE_LIMITED = "rate_limited"
    #: More requests of a kind than the limits of use allow, in contrast to failures (RATE_LIMITED).
    TOO_MANY_REQUESTS = "too_many_requests"
    #: More starts of hosted worlds than a user who is not an administrator may order in an hour.
    TOO_MANY_STARTS = "too_many_starts"
    IDEMPOTENCY_KEY_REUSED = "key_reused"
    CURSOR_AHEAD = "cursor_ahead"
    # accounts and players
    INVALID_CREDENTIALS = "bad_credentials"
    INVALID_CREDENTIAL_TYPE = "bad_credential_type"
    EMAIL_UNVERIFIED = "unverified"
    EMAIL_TAKEN = "email_taken"
    INVALID_EMAIL = "email_invalid"
    PASSWORD_TOO_SHORT = "password_too_short"
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_INACTIVE = "inactive"
    LAST_ADMIN = "last_admin"
    ADMIN_REQUIRED = "not_admin"
    ADMIN_NOT_REMOVABLE = "admin_stays"
    TOO_MANY_TOKENS = "too_many_tokens"
    PLAYER_NOT_FOUND = "player_not_found"
    TARGET_NOT_FOUND = "other_not_found"
    SELF_NOT_ALLOWED = "oneself"
    PERMISSION_DENIED = "not_yours"
    BANNED = "banned"
    VERSION_CONFLICT = "data_changed"
    # OAuth
    INVALID_CLIENT = "bad_client"
    INVALID_GRANT = "bad_grant"
    INVALID_SCOPE = "bad_scope"
    # games
    GAME_NOT_FOUND = "game_not_found"
    GAME_CLOSED = "game_closed"
    GAME_EXISTS = "game_exists"
    STORAGE_ITEM_NOT_FOUND = "datum_not_found"
    STORAGE_ITEM_REFUSED = "datum_refused"
    #: Limits of storage, of a player in a game and of the game.
    TOO_MANY_STORAGE_KEYS = "too_many_keys"
    PLAYER_STORAGE_FULL = "player_storage_full"
    GAME_FULL = "game_full"
    GAME_STORAGE_FULL = "game_storage_full"
    TOO_MANY_ACTIONS = "too_many_actions"
    TOO_MANY_LISTED = "too_many_listed"
    TOO_MANY_SCREENSHOTS = "too_many_screenshots"
    # lobbies and rooms
    LOBBY_NOT_FOUND = "lobby_not_found"
    LOBBY_CLOSED = "lobby_gone"
    LOBBY_STARTED = "lobby_started"
    LOBBY_FULL = "lobby_full"
    ROOM_NOT_FOUND = "room_not_found"
    ROOM_ENDED = "room_over"
    ROOM_FULL = "room_full"
    WRONG_PASSWORD = "wrong_password"
    ALREADY_MEMBER = "already_here"
    NOT_MEMBER = "not_here"
    NOT_HOST = "not_host"
    ALREADY_IN_LOBBY = "in_a_lobby"
    ALREADY_IN_ROOM = "in_a_room"
    TOO_MANY_SEATS = "too_many_seats"
    TARGET_NOT_MEMBER = "target_not_here"
    CANNOT_KICK_SELF = "kick_self"
    CANNOT_LEAVE = "cannot_leave"
    APPROVAL_REQUIRED = "needs_approval"
    HOST_DENIED = "not_welcome"
    MEMBERS_NOT_READY = "not_ready"
    LOBBY_NOT_FULL = "not_full"
    TOO_FEW_PLAYERS = "too_few_players"
    TOO_MANY_PLAYERS = "too_many_players"
    # join requests
    JOIN_REQUEST_PENDING = "request_pending"
    JOIN_REQUEST_NOT_FOUND = "request_not_found"
    JOIN_REQUEST_ANSWERED = "request_answered"
    # turns and rules
    NOT_YOUR_TURN = "not_current"
    TURN_REFUSED = "turn_refused"
    OPTIONS_REFUSED = "options_refused"
    RULES_FAILED = "rules_failed"
    # actions
    ACTION_NOT_FOUND = "action_not_found"
    NO_TARGETS = "no_targets"
    # worlds
    WORLD_NOT_FOUND = "world_not_found"
    VISITOR_NOT_FOUND = "visitor_not_found"
    USERNAME_TAKEN = "username_taken"
    SHORT_NAME_TAKEN = "short_name_taken"
    SHORT_NAME_RESERVED = "short_name_reserved"
    #: `refusal`: the RefusedOrder of hosting.
    ORDER_REFUSED = "order_refused"
    #: A world that this server runs itself has no agent.
    WORLD_HOSTED = "world_hosted"
    VERSION_NOT_FOUND = "version_not_found"
    VERSION_EXISTS = "version_exists"
    VERSION_IN_USE = "version_in_use"
    #: The configuration defines the version.
    VERSION_CONFIGURED = "version_configured"
    SAVE_NOT_FOUND = "save_not_found"
    #: `text`: the sentence for an uploaded archive that is unsafe or holds no world.
    ARCHIVE_REFUSED = "archive_refused"


class DomainError(Exception):
    """The only exception that crosses layers: an error code and details for its message."""

    def __init__(self, code: ErrorCode, /, **details: Any) -> None:
        super().__init__(code.value, details)
        self.code = code
        self.details = details
