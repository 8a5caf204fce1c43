"""What refusals are called in this dialect: status, code, and English for developers."""

from collections.abc import Mapping

from aiohttp import web

from coalserver.apis.rooms.event_payloads import CLOSE_REASONS
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import format_errors

#: Error code -> (status, wire code, description).
ERROR_MESSAGES: dict[ErrorCode, tuple[int, str, str]] = {
    ErrorCode.INVALID_REQUEST: (
        400,
        "request.malformed",
        "The request is invalid: {fields}",
    ),
    ErrorCode.TOKEN_REQUIRED: (401, "auth.missing", "Send `Authorization: Bearer <token>`."),
    ErrorCode.INVALID_TOKEN: (
        403,
        "auth.invalid",
        "The token or ticket is invalid or has expired.",
    ),
    ErrorCode.PERMISSION_DENIED: (403, "auth.not_yours", "This resource belongs to another user."),
    ErrorCode.BANNED: (403, "auth.banned", "You are banned from this game."),
    ErrorCode.RATE_LIMITED: (
        429,
        "rate.limited",
        "Too many failed attempts. Try again in {retry_after} seconds.",
    ),
    ErrorCode.UNSUPPORTED_ENCODING: (
        415,
        "request.unsupported_encoding",
        "The body has a Content-Encoding that is not in `Accept-Encoding`.",
    ),
    ErrorCode.TOO_MANY_REQUESTS: (
        429,
        "rate.limited",
        "Too many requests. Try again in {retry_after} seconds.",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        422,
        "request.key_reused",
        "This Idempotency-Key was already used with a different request.",
    ),
    ErrorCode.CURSOR_AHEAD: (
        400,
        "request.malformed",
        "after-event-id is greater than the id of the newest event, {head}.",
    ),
    ErrorCode.INVALID_CREDENTIALS: (
        400,
        "login.bad_credentials",
        "The e-mail address or the password is wrong.",
    ),
    ErrorCode.INVALID_CREDENTIAL_TYPE: (
        400,
        "login.bad_credential_type",
        "credentialType must be `password` or `guest`.",
    ),
    ErrorCode.EMAIL_TAKEN: (
        400,
        "register.email_already_exists",
        "An account with this e-mail address exists.",
    ),
    ErrorCode.INVALID_EMAIL: (400, "register.email_not_valid", "The e-mail address is invalid."),
    ErrorCode.PASSWORD_TOO_SHORT: (
        400,
        "register.password_too_short",
        "The password must have at least {minimum} characters.",
    ),
    ErrorCode.PLAYER_NOT_FOUND: (404, "user.not_found", "The user was not found."),
    ErrorCode.GAME_NOT_FOUND: (404, "game.not_found", "The game was not found."),
    ErrorCode.GAME_CLOSED: (
        403,
        "game.closed",
        "Only players registered with this game may play it.",
    ),
    ErrorCode.STORAGE_ITEM_NOT_FOUND: (
        404,
        "user_data.not_found",
        "No value is stored under this key.",
    ),
    ErrorCode.STORAGE_ITEM_REFUSED: (
        400,
        "user_data.refused",
        "The rules of the game reject this value.",
    ),
    ErrorCode.TOO_MANY_STORAGE_KEYS: (
        409,
        "user_data.too_many_keys",
        "You have stored values under {maximum} keys of this game, the maximum.",
    ),
    ErrorCode.PLAYER_STORAGE_FULL: (
        413,
        "user_data.too_large",
        "Your values in this game may have {maximum} bytes together.",
    ),
    ErrorCode.GAME_FULL: (507, "game.full", "No more players can be added."),
    ErrorCode.GAME_STORAGE_FULL: (507, "game.storage_full", "The storage of the game is full."),
    ErrorCode.TOO_MANY_ACTIONS: (
        409,
        "session.too_many_actions",
        "The session has too many actions.",
    ),
    ErrorCode.TOO_MANY_LISTED: (409, "user.too_many_listed", "The list has {maximum} users."),
    ErrorCode.TOO_MANY_SCREENSHOTS: (
        409,
        "world.too_many_screenshots",
        "You have {maximum} screenshots in this world, the maximum.",
    ),
    ErrorCode.LOBBY_NOT_FOUND: (404, "room.not_found", "The room was not found."),
    ErrorCode.LOBBY_CLOSED: (410, "room.gone", "The room is closed."),
    ErrorCode.LOBBY_STARTED: (
        410,
        "room.gone",
        "The room is closed: its session has started.",
    ),
    ErrorCode.LOBBY_FULL: (400, "room.full", "The room is full."),
    ErrorCode.WRONG_PASSWORD: (400, "room.wrong_password", "The password is wrong."),
    ErrorCode.ALREADY_MEMBER: (400, "room.already_in_room", "You are already in the room."),
    ErrorCode.NOT_MEMBER: (400, "room.not_in_room", "You are not in the room."),
    ErrorCode.NOT_HOST: (403, "room.not_host", "Only the host of the room may do this."),
    ErrorCode.TOO_MANY_SEATS: (
        400,
        "room.too_many",
        "You are already in {maximum} rooms and sessions, the maximum.",
    ),
    ErrorCode.TARGET_NOT_MEMBER: (400, "room.user_not_in_room", "The user is not in the room."),
    ErrorCode.CANNOT_KICK_SELF: (
        400,
        "room.cannot_kick_self",
        "You cannot kick yourself. Leave instead.",
    ),
    ErrorCode.CANNOT_LEAVE: (400, "room.cannot_leave", "Members cannot leave this room."),
    ErrorCode.APPROVAL_REQUIRED: (
        400,
        "room.needs_approval",
        "Joining this room requires the approval of its host.",
    ),
    ErrorCode.MEMBERS_NOT_READY: (400, "room.not_ready", "Some members are not ready."),
    ErrorCode.LOBBY_NOT_FULL: (
        400,
        "room.too_few_players",
        "The room can only start when it is full.",
    ),
    ErrorCode.TOO_FEW_PLAYERS: (
        400,
        "room.too_few_players",
        "The game requires at least {minimum} players.",
    ),
    ErrorCode.TOO_MANY_PLAYERS: (
        400,
        "room.too_many_players",
        "The game allows at most {maximum} players.",
    ),
    ErrorCode.ROOM_NOT_FOUND: (404, "session.not_found", "The session was not found."),
    ErrorCode.ROOM_ENDED: (400, "session.over", "The session has ended."),
    ErrorCode.ROOM_FULL: (400, "session.full", "The session is full."),
    ErrorCode.NOT_YOUR_TURN: (400, "session.not_current_player", "It is not your turn."),
    ErrorCode.TURN_REFUSED: (400, "{game}.{code}", "The rules of the game reject this turn."),
    ErrorCode.OPTIONS_REFUSED: (
        400,
        "room.bad_options",
        "The game does not accept the option `{option}`.",
    ),
    ErrorCode.RULES_FAILED: (400, "game.rules_failed", "The rules of the game failed."),
    # This API raises none of the codes below; each has a message so that no code is without one.
    ErrorCode.EMAIL_UNVERIFIED: (
        400,
        "login.account_unverified",
        "The e-mail address is not verified.",
    ),
    ErrorCode.ACCOUNT_NOT_FOUND: (404, "account.not_found", "The account was not found."),
    ErrorCode.ACCOUNT_INACTIVE: (403, "account.inactive", "The account is not active."),
    ErrorCode.LAST_ADMIN: (400, "account.last_admin", "The last admin cannot be removed."),
    ErrorCode.ADMIN_REQUIRED: (403, "account.not_admin", "Only an admin may do this."),
    ErrorCode.ADMIN_NOT_REMOVABLE: (
        400,
        "account.admin_stays",
        "The account of an admin cannot be removed.",
    ),
    ErrorCode.TOO_MANY_TOKENS: (400, "account.too_many_tokens", "The account has too many tokens."),
    ErrorCode.INVALID_CLIENT: (400, "client.invalid", "The client is unknown."),
    ErrorCode.INVALID_GRANT: (
        400,
        "client.invalid_grant",
        "The code or refresh token is invalid.",
    ),
    ErrorCode.INVALID_SCOPE: (
        400,
        "client.invalid_scope",
        "The client may not request this scope.",
    ),
    ErrorCode.WORLD_NOT_FOUND: (404, "world.not_found", "The world was not found."),
    ErrorCode.VISITOR_NOT_FOUND: (
        404,
        "world.player_not_found",
        "No player with this name was in the world.",
    ),
    ErrorCode.USERNAME_TAKEN: (
        400,
        "account.username_taken",
        "The name belongs to another account.",
    ),
    ErrorCode.SHORT_NAME_TAKEN: (
        400,
        "world.short_name_taken",
        "The short name belongs to another world.",
    ),
    ErrorCode.TOO_MANY_STARTS: (
        429,
        "world.too_many_starts",
        "You have started worlds too often; try again later.",
    ),
    ErrorCode.ORDER_REFUSED: (400, "world.refused", "The world cannot do that now."),
    ErrorCode.WORLD_HOSTED: (400, "world.hosted", "This server runs it itself."),
    ErrorCode.VERSION_NOT_FOUND: (404, "version.not_found", "There is no such version."),
    ErrorCode.VERSION_EXISTS: (409, "version.exists", "There is a version with this name."),
    ErrorCode.VERSION_IN_USE: (409, "version.in_use", "A world uses this version."),
    ErrorCode.VERSION_CONFIGURED: (
        409,
        "version.configured",
        "The configuration defines this version.",
    ),
    ErrorCode.SAVE_NOT_FOUND: (404, "save.not_found", "There is no such saved game."),
    ErrorCode.ARCHIVE_REFUSED: (400, "save.archive_refused", "This archive is not accepted."),
    ErrorCode.SHORT_NAME_RESERVED: (
        400,
        "world.short_name_reserved",
        "The short name is reserved for a page of this site.",
    ),
    ErrorCode.GAME_EXISTS: (400, "game.exists", "A game with this tag exists."),
    ErrorCode.ALREADY_IN_LOBBY: (
        400,
        "room.already_in_room",
        "You are already in a room of this game.",
    ),
    ErrorCode.ALREADY_IN_ROOM: (
        400,
        "session.already_in_session",
        "You are already in a session of this game.",
    ),
    ErrorCode.JOIN_REQUEST_PENDING: (400, "room.request_pending", "Your join request is pending."),
    ErrorCode.JOIN_REQUEST_NOT_FOUND: (
        404,
        "room.request_not_found",
        "The join request was not found.",
    ),
    ErrorCode.JOIN_REQUEST_ANSWERED: (
        400,
        "room.request_answered",
        "The join request was answered or has ended.",
    ),
    ErrorCode.ACTION_NOT_FOUND: (404, "session.action_not_found", "The action was not found."),
    ErrorCode.NO_TARGETS: (
        400,
        "session.user_not_in_session",
        "None of these users is in the session.",
    ),
    ErrorCode.TARGET_NOT_FOUND: (404, "user.not_found", "The user was not found."),
    ErrorCode.SELF_NOT_ALLOWED: (400, "user.oneself", "The user must be another user."),
    ErrorCode.VERSION_CONFLICT: (
        409,
        "user_data.changed",
        "The value has changed; its version is {version}.",
    ),
    ErrorCode.HOST_DENIED: (403, "room.not_welcome", "The host does not admit you."),
}
#: Exceptions for the routes of sessions.
SESSION_ERROR_MESSAGES = {
    ErrorCode.NOT_MEMBER: (400, "session.not_in_session", "You are not in the session."),
    ErrorCode.WRONG_PASSWORD: (400, "session.wrong_password", "The password is wrong."),
    ErrorCode.CANNOT_LEAVE: (400, "session.cannot_leave", "Members cannot leave this session."),
    ErrorCode.NOT_HOST: (403, "session.not_host", "Only the host of the session may do this."),
    ErrorCode.PERMISSION_DENIED: (403, "session.private", "This session is private."),
}
#: Exceptions for the answer to a join request: they are about its sender.
REQUEST_ERROR_MESSAGES = dict.fromkeys(
    (ErrorCode.ALREADY_IN_LOBBY, ErrorCode.TOO_MANY_SEATS),
    (400, "room.user_elsewhere", "The user has taken a seat in another room."),
)
HTTP_ERRORS = {
    404: ("request.not_found", "Nothing was found at this path."),
    405: ("request.method_not_allowed", "This path does not allow the method; see `Allow`."),
    408: ("request.too_slow", "The body came too slowly."),
    413: ("request.too_large", "The body is too large."),
    415: ("request.not_json", "The body must be JSON: send `Content-Type: application/json`."),
    500: ("server.failed", "The server failed to handle the request."),
}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return `{"error", "description"}` with the status of the error code."""
    error_code, details = error.code, error.details
    status, code, description = _error_message(error, ctx)
    if error_code is ErrorCode.INVALID_REQUEST:
        details = {"fields": format_errors(details.get("fields", {}))}
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        headers["Retry-After"] = str(details.get("retry_after", 60))
    payload = {"error": code, "description": description.format_map(_Details(details))}
    if error_code in (ErrorCode.LOBBY_CLOSED, ErrorCode.LOBBY_STARTED) and "lobby" in details:
        payload |= _closed_room_members(ctx, details["lobby"])
    return json_response(payload, status, headers)


def _closed_room_members(ctx: RequestContext, room: int) -> dict[str, str]:
    """Return `reason`, why a room was closed, and `sessionId` to users who may see its session."""
    lobby = ctx.core.state.get(Lobby, room)
    if lobby is None or lobby.close_reason is None:
        return {}
    members = {"reason": CLOSE_REASONS.get(str(lobby.close_reason), "closed")}
    session = None if lobby.room is None else ctx.core.state.get(Room, lobby.room)
    if session is not None:
        player = ctx.caller.player_id
        if not session.password or player in session.roster or player in lobby.roster:
            members["sessionId"] = str(session.id)
    return members


def wire_code(error: DomainError, ctx: RequestContext) -> str:
    """Return the code by which this API calls an error, such as `room.gone`."""
    return _error_message(error, ctx)[1]


def _error_message(error: DomainError, ctx: RequestContext) -> tuple[int, str, str]:
    """Return status, wire code and description of an error."""
    exceptions: Mapping[ErrorCode, tuple[int, str, str]] = {}
    if "/sessions" in ctx.route.path:
        exceptions = SESSION_ERROR_MESSAGES
    elif "/requests" in ctx.route.path:
        exceptions = REQUEST_ERROR_MESSAGES
    row = exceptions.get(error.code) or ERROR_MESSAGES[error.code]
    status, code, description = row
    if error.code is ErrorCode.TURN_REFUSED:
        refused = error.details.get("code", "refused")
        code = code.format(game=ctx.path.get("game", "game"), code=refused)
    return status, code, description


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return an HTTP error in the same shape."""
    code, description = HTTP_ERRORS[status]
    return json_response({"error": code, "description": description}, status)


class _Details(dict[str, object]):
    """Error details; a missing one is rendered as `…`, since rules may raise without it."""

    def __missing__(self, name: str) -> str:
        return "…"
