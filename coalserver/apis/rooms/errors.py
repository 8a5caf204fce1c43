"""What refusals are called in this dialect: status, code, and English for developers."""

from aiohttp import web

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.responses import document

#: Why -> (status, code, description).
WORDS: dict[Why, tuple[int, str, str]] = {
    Why.MALFORMED: (400, "request.malformed", "The request is not as it should be: {fields}"),
    Why.NO_TOKEN: (401, "auth.missing", "Send `Authorization: Bearer <token>`."),
    Why.BAD_TOKEN: (403, "auth.invalid", "The token or ticket is not valid, or no longer."),
    Why.NOT_YOURS: (403, "auth.not_yours", "This belongs to another user."),
    Why.BANNED: (403, "auth.banned", "You are banned from this game."),
    Why.RATE_LIMITED: (429, "rate.limited", "Too many failures. Try again in {wait} seconds."),
    Why.KEY_REUSED: (
        422,
        "request.key_reused",
        "This Idempotency-Key came with another request before.",
    ),
    Why.CURSOR_AHEAD: (
        400,
        "request.malformed",
        "after-event-id is larger than the newest event's id, {head}.",
    ),
    Why.BAD_CREDENTIALS: (400, "login.bad_credentials", "E-mail and password do not match."),
    Why.BAD_CREDENTIAL_TYPE: (
        400,
        "login.bad_credential_type",
        "credentialType must be `password` or `guest`.",
    ),
    Why.EMAIL_TAKEN: (400, "register.email_already_exists", "This e-mail has an account."),
    Why.EMAIL_INVALID: (400, "register.email_not_valid", "This is not an e-mail address."),
    Why.PASSWORD_TOO_SHORT: (
        400,
        "register.password_too_short",
        "A password has at least {least} characters.",
    ),
    Why.PLAYER_NOT_FOUND: (404, "user.not_found", "There is no such user."),
    Why.GAME_NOT_FOUND: (404, "game.not_found", "There is no such game."),
    Why.GAME_CLOSED: (403, "game.closed", "This game takes only players registered with it."),
    Why.DATUM_NOT_FOUND: (404, "user_data.not_found", "Nothing is kept under this key."),
    Why.DATUM_REFUSED: (400, "user_data.refused", "The game does not keep this value."),
    Why.LOBBY_NOT_FOUND: (404, "room.not_found", "There is no such room."),
    Why.LOBBY_GONE: (410, "room.gone", "The room exists no longer."),
    Why.LOBBY_STARTED: (410, "room.gone", "The room exists no longer: its session has started."),
    Why.LOBBY_FULL: (400, "room.full", "The room is full."),
    Why.WRONG_PASSWORD: (400, "room.wrong_password", "The password is wrong."),
    Why.ALREADY_HERE: (400, "room.already_in_room", "You are already in the room."),
    Why.NOT_HERE: (400, "room.not_in_room", "You are not in the room."),
    Why.NOT_HOST: (403, "room.not_host", "Only the host may do this."),
    Why.TOO_MANY_SEATS: (400, "room.too_many", "You are in {most} rooms and sessions already."),
    Why.TARGET_NOT_HERE: (400, "room.user_not_in_room", "That user is not in the room."),
    Why.KICK_SELF: (400, "room.cannot_kick_self", "You cannot kick yourself. Leave instead."),
    Why.CANNOT_LEAVE: (400, "room.cannot_leave", "Members may not leave this room."),
    Why.NEEDS_APPROVAL: (400, "room.needs_approval", "The host of this room approves newcomers."),
    Why.NOT_READY: (400, "room.not_ready", "Not everyone is ready."),
    Why.NOT_FULL: (400, "room.too_few_players", "This room starts only when it is full."),
    Why.TOO_FEW_PLAYERS: (400, "room.too_few_players", "The game needs {least} players."),
    Why.TOO_MANY_PLAYERS: (400, "room.too_many_players", "The game takes {most} players."),
    Why.ROOM_NOT_FOUND: (404, "session.not_found", "There is no such session."),
    Why.ROOM_OVER: (400, "session.over", "The session is over."),
    Why.ROOM_FULL: (400, "session.full", "The session has no free place."),
    Why.NOT_CURRENT: (400, "session.not_current_player", "It is not your turn."),
    Why.TURN_REFUSED: (400, "{game}.{code}", "The rules of the game refuse this turn."),
    Why.OPTIONS_REFUSED: (400, "room.bad_options", "The game cannot use the option `{option}`."),
    Why.RULES_FAILED: (400, "game.rules_failed", "The game's rules could not handle this."),
    # No request of this API meets the rest: they are worded so that none is ever without words.
    Why.UNVERIFIED: (400, "login.account_unverified", "The e-mail address is not confirmed."),
    Why.ACCOUNT_NOT_FOUND: (404, "account.not_found", "There is no such account."),
    Why.INACTIVE: (403, "account.inactive", "The account waits for activation."),
    Why.LAST_ADMIN: (400, "account.last_admin", "There must be an admin."),
    Why.NOT_ADMIN: (403, "account.not_admin", "Only an admin may do this."),
    Why.ADMIN_STAYS: (400, "account.admin_stays", "An admin's account is not removed."),
    Why.TOO_MANY_TOKENS: (400, "account.too_many_tokens", "The account has too many tokens."),
    Why.BAD_CLIENT: (400, "client.invalid", "There is no such client."),
    Why.BAD_GRANT: (400, "client.invalid_grant", "The code or refresh token is not valid."),
    Why.BAD_SCOPE: (400, "client.invalid_scope", "The client may not ask for this."),
    Why.WORLD_NOT_FOUND: (404, "world.not_found", "There is no such world."),
    Why.VISITOR_NOT_FOUND: (404, "world.player_not_found", "Nobody of this name was in the world."),
    Why.USERNAME_TAKEN: (400, "account.username_taken", "This name is another account's."),
    Why.SHORT_NAME_TAKEN: (400, "world.short_name_taken", "Another world has this short name."),
    Why.SHORT_NAME_RESERVED: (
        400,
        "world.short_name_reserved",
        "A page of this site has this address.",
    ),
    Why.GAME_EXISTS: (400, "game.exists", "There is a game with this tag."),
    Why.IN_A_LOBBY: (400, "room.already_in_room", "You are in another room of your game."),
    Why.IN_A_ROOM: (400, "session.already_in_session", "You are in another session of your game."),
    Why.REQUEST_PENDING: (400, "room.request_pending", "You have asked already."),
    Why.REQUEST_NOT_FOUND: (404, "room.request_not_found", "There is no such request."),
    Why.REQUEST_ANSWERED: (400, "room.request_answered", "The request has been answered."),
    Why.ACTION_NOT_FOUND: (404, "session.action_not_found", "There is no such action."),
    Why.NO_TARGETS: (400, "session.user_not_in_session", "None of these users is in the session."),
    Why.OTHER_NOT_FOUND: (404, "user.not_found", "There is no such user."),
    Why.ONESELF: (400, "user.oneself", "That is you yourself."),
    Why.DATA_CHANGED: (409, "user_data.changed", "Somebody else has written since: {version}."),
    Why.NOT_WELCOME: (403, "room.not_welcome", "The host does not want you here."),
}
#: In a session's endpoints the same reasons speak of sessions.
SESSION = {
    Why.NOT_HERE: (400, "session.not_in_session", "You are not in the session."),
    Why.WRONG_PASSWORD: (400, "session.wrong_password", "The password is wrong."),
    Why.CANNOT_LEAVE: (400, "session.cannot_leave", "Members may not leave this session."),
    Why.NOT_HOST: (403, "session.not_host", "Only the host may do this."),
    Why.NOT_YOURS: (403, "session.private", "This session is private."),
}
STRAYS = {
    404: ("request.not_found", "There is nothing here."),
    405: ("request.method_not_allowed", "This address does not take that method; see `Allow`."),
    413: ("request.too_large", "The body is too large."),
    415: ("request.not_json", "The body must be JSON: send `Content-Type: application/json`."),
    500: ("server.failed", "Something went wrong on our side."),
}


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """`{"error", "description"}` with the status of the reason."""
    why, facts = refusal.why, refusal.facts
    about_session = "/sessions" in call.route.path
    words = SESSION.get(why) if about_session else None
    status, code, description = words or WORDS[why]
    if why is Why.TURN_REFUSED:
        code = code.format(game=call.path.get("game", "game"), code=facts.get("code", "refused"))
    if why is Why.MALFORMED:
        facts = {"fields": flat(facts.get("fields", {}))}
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if why is Why.RATE_LIMITED:
        headers["Retry-After"] = str(facts.get("wait", 60))
    said = {"error": code, "description": description.format_map(_Facts(facts))}
    return document(said, status, headers)


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered."""
    code, description = STRAYS[status]
    return document({"error": code, "description": description}, status)


class _Facts(dict[str, object]):
    """The rules of a game may refuse without saying all: that leaves a gap, and no fault."""

    def __missing__(self, name: str) -> str:
        return "…"


def flat(fields: object, path: str = "") -> str:
    """What a schema objects to, as one line: `name: Not a string. password: …`."""
    if isinstance(fields, dict):
        parts = (
            flat(inner, f"{path}.{name}" if path else str(name)) for name, inner in fields.items()
        )
        return " ".join(parts)
    texts = fields if isinstance(fields, list) else [fields]
    said = " ".join(map(str, texts))
    return f"{path}: {said}" if path and path != "body" else said
