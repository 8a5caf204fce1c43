"""Rendering of errors, with the status and text of the document's error reference.

An endpoint is named by its path without `/api/` and ids: `game_room.php/actions/complete`.
"""

import re

from aiohttp import web

from coalserver.apis.multiplayer.error_messages import (
    ERROR_MESSAGES,
    HTTP_ERRORS,
    WRITE_ERROR_MESSAGES,
    ErrorMessage,
)
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time,
    format_time_or_null,
    is_typed,
    typed,
)
from coalserver.core.queries.games import get_game
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Ban
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import format_errors

_IDS = re.compile(r"/\{\w+\}")
_FILE = re.compile(r"/api/(\w+\.php)")
#: Files whose endpoints answer a wrong method with 405; the others answer 404.
FILES_WITH_405 = ("game_players.php", "game_data.php", "leaderboard.php", "time.php")


def endpoint_name(path: str) -> str:
    """Return the name of a route's endpoint in the error messages."""
    return _IDS.sub("", path).replace("//", "/").removeprefix("/api/")


def error_message(error: DomainError, endpoint: str) -> ErrorMessage:
    """Return status and text from the most specific row of the error messages."""
    code = error.code
    subject = str(error.details.get("subject") or _invalid_member(error.details)[1])
    file = endpoint.partition("/")[0]
    for row in (
        (code, subject, endpoint),
        (code, subject, file),
        (code, subject),
        (code, endpoint),
        (code, file),
    ):
        if row in ERROR_MESSAGES:
            return ERROR_MESSAGES[row]
    return ERROR_MESSAGES[code]


def message_text(error: DomainError, endpoint: str) -> str:
    """Return the text of an error, for messages on the realtime socket."""
    return _format_message(error_message(error, endpoint)[1], error.details)


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return `{"success": false, "error": …}` with the status of the error.

    BANNED adds `ban_info`, VERSION_CONFLICT `version`, 429 the header Retry-After.
    """
    code, details = error.code, error.details
    status, message = error_message(error, endpoint_name(ctx.route.path))
    payload: JSON = {"success": False, "error": _format_message(message, details)}
    headers = {}
    if code is ErrorCode.BANNED and isinstance(details.get("ban"), Ban):
        payload["ban_info"] = ban_info(details["ban"])
    if code is ErrorCode.VERSION_CONFLICT:
        payload["version"] = details.get("version")
    if code is ErrorCode.INVALID_TOKEN and ctx.route.path.endswith("/register"):
        payload["message"] = "Authentication failed"
    if status == 429:
        headers["Retry-After"] = str(details.get("retry_after", 60))
    return json_response(typed(payload) if _is_typed(ctx, details) else payload, status, headers)


def _is_typed(ctx: RequestContext, details: JSON) -> bool:
    """Return whether the error is typed; a banned caller is known by the ban only."""
    ban = details.get("ban")
    if isinstance(ban, Ban) and ctx.core.query(get_game, tag=ban.game).typed:
        return True
    return is_typed(ctx)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return an error of the same shape for 404, 405, 413, 415 and 500."""
    found = _FILE.match(request.path)
    file = found[1] if found else ""
    if status == 405 and file not in FILES_WITH_405:
        status = 404
    row = HTTP_ERRORS.get((status, file)) or HTTP_ERRORS[status]
    return json_response({"success": False, "error": row[1]}, row[0])


def render_unavailable(ctx: RequestContext) -> web.StreamResponse:
    """Return the document's error for a failed write at this endpoint, otherwise a 500."""
    endpoint = endpoint_name(ctx.route.path)
    message = WRITE_ERROR_MESSAGES.get(endpoint) or WRITE_ERROR_MESSAGES.get(
        endpoint.partition("/")[0]
    )
    if message is None:
        return render_http_error(500, ctx.request)
    return json_response({"success": False, "error": message}, 500)


def ban_info(ban: Ban) -> JSON:
    """Return a ban as `ban_info` of an error."""
    return {
        "ban_id": ban.code,
        "ban_duration": ban.duration,
        "ban_reason": ban.reason,
        "banned_at": format_time(ban.created_at),
        "banned_until": format_time_or_null(ban.until),
    }


class _Details(dict[str, object]):
    """Details for the text of an error; a missing one is rendered as `…`."""

    def __missing__(self, name: str) -> str:
        return "…"


def _format_message(message: str, details: JSON) -> str:
    if "{" not in message:
        return message
    known = {"member": _invalid_member(details)[0], **details}
    return message.format_map(
        _Details({**known, "fields": format_errors(details.get("fields", {}))})
    )


def _invalid_member(details: JSON) -> tuple[str, str]:
    """Return the first invalid member of a body with its subject; empty strings if there is none."""
    errors, member = details.get("fields") or "", ""
    while isinstance(errors, dict):
        member, errors = next(iter(errors.items()))
    subject = errors[0] if isinstance(errors, list) else errors
    return member, "body" if member == "body" else subject
