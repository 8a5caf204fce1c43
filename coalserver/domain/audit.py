"""Audit entries: administrative actions, stored for later review."""

from dataclasses import dataclass
from enum import StrEnum

#: `actor` of an action taken on the command line. No account has this id.
COMMAND_LINE = 0


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
    WORLD_PAUSED = "world_paused"
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
