"""Error messages: `{"message"}` for most codes, `{"detail"}` with 422 for invalid requests."""

from typing import Any

from aiohttp import web

from coalserver.apis.hosts.render import JSON
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import flatten_errors

NOT_FOUND, OTHER_NOT_FOUND = "not found this", "not found other"
NO_SESSION, ACCESS_DENIED = "no session", "not welcome"
IN_SESSION = "already in session"
ErrorMessage = tuple[int, str]

#: Code, or (code, endpoint) for an exception -> (status, message). Clients compare some messages.
ERROR_MESSAGES: dict[ErrorCode | tuple[ErrorCode, str], ErrorMessage] = {
    ErrorCode.TOKEN_REQUIRED: (401, "missing token"),
    ErrorCode.INVALID_TOKEN: (401, "invalid token"),
    ErrorCode.PERMISSION_DENIED: (401, "token of another"),
    ErrorCode.TOO_MANY_LISTED: (409, "the list is full"),
    ErrorCode.GAME_FULL: (507, "no more players can be added"),
    ErrorCode.GAME_STORAGE_FULL: (507, "the storage is full"),
    ErrorCode.TOO_MANY_REQUESTS: (429, "too many requests, try again in {retry_after} seconds"),
    ErrorCode.RATE_LIMITED: (429, "too many failures, try again in {retry_after} seconds"),
    ErrorCode.UNSUPPORTED_ENCODING: (415, "unsupported encoding"),
    ErrorCode.INVALID_CREDENTIALS: (404, NOT_FOUND),
    ErrorCode.PLAYER_NOT_FOUND: (404, NOT_FOUND),
    (ErrorCode.PLAYER_NOT_FOUND, "join"): (404, NO_SESSION),
    ErrorCode.TARGET_NOT_FOUND: (404, OTHER_NOT_FOUND),
    ErrorCode.SELF_NOT_ALLOWED: (400, "that is oneself"),
    ErrorCode.ROOM_NOT_FOUND: (404, NO_SESSION),
    ErrorCode.ROOM_ENDED: (404, NO_SESSION),
    ErrorCode.HOST_DENIED: (404, ACCESS_DENIED),
    ErrorCode.BANNED: (404, ACCESS_DENIED),
    ErrorCode.GAME_CLOSED: (404, ACCESS_DENIED),
    ErrorCode.ALREADY_MEMBER: (400, IN_SESSION),
    ErrorCode.ALREADY_IN_ROOM: (400, IN_SESSION),
    (ErrorCode.ALREADY_IN_ROOM, "launch"): (409, "A session by this host is already hosted"),
    ErrorCode.ROOM_FULL: (400, "session full"),
    ErrorCode.LOBBY_FULL: (400, "session full"),
    ErrorCode.TOO_MANY_SEATS: (400, IN_SESSION),
    ErrorCode.NOT_MEMBER: (403, "not in session"),
    ErrorCode.NOT_HOST: (403, "not the source of truth"),
    ErrorCode.TARGET_NOT_MEMBER: (404, OTHER_NOT_FOUND),
}
#: For codes that this API never raises.
DEFAULT_ERROR = (400, "refused")
HTTP_ERRORS = {
    404: NOT_FOUND,
    405: "method not allowed",
    408: "too slow",
    413: "too large",
    415: "not JSON",
    500: "internal server error",
}
#: Message of a schema -> type and message of FastAPI, which clients of the document know.
FIELD_ERROR_MESSAGES = {
    "Missing data for required field.": ("missing", "Field required"),
    "Not a string.": ("string_type", "Input should be a valid string"),
    "Not true or false.": ("bool_type", "Input should be a valid boolean"),
    "Not a whole number.": ("int_type", "Input should be a valid integer"),
    "The body must be a JSON object.": ("dict_type", "Input should be a valid dictionary"),
    "too_large": ("value_error", "Larger than 262144 bytes"),
}
#: Code -> place, name and message of the parameter at fault.
PARAMETER_ERRORS = {
    ErrorCode.CURSOR_AHEAD: (
        "query",
        "after-event-id",
        "Larger than the newest event's id, {head}",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        "header",
        "Idempotency-Key",
        "It was already used with a different request",
    ),
}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return `{"message"}` with the status of the code; for an invalid request 422 `{"detail"}`."""
    details = validation_details(error, _location(error, ctx))
    if details:
        return json_response({"detail": details}, 422)
    status, message = error_message(error, ctx.route.endpoint)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        headers["Retry-After"] = str(error.details.get("retry_after", 60))
    return json_response({"message": message}, status, headers)


def error_message(error: DomainError, endpoint: str) -> ErrorMessage:
    """Return status and message of an error."""
    code = error.code
    status, message = ERROR_MESSAGES.get((code, endpoint)) or ERROR_MESSAGES.get(
        code, DEFAULT_ERROR
    )
    return status, message.format(retry_after=error.details.get("retry_after", 60))


def validation_details(error: DomainError, location: str) -> list[JSON]:
    """Return the errors of an invalid request in the shape of FastAPI; empty for other codes."""
    if error.code is ErrorCode.INVALID_REQUEST:
        return [
            _detail(location, path, message)
            for path, messages in flatten_errors(error.details.get("fields") or "Not understood.")
            for message in messages
        ]
    if error.code in PARAMETER_ERRORS:
        part, name, message = PARAMETER_ERRORS[error.code]
        formatted = message.format(head=error.details.get("head", "…"))
        return [{"loc": [part, name], "msg": formatted, "type": "value_error"}]
    return []


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return an HTTP error in the same shape."""
    return json_response({"message": HTTP_ERRORS[status]}, status)


def render_unavailable(ctx: RequestContext) -> web.StreamResponse:
    """Return the answer to a failed write: 503 with the service while stopping, otherwise 500."""
    if not ctx.core.feed.closed:
        return render_http_error(500, ctx.request)
    return json_response({"message": service_name(ctx.route.path)}, 503, {"Retry-After": "5"})


def service_name(path: str) -> str:
    """Return the service of the original that handled a path: `auth`, `hosts` or `sync`."""
    if "access_token" in path:
        return "auth"
    return "hosts" if path.startswith("/hosts") else "sync"


def _location(error: DomainError, ctx: RequestContext) -> str:
    """Return the part of the request that was invalid: `body`, `query` or `header`."""
    location: str = error.details.get("where", "query" if ctx.method == "GET" else "body")
    return location


def _detail(location: str, path: tuple[Any, ...], field_error: str) -> JSON:
    if path == ("body",):
        path = ()
        if "not valid JSON" in field_error:
            return {"loc": [location], "msg": "JSON decode error", "type": "json_invalid"}
    kind, message = FIELD_ERROR_MESSAGES.get(field_error, ("value_error", field_error.rstrip(".")))
    return {"loc": [location, *path], "msg": message, "type": kind}
