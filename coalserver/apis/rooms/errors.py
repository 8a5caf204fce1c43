"""What refusals are called in this dialect: status, code, and English for developers."""

from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import format_errors

#: Why -> (status, code, description).
ERROR_MESSAGES: dict[ErrorCode, tuple[int, str, str]] = {
    ErrorCode.INVALID_REQUEST: (
        400,
        "request.malformed",
        "The request is not as it should be: {fields}",
    ),
    ErrorCode.TOKEN_REQUIRED: (401, "auth.missing", "Send `Authorization: Bearer <token>`."),
    ErrorCode.INVALID_TOKEN: (
        403,
        "auth.invalid",
        "The token or ticket is not valid, or no longer.",
    ),
    ErrorCode.PERMISSION_DENIED: (403, "auth.not_yours", "This belongs to another user."),
    ErrorCode.BANNED: (403, "auth.banned", "You are banned from this game."),
    ErrorCode.RATE_LIMITED: (
        429,
        "rate.limited",
        "Too many failures. Try again in {wait} seconds.",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        422,
        "request.key_reused",
        "This Idempotency-Key came with another request before.",
    ),
    ErrorCode.CURSOR_AHEAD: (
        400,
        "request.malformed",
        "after-event-id is larger than the newest event's id, {head}.",
    ),
    ErrorCode.INVALID_CREDENTIALS: (
        400,
        "login.bad_credentials",
        "E-mail and password do not match.",
    ),
    ErrorCode.INVALID_CREDENTIAL_TYPE: (
        400,
        "login.bad_credential_type",
        "credentialType must be `password` or `guest`.",
    ),
    ErrorCode.EMAIL_TAKEN: (400, "register.email_already_exists", "This e-mail has an account."),
    ErrorCode.INVALID_EMAIL: (400, "register.email_not_valid", "This is not an e-mail address."),
    ErrorCode.PASSWORD_TOO_SHORT: (
        400,
        "register.password_too_short",
        "A password has at least {least} characters.",
    ),
    ErrorCode.PLAYER_NOT_FOUND: (404, "user.not_found", "There is no such user."),
    ErrorCode.GAME_NOT_FOUND: (404, "game.not_found", "There is no such game."),
    ErrorCode.GAME_CLOSED: (403, "game.closed", "This game takes only players registered with it."),
    ErrorCode.STORAGE_ITEM_NOT_FOUND: (
        404,
        "user_data.not_found",
        "Nothing is kept under this key.",
    ),
    ErrorCode.STORAGE_ITEM_REFUSED: (
        400,
        "user_data.refused",
        "The game does not keep this value.",
    ),
    ErrorCode.LOBBY_NOT_FOUND: (404, "room.not_found", "There is no such room."),
    ErrorCode.LOBBY_CLOSED: (410, "room.gone", "The room exists no longer."),
    ErrorCode.LOBBY_STARTED: (
        410,
        "room.gone",
        "The room exists no longer: its session has started.",
    ),
    ErrorCode.LOBBY_FULL: (400, "room.full", "The room is full."),
    ErrorCode.WRONG_PASSWORD: (400, "room.wrong_password", "The password is wrong."),
    ErrorCode.ALREADY_MEMBER: (400, "room.already_in_room", "You are already in the room."),
    ErrorCode.NOT_MEMBER: (400, "room.not_in_room", "You are not in the room."),
    ErrorCode.NOT_HOST: (403, "room.not_host", "Only the host may do this."),
    ErrorCode.TOO_MANY_SEATS: (
        400,
        "room.too_many",
        "You are in {most} rooms and sessions already.",
    ),
    ErrorCode.TARGET_NOT_MEMBER: (400, "room.user_not_in_room", "That user is not in the room."),
    ErrorCode.CANNOT_KICK_SELF: (
        400,
        "room.cannot_kick_self",
        "You cannot kick yourself. Leave instead.",
    ),
    ErrorCode.CANNOT_LEAVE: (400, "room.cannot_leave", "Members may not leave this room."),
    ErrorCode.APPROVAL_REQUIRED: (
        400,
        "room.needs_approval",
        "The host of this room approves newcomers.",
    ),
    ErrorCode.MEMBERS_NOT_READY: (400, "room.not_ready", "Not everyone is ready."),
    ErrorCode.LOBBY_NOT_FULL: (
        400,
        "room.too_few_players",
        "This room starts only when it is full.",
    ),
    ErrorCode.TOO_FEW_PLAYERS: (400, "room.too_few_players", "The game needs {least} players."),
    ErrorCode.TOO_MANY_PLAYERS: (400, "room.too_many_players", "The game takes {most} players."),
    ErrorCode.ROOM_NOT_FOUND: (404, "session.not_found", "There is no such session."),
    ErrorCode.ROOM_ENDED: (400, "session.over", "The session is over."),
    ErrorCode.ROOM_FULL: (400, "session.full", "The session has no free place."),
    ErrorCode.NOT_YOUR_TURN: (400, "session.not_current_player", "It is not your turn."),
    ErrorCode.TURN_REFUSED: (400, "{game}.{code}", "The rules of the game refuse this turn."),
    ErrorCode.OPTIONS_REFUSED: (
        400,
        "room.bad_options",
        "The game cannot use the option `{option}`.",
    ),
    ErrorCode.RULES_FAILED: (400, "game.rules_failed", "The game's rules could not handle this."),
    # No request of this API meets the rest: they are worded so that none is ever without words.
    ErrorCode.EMAIL_UNVERIFIED: (
        400,
        "login.account_unverified",
        "The e-mail address is not confirmed.",
    ),
    ErrorCode.ACCOUNT_NOT_FOUND: (404, "account.not_found", "There is no such account."),
    ErrorCode.ACCOUNT_INACTIVE: (403, "account.inactive", "The account waits for activation."),
    ErrorCode.LAST_ADMIN: (400, "account.last_admin", "There must be an admin."),
    ErrorCode.ADMIN_REQUIRED: (403, "account.not_admin", "Only an admin may do this."),
    ErrorCode.ADMIN_NOT_REMOVABLE: (
        400,
        "account.admin_stays",
        "An admin's account is not removed.",
    ),
    ErrorCode.TOO_MANY_TOKENS: (400, "account.too_many_tokens", "The account has too many tokens."),
    ErrorCode.INVALID_CLIENT: (400, "client.invalid", "There is no such client."),
    ErrorCode.INVALID_GRANT: (
        400,
        "client.invalid_grant",
        "The code or refresh token is not valid.",
    ),
    ErrorCode.INVALID_SCOPE: (400, "client.invalid_scope", "The client may not ask for this."),
    ErrorCode.WORLD_NOT_FOUND: (404, "world.not_found", "There is no such world."),
    ErrorCode.VISITOR_NOT_FOUND: (
        404,
        "world.player_not_found",
        "Nobody of this name was in the world.",
    ),
    ErrorCode.USERNAME_TAKEN: (400, "account.username_taken", "This name is another account's."),
    ErrorCode.SHORT_NAME_TAKEN: (
        400,
        "world.short_name_taken",
        "Another world has this short name.",
    ),
    ErrorCode.SHORT_NAME_RESERVED: (
        400,
        "world.short_name_reserved",
        "A page of this site has this address.",
    ),
    ErrorCode.GAME_EXISTS: (400, "game.exists", "There is a game with this tag."),
    ErrorCode.ALREADY_IN_LOBBY: (
        400,
        "room.already_in_room",
        "You are in another room of your game.",
    ),
    ErrorCode.ALREADY_IN_ROOM: (
        400,
        "session.already_in_session",
        "You are in another session of your game.",
    ),
    ErrorCode.JOIN_REQUEST_PENDING: (400, "room.request_pending", "You have asked already."),
    ErrorCode.JOIN_REQUEST_NOT_FOUND: (404, "room.request_not_found", "There is no such request."),
    ErrorCode.JOIN_REQUEST_ANSWERED: (
        400,
        "room.request_answered",
        "The request has been answered.",
    ),
    ErrorCode.ACTION_NOT_FOUND: (404, "session.action_not_found", "There is no such action."),
    ErrorCode.NO_TARGETS: (
        400,
        "session.user_not_in_session",
        "None of these users is in the session.",
    ),
    ErrorCode.TARGET_NOT_FOUND: (404, "user.not_found", "There is no such user."),
    ErrorCode.SELF_NOT_ALLOWED: (400, "user.oneself", "That is you yourself."),
    ErrorCode.VERSION_CONFLICT: (
        409,
        "user_data.changed",
        "Somebody else has written since: {version}.",
    ),
    ErrorCode.HOST_DENIED: (403, "room.not_welcome", "The host does not want you here."),
}
#: In a session's endpoints the same reasons speak of sessions.
SESSION_ERROR_MESSAGES = {
    ErrorCode.NOT_MEMBER: (400, "session.not_in_session", "You are not in the session."),
    ErrorCode.WRONG_PASSWORD: (400, "session.wrong_password", "The password is wrong."),
    ErrorCode.CANNOT_LEAVE: (400, "session.cannot_leave", "Members may not leave this session."),
    ErrorCode.NOT_HOST: (403, "session.not_host", "Only the host may do this."),
    ErrorCode.PERMISSION_DENIED: (403, "session.private", "This session is private."),
}
HTTP_ERRORS = {
    404: ("request.not_found", "There is nothing here."),
    405: ("request.method_not_allowed", "This address does not take that method; see `Allow`."),
    413: ("request.too_large", "The body is too large."),
    415: ("request.not_json", "The body must be JSON: send `Content-Type: application/json`."),
    500: ("server.failed", "Something went wrong on our side."),
}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """`{"error", "description"}` with the status of the reason."""
    error_code, details = error.code, error.details
    is_session_route = "/sessions" in ctx.route.path
    row = SESSION_ERROR_MESSAGES.get(error_code) if is_session_route else None
    status, code, description = row or ERROR_MESSAGES[error_code]
    if error_code is ErrorCode.TURN_REFUSED:
        code = code.format(game=ctx.path.get("game", "game"), code=details.get("code", "refused"))
    if error_code is ErrorCode.INVALID_REQUEST:
        details = {"fields": format_errors(details.get("fields", {}))}
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error_code is ErrorCode.RATE_LIMITED:
        headers["Retry-After"] = str(details.get("wait", 60))
    payload = {"error": code, "description": description.format_map(_Details(details))}
    return json_response(payload, status, headers)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered."""
    code, description = HTTP_ERRORS[status]
    return json_response({"error": code, "description": description}, status)


class _Details(dict[str, object]):
    """The rules of a game may refuse without saying all: that leaves a gap, and no fault."""

    def __missing__(self, name: str) -> str:
        return "…"
