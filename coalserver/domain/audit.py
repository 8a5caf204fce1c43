"""Audit entries: administrative actions, stored for later review."""

from dataclasses import dataclass
from enum import StrEnum

#: `actor` of an action taken on the command line. No account has this id.
COMMAND_LINE = 0
#: `actor` of what a schedule does: an idle pause, a nightly saved game, a crash. No account has this id.
TIME = -1


class AuditAction(StrEnum):
    """The kinds of administrative actions. The values are stored and never change."""

    # accounts
    ACCOUNT_ADDED = "account_added"
    FIRST_ADMIN_CREATED = "first_admin"
    ACCOUNT_ACTIVATED = "account_let_in"
    ACCOUNT_DEACTIVATED = "account_put_on_hold"
    ADMIN_GRANTED = "admin_made"
    ADMIN_REVOKED = "admin_unmade"
    USERNAMES_SET = "names_set"
    PASSWORD_SET = "password_set"
    TOKEN_CREATED = "token_made"
    ACCOUNT_REMOVED = "account_removed"
    # worlds
    WORLD_ADDED = "world_added"
    WORLD_RENAMED = "world_renamed"
    SHORT_NAME_SET = "short_name_set"
    WORLD_MADE_PUBLIC = "world_made_public"
    WORLD_MADE_PRIVATE = "world_made_private"
    WORLD_PLAYED = "world_played"
    WORLD_PAUSED = "world_paused"
    WORLD_RESTARTED = "world_restarted"
    WORLD_KILLED = "world_killed"
    WORLD_CRASHED = "world_crashed"
    WORLD_CRASH_LOOP = "world_crash_loop"
    ALL_WORLDS_STOPPED = "all_worlds_stopped"
    WORLD_DELETED = "world_deleted"
    EULA_AGREED = "eula_agreed"
    EULA_WITHDRAWN = "eula_withdrawn"
    WORLD_SAVED = "world_saved"
    SAVED_GAME_RESTORED = "saved_game_restored"
    SAVED_GAME_UPLOADED = "saved_game_uploaded"
    SAVED_GAME_DOWNLOADED = "saved_game_downloaded"
    SAVED_GAME_PINNED = "saved_game_pinned"
    SAVED_GAME_REMOVED = "saved_game_removed"
    LOG_IMPORTED = "log_imported"
    VERSION_ADDED = "version_added"
    VERSION_FETCHED = "version_fetched"
    VERSION_REMOVED = "version_removed"
    HOSTING_CONFIGURED = "hosting_configured"
    PROPERTIES_SET = "properties_set"
    WORLD_ARCHIVED = "world_ended"
    SECRET_ROTATED = "secret_renewed"
    PAIRING_OPENED = "pairing_opened"
    AGENT_PAIRED = "agent_paired"
    CONSOLE_COMMAND_SENT = "console_told"
    # games
    GAME_ADDED = "game_added"
    GAME_TOKENS_ROTATED = "game_rotated"
    PLAYER_KICKED = "player_put_out"
    LOBBY_CLOSED = "lobby_closed"
    ROOM_CLOSED = "room_closed"
    PLAYER_BANNED = "player_banned"
    PLAYER_UNBANNED = "ban_lifted"
    # backups
    BACKUP_CREATED = "backup_made"
    BACKUP_DOWNLOADED = "backup_fetched"
    BACKUP_REMOVED = "backup_removed"
    BACKUP_UPLOADED = "backup_sent"
    BACKUP_RESTORED = "backup_restored"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One administrative action. Names are stored as text: the entry outlives deleted accounts."""

    id: int
    at: float
    #: Id of the account that acted, or COMMAND_LINE.
    actor: int
    #: That account's display name at the time.
    actor_name: str
    action: AuditAction
    #: Name of the account, world, game, … that was acted on.
    subject: str
    #: The new value, where `subject` does not tell it.
    detail: str = ""
