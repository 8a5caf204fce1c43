"""What admins read: why something was refused, and what was done. One table a translator could read."""

from collections.abc import Mapping

from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.web.pages.i18n import N_, Language

#: What is said as if nothing were there.
MISSING = frozenset((Why.ACCOUNT_NOT_FOUND, Why.WORLD_NOT_FOUND, Why.GAME_NOT_FOUND))

#: Why -> (status, sentence); (Why, field) -> the same, for one field of a form.
WORDS: Mapping[Why | tuple[Why, str], tuple[int, str]] = {
    Why.BAD_TOKEN: (403, N_("This page was open for too long. Please try again.")),
    Why.RATE_LIMITED: (429, N_("Too many tries. Try again in {wait} seconds.")),
    Why.LAST_ADMIN: (400, N_("That is the last admin. Make another one first.")),
    Why.ADMIN_STAYS: (400, N_("Admins cannot be removed. Take the mark away first.")),
    Why.USERNAME_TAKEN: (400, N_("{username} is another account’s name.")),
    Why.SHORT_NAME_TAKEN: (400, N_("Another world has this short name.")),
    Why.SHORT_NAME_RESERVED: (
        400,
        N_("A page of this site has this address. Choose another short name."),
    ),
    Why.GAME_EXISTS: (400, N_("There is a game with this tag already.")),
    Why.PLAYER_NOT_FOUND: (400, N_("Nobody with this number has played that game.")),
    Why.LOBBY_NOT_FOUND: (400, N_("This room is not there any more.")),
    Why.LOBBY_GONE: (400, N_("This room is not there any more.")),
    Why.LOBBY_STARTED: (400, N_("This room has begun to play.")),
    Why.ROOM_NOT_FOUND: (400, N_("This session is not there any more.")),
    Why.ROOM_OVER: (400, N_("This session is over.")),
    Why.DATUM_NOT_FOUND: (404, N_("There is no such backup.")),
    Why.TARGET_NOT_HERE: (400, N_("That player has left already.")),
    (Why.MALFORMED, "file"): (400, N_("Choose a backup first.")),
    (Why.MALFORMED, "body"): (400, N_("What was sent cannot be read. Please try again.")),
    (Why.MALFORMED, "backup_foreign"): (400, N_("This file is not a backup of coalserver.")),
    (Why.MALFORMED, "backup_newer"): (
        400,
        N_("This backup was made by a newer coalserver. Update this one first."),
    ),
    (Why.MALFORMED, "backup_damaged"): (400, N_("This backup is damaged. Nothing has changed.")),
    (Why.MALFORMED, "backup_unreadable"): (
        400,
        N_("This backup cannot be read. Nothing has changed."),
    ),
    (Why.MALFORMED, "name"): (400, N_("A name has 1 to 100 characters.")),
    (Why.MALFORMED, "short_name"): (
        400,
        N_("A short name has a-z and 0-9, with single hyphens between; at most 50."),
    ),
    (Why.MALFORMED, "usernames"): (400, N_("At most 50 names, of at most 40 characters each.")),
    (Why.MALFORMED, "command"): (400, N_("A command has at most 500 characters.")),
    (Why.MALFORMED, "tag"): (
        400,
        N_("A tag is up to 32 of a-z 0-9 _ -, first a letter or a digit."),
    ),
    (Why.MALFORMED, "max"): (
        400,
        N_("A game has from 1 to 1000 players; the second number is not the smaller one."),
    ),
    (Why.MALFORMED, "player"): (400, N_("A player is named by a number.")),
    (Why.MALFORMED, "duration"): (400, N_("Choose how long.")),
    (Why.MALFORMED, "reason"): (400, N_("A reason has at most 200 characters.")),
}
OTHER = (400, N_("That did not work."))

