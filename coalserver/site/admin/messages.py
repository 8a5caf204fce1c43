"""Messages of admin pages: errors by code, and the texts of audit entries."""

from collections.abc import Mapping

from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.site.errors import ErrorMessages
from coalserver.web.pages.i18n import N_

#: Errors that are rendered as 404.
NOT_FOUND_CODES = frozenset(
    (
        ErrorCode.ACCOUNT_NOT_FOUND,
        ErrorCode.WORLD_NOT_FOUND,
        ErrorCode.GAME_NOT_FOUND,
        ErrorCode.SAVE_NOT_FOUND,
        ErrorCode.VERSION_NOT_FOUND,
    )
)

ERROR_MESSAGES: ErrorMessages = {
    ErrorCode.LAST_ADMIN: (
        400,
        N_("This is the only administrator. Make another user an administrator first."),
    ),
    ErrorCode.ADMIN_NOT_REMOVABLE: (
        400,
        N_("Administrators cannot be deleted. Remove the administrator role first."),
    ),
    ErrorCode.USERNAME_TAKEN: (400, N_("{username} belongs to another user.")),
    ErrorCode.SHORT_NAME_TAKEN: (
        400,
        N_("Another world uses this short name. Choose a different one."),
    ),
    ErrorCode.SHORT_NAME_RESERVED: (
        400,
        N_("A page of this site uses this address. Choose a different short name."),
    ),
    ErrorCode.GAME_EXISTS: (400, N_("Another game uses this tag. Choose a different one.")),
    ErrorCode.ACCOUNT_NOT_FOUND: (404, N_("This user no longer exists.")),
    ErrorCode.WORLD_NOT_FOUND: (404, N_("This world no longer exists.")),
    ErrorCode.GAME_NOT_FOUND: (404, N_("There is no game with this tag.")),
    ErrorCode.SAVE_NOT_FOUND: (404, N_("This saved game no longer exists.")),
    ErrorCode.VERSION_NOT_FOUND: (404, N_("This version no longer exists.")),
    ErrorCode.VERSION_IN_USE: (400, N_("World {world} uses it.")),
    ErrorCode.VERSION_CONFIGURED: (
        400,
        N_("Version {version} is defined in the settings file. Remove it there."),
    ),
    ErrorCode.PLAYER_NOT_FOUND: (
        400,
        N_("No player with this ID has played this game. Check the ID on the Rooms page."),
    ),
    ErrorCode.LOBBY_NOT_FOUND: (400, N_("This room no longer exists.")),
    ErrorCode.LOBBY_CLOSED: (400, N_("This room no longer exists.")),
    ErrorCode.LOBBY_STARTED: (400, N_("The game in this room has already started.")),
    ErrorCode.ROOM_NOT_FOUND: (400, N_("This game no longer exists.")),
    ErrorCode.ROOM_ENDED: (400, N_("This game has already ended.")),
    ErrorCode.STORAGE_ITEM_NOT_FOUND: (404, N_("Backup not found. It may have been deleted.")),
    ErrorCode.TARGET_NOT_MEMBER: (400, N_("This player has already left.")),
    (ErrorCode.INVALID_REQUEST, "file"): (400, N_("Choose a file.")),
    (ErrorCode.INVALID_REQUEST, "body"): (
        400,
        N_("The form could not be read. Try again."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_foreign"): (
        400,
        N_("This file is not a coalserver backup."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_newer"): (
        400,
        N_("This backup was created by a newer version of coalserver. Update this server first."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_damaged"): (
        400,
        N_("This backup is damaged. Nothing was changed."),
    ),
    (ErrorCode.INVALID_REQUEST, "backup_unreadable"): (
        400,
        N_("This backup cannot be read. Nothing was changed."),
    ),
    (ErrorCode.INVALID_REQUEST, "marked_fields"): (
        400,
        N_("Nothing was saved. Check the marked fields."),
    ),
    (ErrorCode.INVALID_REQUEST, "name"): (400, N_("Enter a name of 1 to 100 characters.")),
    (ErrorCode.INVALID_REQUEST, "short_name"): (
        400,
        N_("A short name has up to 50 characters: a-z, 0-9 and single hyphens between them."),
    ),
    (ErrorCode.INVALID_REQUEST, "usernames"): (
        400,
        N_("Enter up to 50 names of up to 40 characters each."),
    ),
    (ErrorCode.INVALID_REQUEST, "command"): (400, N_("A command has up to 500 characters.")),
    (ErrorCode.INVALID_REQUEST, "tag"): (
        400,
        N_("A tag has up to 32 characters: a-z, 0-9, _ and -. It starts with a letter or a digit."),
    ),
    (ErrorCode.INVALID_REQUEST, "min"): (
        400,
        N_("A game has 1 to 1000 players. The maximum cannot be less than the minimum."),
    ),
    (ErrorCode.INVALID_REQUEST, "max"): (
        400,
        N_("A game has 1 to 1000 players. The maximum cannot be less than the minimum."),
    ),
    (ErrorCode.INVALID_REQUEST, "player"): (400, N_("Enter a player ID (a number).")),
    (ErrorCode.INVALID_REQUEST, "duration"): (400, N_("Choose a duration.")),
    (ErrorCode.INVALID_REQUEST, "note"): (400, N_("A note has up to 100 characters.")),
    (ErrorCode.INVALID_REQUEST, "reason"): (400, N_("A reason has up to 200 characters.")),
}

#: What the actor did; the name of the actor stands before it.
ACTION_MESSAGES: Mapping[AuditAction, str] = {
    AuditAction.ACCOUNT_ADDED: N_("added user <bdi>%(subject)s</bdi>"),
    AuditAction.FIRST_ADMIN_CREATED: N_("became the first administrator with the start code"),
    AuditAction.ACCOUNT_ACTIVATED: N_("approved <bdi>%(subject)s</bdi>"),
    AuditAction.ACCOUNT_DEACTIVATED: N_("deactivated <bdi>%(subject)s</bdi>"),
    AuditAction.ADMIN_GRANTED: N_("made <bdi>%(subject)s</bdi> an administrator"),
    AuditAction.ADMIN_REVOKED: N_("removed the administrator role from <bdi>%(subject)s</bdi>"),
    AuditAction.USERNAMES_SET: N_(
        "set the Minecraft names of <bdi>%(subject)s</bdi> to <bdi>%(detail)s</bdi>"
    ),
    AuditAction.PASSWORD_SET: N_("reset the password of <bdi>%(subject)s</bdi>"),
    AuditAction.TOKEN_CREATED: N_("created a token for <bdi>%(subject)s</bdi>"),
    AuditAction.ACCOUNT_REMOVED: N_("deleted user <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_ADDED: N_("added world <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_RENAMED: N_("renamed world <bdi>%(subject)s</bdi> to <bdi>%(detail)s</bdi>"),
    AuditAction.SHORT_NAME_SET: N_(
        "set the short name of world <bdi>%(subject)s</bdi> to <bdi>%(detail)s</bdi>"
    ),
    AuditAction.WORLD_MADE_PUBLIC: N_("made world <bdi>%(subject)s</bdi> public"),
    AuditAction.WORLD_MADE_PRIVATE: N_("made world <bdi>%(subject)s</bdi> private"),
    AuditAction.WORLD_PAUSED: N_("stopped world <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_PLAYED: N_("started world <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_RESTARTED: N_("restarted world <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_KILLED: N_("force stopped world <bdi>%(subject)s</bdi>"),
    AuditAction.WORLD_CRASHED: N_("World <bdi>%(subject)s</bdi> crashed"),
    AuditAction.WORLD_CRASH_LOOP: N_(
        "World <bdi>%(subject)s</bdi> crashed 3 times in 10 minutes and stays stopped"
    ),
    AuditAction.ALL_WORLDS_STOPPED: N_("stopped all worlds"),
    AuditAction.WORLD_DELETED: N_("deleted world <bdi>%(subject)s</bdi> and its files"),
    AuditAction.EULA_AGREED: N_("agreed to the Minecraft EULA for world <bdi>%(subject)s</bdi>"),
    AuditAction.EULA_WITHDRAWN: N_(
        "withdrew the agreement to the Minecraft EULA for world <bdi>%(subject)s</bdi>"
    ),
    AuditAction.WORLD_SAVED: N_("saved world <bdi>%(subject)s</bdi>"),
    AuditAction.SAVED_GAME_RESTORED: N_(
        "restored a saved game of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.SAVED_GAME_UPLOADED: N_(
        "uploaded a saved game of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.SAVED_GAME_DOWNLOADED: N_(
        "downloaded a saved game of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.SAVED_GAME_PINNED: N_(
        "changed the pin of a saved game of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.SAVED_GAME_REMOVED: N_(
        "deleted a saved game of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.LOG_IMPORTED: N_(
        "imported a log into world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.VERSION_ADDED: N_("added version <bdi>%(subject)s</bdi>"),
    AuditAction.VERSION_FETCHED: N_("fetched version <bdi>%(subject)s</bdi>"),
    AuditAction.VERSION_REMOVED: N_("removed version <bdi>%(subject)s</bdi>"),
    AuditAction.HOSTING_CONFIGURED: N_("changed the settings of hosting: <bdi>%(detail)s</bdi>"),
    AuditAction.PROPERTIES_SET: N_(
        "changed the properties of world <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.WORLD_ARCHIVED: N_("archived world <bdi>%(subject)s</bdi>"),
    AuditAction.SECRET_ROTATED: N_("reset the agent secret of <bdi>%(subject)s</bdi>"),
    AuditAction.PAIRING_OPENED: N_("created a pairing code for <bdi>%(subject)s</bdi>"),
    AuditAction.AGENT_PAIRED: N_("paired an agent with <bdi>%(subject)s</bdi>"),
    AuditAction.CONSOLE_COMMAND_SENT: N_(
        "sent a command to <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"
    ),
    AuditAction.GAME_ADDED: N_("added game <bdi>%(subject)s</bdi>"),
    AuditAction.GAME_TOKENS_ROTATED: N_("reset the tokens of <bdi>%(subject)s</bdi>"),
    AuditAction.PLAYER_KICKED: N_("kicked <bdi>%(subject)s</bdi> from <bdi>%(detail)s</bdi>"),
    AuditAction.LOBBY_CLOSED: N_("closed room <bdi>%(subject)s</bdi>"),
    AuditAction.ROOM_CLOSED: N_("ended game <bdi>%(subject)s</bdi>"),
    AuditAction.PLAYER_BANNED: N_("banned <bdi>%(subject)s</bdi>: <bdi>%(detail)s</bdi>"),
    AuditAction.PLAYER_UNBANNED: N_("removed the ban of <bdi>%(subject)s</bdi>"),
    AuditAction.BACKUP_CREATED: N_("created backup <bdi>%(subject)s</bdi>"),
    AuditAction.BACKUP_DOWNLOADED: N_("downloaded backup <bdi>%(subject)s</bdi>"),
    AuditAction.BACKUP_REMOVED: N_("deleted backup <bdi>%(subject)s</bdi>"),
    AuditAction.BACKUP_UPLOADED: N_("uploaded backup <bdi>%(subject)s</bdi>"),
    AuditAction.BACKUP_RESTORED: N_("restored backup <bdi>%(subject)s</bdi>"),
}
