"""Errors of this API: `{"errors": "<message>"}`; 403, 404 and 405 have no body."""

from typing import Any

from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response
from coalserver.web.schemas import flatten_errors

CHALLENGE = 'Bearer error="invalid_token"'
#: Statuses whose bodies the document leaves empty.
EMPTY_BODY_STATUSES = frozenset((403, 404, 405))
#: Error code -> (status, message).
ERROR_MESSAGES: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.TOKEN_REQUIRED: (401, "Send an access token: Authorization: Bearer <token>."),
    ErrorCode.INVALID_TOKEN: (
        401,
        "The access token is invalid, expired or not valid for this request.",
    ),
    ErrorCode.ACCOUNT_INACTIVE: (403, ""),
    ErrorCode.PERMISSION_DENIED: (403, ""),
    ErrorCode.ADMIN_REQUIRED: (403, ""),
    ErrorCode.WORLD_NOT_FOUND: (404, ""),
    ErrorCode.VISITOR_NOT_FOUND: (404, ""),
    ErrorCode.SAVE_NOT_FOUND: (404, ""),
    ErrorCode.ACCOUNT_NOT_FOUND: (404, ""),
    ErrorCode.TARGET_NOT_FOUND: (404, ""),
    ErrorCode.SHORT_NAME_TAKEN: (400, "Another server has that short name."),
    ErrorCode.SHORT_NAME_RESERVED: (400, "A page of this site has that address."),
    ErrorCode.WORLD_HOSTED: (400, "This server runs it itself."),
    ErrorCode.USERNAME_TAKEN: (400, "Another user has that username."),
    ErrorCode.CURSOR_AHEAD: (400, "after-event-id is larger than the newest event's id."),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        422,
        "This Idempotency-Key came with another request before.",
    ),
    ErrorCode.UNSUPPORTED_ENCODING: (
        415,
        "The body has a Content-Encoding that is not in Accept-Encoding.",
    ),
    ErrorCode.INVALID_GRANT: (400, "The code is invalid or has expired."),
    ErrorCode.TOO_MANY_SCREENSHOTS: (409, "You have as many screenshots as you may have."),
    ErrorCode.TOO_MANY_REQUESTS: (429, "Too many requests; try again later."),
    ErrorCode.TOO_MANY_STARTS: (429, "You have started worlds too often; try again later."),
    ErrorCode.RATE_LIMITED: (429, "Too many failures; try again later."),
}
DEFAULT_ERROR = (400, "The request was refused.")
#: The core's code for an invalid field -> its message.
FIELD_MESSAGES = {
    "blank": "This field is required.",
    "taken": "It is another server's already.",
    "no_such_version": "There is no such version.",
}
HTTP_ERRORS = {
    408: "The body came too slowly.",
    413: "The request is too large.",
    415: "The body must be a form or JSON.",
    500: "This request failed because of a fault of the server.",
}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return the response for a domain error: its status and, where the document has a body, a message."""
    if error.code is ErrorCode.INVALID_REQUEST:
        return json_response({"errors": field_errors(error.details.get("fields"))}, 400)
    if error.code is ErrorCode.ORDER_REFUSED:
        return json_response({"errors": error.details["refusal"].text}, 400)
    if error.code is ErrorCode.ARCHIVE_REFUSED:
        return json_response({"errors": error.details["text"]}, 400)
    status, message = ERROR_MESSAGES.get(error.code, DEFAULT_ERROR)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status == 429:
        headers["Retry-After"] = str(error.details.get("retry_after", 60))
    if status in EMPTY_BODY_STATUSES:
        return raw_response(b"", status, headers)
    return json_response({"errors": message}, status, headers)


def field_errors(fields: Any) -> str:
    """Return the messages of all invalid fields as one text."""
    if not isinstance(fields, dict):
        return "The request was not understood."
    parts = []
    for path, codes in flatten_errors(fields):
        name = ".".join(map(str, path))
        text = " ".join(_end_with_period(FIELD_MESSAGES.get(code, code)) for code in codes)
        parts.append(text if name == "body" or text.startswith("Invalid ") else f"{name}: {text}")
    return " ".join(parts)


def _end_with_period(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return the response for a request that no handler answered: 404, 405, 413, 415, 500."""
    if status in EMPTY_BODY_STATUSES:
        return raw_response(b"", status)
    return json_response({"errors": HTTP_ERRORS[status]}, status)