DEEDS: Mapping[What, str] = {
    What.ACCOUNT_ADDED: N_("made the account <bdi>%(about)s</bdi>"),
    What.FIRST_ADMIN: N_("became the first admin, with the start code"),
    What.ACCOUNT_LET_IN: N_("let <bdi>%(about)s</bdi> in"),
    What.ACCOUNT_PUT_ON_HOLD: N_("put <bdi>%(about)s</bdi> on hold"),
    What.ADMIN_MADE: N_("made <bdi>%(about)s</bdi> an admin"),
    What.ADMIN_UNMADE: N_("took the admin mark from <bdi>%(about)s</bdi>"),
    What.NAMES_SET: N_("gave <bdi>%(about)s</bdi> the names <bdi>%(detail)s</bdi>"),
    What.PASSWORD_SET: N_("set the password of <bdi>%(about)s</bdi>"),
    What.TOKEN_MADE: N_("made a token for <bdi>%(about)s</bdi>"),
    What.ACCOUNT_REMOVED: N_("removed the account <bdi>%(about)s</bdi>"),
    What.WORLD_ADDED: N_("made the world <bdi>%(about)s</bdi>"),
    What.WORLD_RENAMED: N_("renamed the world <bdi>%(about)s</bdi> to <bdi>%(detail)s</bdi>"),
    What.SHORT_NAME_SET: N_(
        "gave the world <bdi>%(about)s</bdi> the short name <bdi>%(detail)s</bdi>"
    ),
    What.WORLD_MADE_PUBLIC: N_("let everybody read the world <bdi>%(about)s</bdi>"),
    What.WORLD_MADE_PRIVATE: N_("let only members read the world <bdi>%(about)s</bdi>"),
    What.WORLD_PAUSED: N_("asked for the world <bdi>%(about)s</bdi> to rest"),
    What.PROPERTIES_SET: N_(
        "changed how the world <bdi>%(about)s</bdi> is run: <bdi>%(detail)s</bdi>"
    ),
    What.WORLD_ENDED: N_("ended the world <bdi>%(about)s</bdi>"),
    What.SECRET_RENEWED: N_("gave the agent of <bdi>%(about)s</bdi> a new secret"),
    What.PAIRING_OPENED: N_("made a pairing code for <bdi>%(about)s</bdi>"),
    What.AGENT_PAIRED: N_("had an agent paired with <bdi>%(about)s</bdi>"),
    What.CONSOLE_TOLD: N_("sent to the console of <bdi>%(about)s</bdi>: <bdi>%(detail)s</bdi>"),
    What.GAME_ADDED: N_("made the game <bdi>%(about)s</bdi>"),
    What.GAME_ROTATED: N_("gave the game <bdi>%(about)s</bdi> new tokens"),
    What.PLAYER_PUT_OUT: N_("put <bdi>%(about)s</bdi> out of <bdi>%(detail)s</bdi>"),
    What.LOBBY_CLOSED: N_("closed the room <bdi>%(about)s</bdi>"),
    What.ROOM_CLOSED: N_("ended the session <bdi>%(about)s</bdi>"),
    What.PLAYER_BANNED: N_("banned <bdi>%(about)s</bdi>: <bdi>%(detail)s</bdi>"),
    What.BAN_LIFTED: N_("lifted the ban of <bdi>%(about)s</bdi>"),
    What.BACKUP_MADE: N_("made the backup <bdi>%(about)s</bdi>"),
    What.BACKUP_FETCHED: N_("downloaded the backup <bdi>%(about)s</bdi>"),
    What.BACKUP_REMOVED: N_("removed the backup <bdi>%(about)s</bdi>"),
    What.BACKUP_SENT: N_("uploaded the backup <bdi>%(about)s</bdi>"),
    What.BACKUP_RESTORED: N_("put the backup <bdi>%(about)s</bdi> back"),
}


def sentence(refusal: Refusal, texts: Language) -> tuple[int, str]:
    """The status of a refusal, and why it was in the reader's words."""
    fields = refusal.facts.get("fields") or {}
    named = next(
        (WORDS[refusal.why, name] for name in fields if (refusal.why, name) in WORDS), None
    )
    status, said = named or WORDS.get(refusal.why, OTHER)
    facts = {"wait": 60, "username": "", **refusal.facts}
    return status, texts.gettext(said).format(**facts)
