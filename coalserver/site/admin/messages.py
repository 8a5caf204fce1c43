"""Messages of admin pages: errors by code, and the texts of audit entries."""

from collections.abc import Mapping

from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.site.errors import ErrorMessages
from coalserver.web.pages.i18n import N_

#: Errors that are rendered as 404.
NOT_FOUND_CODES = frozenset(
    (ErrorCode.ACCOUNT_NOT_FOUND, ErrorCode.WORLD_NOT_FOUND, ErrorCode.GAME_NOT_FOUND)
)

ERROR_MESSAGES: ErrorMessages = {
    ErrorCode.LAST_ADMIN: (400, N_("That is the last admin. Make another one first.")),
    ErrorCode.ADMIN_NOT_REMOVABLE: (400, N_("Admins cannot be removed. Take the mark away first.")),
    ErrorCode.USERNAME_TAKEN: (400, N_("{username} is another account’s name.")),
    ErrorCode.SHORT_NAME_TAKEN: (400, N_("Another world has this short name.")),
    ErrorCode.SHORT_NAME_RESERVED: (
        400,
        N_("A page of this site has this address. Choose another short name."),
    ),
    ErrorCode.GAME_EXISTS: (400, N_("There is a game with this tag already.")),
    ErrorCode.PLAYER_NOT_FOUND: (400, N_("Nobody with this number has played that game.")),
    ErrorCode.LOBBY_NOT_FOUND: (400, N_("This room is not there any more.")),
    ErrorCode.LOBBY_CLOSED: (400, N_("This room is not there any more.")),
    ErrorCode.LOBBY_STARTED: (400, N_("This room has begun to play.")),
    ErrorCode.ROOM_NOT_FOUND: (400, N_("This session is not there any more.")),
    ErrorCode.ROOM_ENDED: (400, N_("This session is over.")),
    ErrorCode.STORAGE_ITEM_NOT_FOUND: (404, N_("There is no such backup.")),
    ErrorCode.TARGET_NOT_MEMBER: (400, N_("That player has left already.")),
    (ErrorCode.INVALID_REQUEST, "file"): (400, N_("Choose a backup first.")),
    (ErrorCode.INVALID_REQUEST, "body"): (
        400,
        N_("What was sent cannot be read. Please try again."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_foreign"): (
        400,
        N_("This file is not a backup of coalserver."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_newer"): (
        400,
        N_("This backup was made by a newer coalserver. Update this one first."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_damaged"): (
        400,
        N_("This backup is damaged. Nothing has changed."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_unreadable"): (
        400,
        N_("This backup cannot be read. Nothing has changed."),
    ),
    (ErrorCode.INVALID_REQUEST, "name"): (400, N_("A name has 1 to 100 characters.")),
    (ErrorCode.INVALID_REQUEST, "short_name"): (
        400,
        N_("A short name has a-z and 0-9, with single hyphens between; at most 50."),
    ),
    (ErrorCode.INVALID_REQUEST, "usernames"): (
        400,
        N_("At most 50 names, of at most 40 characters each."),
    ),
    (ErrorCode.INVALID_REQUEST, "command"): (400, N_("A command has at most 500 characters.")),
    (ErrorCode.INVALID_REQUEST, "tag"): (
        400,
        N_("A tag is up to 32 of a-z 0-9 _ -, first a letter or a digit."),
    ),
    (ErrorCode.INVALID_REQUEST, "min"): (
        400,
        N_("A game has from 1 to 1000 players; the second number is not the smaller one."),
    ),
    (ErrorCode.INVALID_REQUEST, "max"): (
        400,
        N_("A game has from 1 to 1000 players; the second number is not the smaller one."),
    ),
    (ErrorCode.INVALID_REQUEST, "player"): (400, N_("A player is named by a number.")),
    (ErrorCode.INVALID_REQUEST, "duration"): (400, N_("Choose how long.")),
    (ErrorCode.INVALID_REQUEST, "reason"): (400, N_("A reason has at most 200 characters.")),
}

#: What the actor did; the name of the actor stands before it.
ACTION_MESSAGES: Mapping[AuditAction, str] = {
    AuditAction.ACCOUNT_ADDED: N_("made the account <bdi>%(about)s</bdi>"),
    AuditAction.FIRST_ADMIN_CREATED: N_("became the first admin, with the start code"),
    AuditAction.ACCOUNT_ACTIVATED: N_("let <bdi>%(about)s</bdi> in"),
    AuditAction.ACCOUNT_DEACTIVATED: N_("put <bdi>%(about)s</bdi> on hold"),
    AuditAction.ADMIN_GRANTED: N_("made <bdi>%(about)s</bdi> an admin"),
    AuditAction.ADMIN_REVOKED: N_("took the admin mark from <bdi>%(about)s</bdi>"),
    AuditAction.USERNAMES_SET: N_("gave <bdi>%(about)s</bdi> the names <bdi>%(detail)s</bdi>"),
    AuditAction.PASSWORD_SET: N_("set the password of <bdi>%(about)s</bdi>"),
    AuditAction.TOKEN_CREATED: N_("made a token for <bdi>%(about)s</bdi>"),
    AuditAction.ACCOUNT_REMOVED: N_("removed the account <bdi>%(about)s</bdi>"),
    AuditAction.WORLD_ADDED: N_("made the world <bdi>%(about)s</bdi>"),
    AuditAction.WORLD_RENAMED: N_(
        "renamed the world <bdi>%(about)s</bdi> to <bdi>%(detail)s</bdi>"
    ),
    AuditAction.SHORT_NAME_SET: N_(
        "gave the world <bdi>%(about)s</bdi> the short name <bdi>%(detail)s</bdi>"
    ),
    AuditAction.WORLD_MADE_PUBLIC: N_("let everybody read the world <bdi>%(about)s</bdi>"),
    AuditAction.WORLD_MADE_PRIVATE: N_("let only members read the world <bdi>%(about)s</bdi>"),
    AuditAction.WORLD_PAUSED: N_("asked for the world <bdi>%(about)s</bdi> to rest"),
    AuditAction.PROPERTIES_SET: N_(
        "changed how the world <bdi>%(about)s</bdi> is run: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.WORLD_ARCHIVED: N_("ended the world <bdi>%(about)s</bdi>"),
    AuditAction.SECRET_ROTATED: N_("gave the agent of <bdi>%(about)s</bdi> a new secret"),
    AuditAction.PAIRING_OPENED: N_("made a pairing code for <bdi>%(about)s</bdi>"),
    AuditAction.AGENT_PAIRED: N_("had an agent paired with <bdi>%(about)s</bdi>"),
    AuditAction.CONSOLE_COMMAND_SENT: N_(
        "sent to the console of <bdi>%(about)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.GAME_ADDED: N_("made the game <bdi>%(about)s</bdi>"),
    AuditAction.GAME_TOKENS_ROTATED: N_("gave the game <bdi>%(about)s</bdi> new tokens"),
    AuditAction.PLAYER_KICKED: N_("put <bdi>%(about)s</bdi> out of <bdi>%(detail)s</bdi>"),
    AuditAction.LOBBY_CLOSED: N_("closed the room <bdi>%(about)s</bdi>"),
    AuditAction.ROOM_CLOSED: N_("ended the session <bdi>%(about)s</bdi>"),
    AuditAction.PLAYER_BANNED: N_("banned <bdi>%(about)s</bdi>: <bdi>%(detail)s</bdi>"),
    AuditAction.PLAYER_UNBANNED: N_("lifted the ban of <bdi>%(about)s</bdi>"),
    AuditAction.BACKUP_CREATED: N_("made the backup <bdi>%(about)s</bdi>"),
    AuditAction.BACKUP_DOWNLOADED: N_("downloaded the backup <bdi>%(about)s</bdi>"),
    AuditAction.BACKUP_REMOVED: N_("removed the backup <bdi>%(about)s</bdi>"),
    AuditAction.BACKUP_UPLOADED: N_("uploaded the backup <bdi>%(about)s</bdi>"),
    AuditAction.BACKUP_RESTORED: N_("put the backup <bdi>%(about)s</bdi> back"),
}
