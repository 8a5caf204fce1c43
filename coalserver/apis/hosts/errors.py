"""What refusals are called in this dialect: status and message, or the details of what was not understood."""

from typing import Any

from aiohttp import web

from coalserver.apis.hosts.render import JSON
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.responses import document

NOT_FOUND, OTHER = "not found this", "not found other"
NO_SESSION, NOT_WELCOME = "no session", "not welcome"
IN_SESSION = "already in session"
Words = tuple[int, str]

#: Why -> (status, message). (Why, endpoint) -> the same, for one endpoint. Clients compare some of them exactly.
WORDS: dict[Why | tuple[Why, str], Words] = {
    Why.NO_TOKEN: (401, "missing token"),
    Why.BAD_TOKEN: (401, "invalid token"),
    Why.NOT_YOURS: (401, "token of another"),
    Why.RATE_LIMITED: (429, "too many failures, try again in {wait} seconds"),
    Why.BAD_CREDENTIALS: (404, NOT_FOUND),
    Why.PLAYER_NOT_FOUND: (404, NOT_FOUND),
    (Why.PLAYER_NOT_FOUND, "join"): (404, NO_SESSION),
    Why.OTHER_NOT_FOUND: (404, OTHER),
    Why.ONESELF: (400, "that is oneself"),
    Why.ROOM_NOT_FOUND: (404, NO_SESSION),
    Why.ROOM_OVER: (404, NO_SESSION),
    Why.NOT_WELCOME: (404, NOT_WELCOME),
    Why.BANNED: (404, NOT_WELCOME),
    Why.GAME_CLOSED: (404, NOT_WELCOME),
    Why.ALREADY_HERE: (400, IN_SESSION),
    Why.IN_A_ROOM: (400, IN_SESSION),
    (Why.IN_A_ROOM, "launch"): (409, "A session by this host is already hosted"),
    Why.ROOM_FULL: (400, "session full"),
    Why.LOBBY_FULL: (400, "session full"),
    Why.TOO_MANY_SEATS: (400, IN_SESSION),
    Why.NOT_HERE: (403, "not in session"),
    Why.NOT_HOST: (403, "not the source of truth"),
    Why.TARGET_NOT_HERE: (404, OTHER),
}
#: What no request of this API should meet.
REFUSED = (400, "refused")
STRAYS = {
    404: NOT_FOUND,
    405: "method not allowed",
    413: "too large",
    415: "not JSON",
    500: "internal server error",
}
#: What fields object to -> type and message, as FastAPI's clients know them.
FAULTS = {
    "Missing data for required field.": ("missing", "Field required"),
    "Not a string.": ("string_type", "Input should be a valid string"),
    "Not true or false.": ("bool_type", "Input should be a valid boolean"),
    "Not a whole number.": ("int_type", "Input should be a valid integer"),
    "The body must be a JSON object.": ("dict_type", "Input should be a valid dictionary"),
    "too_large": ("value_error", "Larger than 262144 bytes"),
}
REFUSED_FIELDS = {
    Why.CURSOR_AHEAD: ("query", "after-event-id", "Larger than the newest event's id, {head}"),
    Why.KEY_REUSED: ("header", "Idempotency-Key", "It came with another request before"),
}


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """`{"message"}` with the status of the reason; `{"detail"}` and 422 for what was not understood."""
    details = detailed(refusal, _where(refusal, call))
    if details:
        return document({"detail": details}, 422)
    status, message = worded(refusal, call.route.endpoint)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        headers["Retry-After"] = str(refusal.facts.get("wait", 60))
    return document({"message": message}, status, headers)


def worded(refusal: Refusal, endpoint: str) -> Words:
    """Status and message of a reason."""
    why = refusal.why
    status, message = WORDS.get((why, endpoint)) or WORDS.get(why, REFUSED)
    return status, message.format(wait=refusal.facts.get("wait", 60))


def detailed(refusal: Refusal, where: str) -> list[JSON]:
    """What was not understood, place by place, in FastAPI's shape; nothing for other reasons."""
    if refusal.why is Why.MALFORMED:
        return [
            _detail(where, path, fault)
            for path, fault in _flat(refusal.facts.get("fields") or "Not understood.", ())
        ]
    if refusal.why in REFUSED_FIELDS:
        part, name, message = REFUSED_FIELDS[refusal.why]
        said = message.format(head=refusal.facts.get("head", "…"))
        return [{"loc": [part, name], "msg": said, "type": "value_error"}]
    return []


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered, or none that worked."""
    return document({"message": STRAYS[status]}, status)


def unkept(call: Call) -> web.StreamResponse:
    """A write did not reach the disk: 503, by the part it belongs to, while the server stops; else 500."""
    if not call.core.feed.closed:
        return astray(500, call.request)
    return document({"message": part_of(call.route.path)}, 503, {"Retry-After": "5"})


def part_of(path: str) -> str:
    """The part of the original that would be out of reach."""
    if "access_token" in path:
        return "auth"
    return "hosts" if path.startswith("/hosts") else "sync"


def _where(refusal: Refusal, call: Call) -> str:
    """The part of a request in which a field was looked for."""
    where: str = refusal.facts.get("where", "query" if call.request.method == "GET" else "body")
    return where


def _detail(where: str, path: tuple[str, ...], fault: str) -> JSON:
    if path == ("body",):
        path = ()
        if "not valid JSON" in fault:
            return {"loc": [where], "msg": "JSON decode error", "type": "json_invalid"}
    kind, message = FAULTS.get(fault, ("value_error", fault.rstrip(".")))
    return {"loc": [where, *path], "msg": message, "type": kind}


def _flat(fields: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """Every fault with the path of its field."""
    if isinstance(fields, dict):
        return [found for name, inner in fields.items() for found in _flat(inner, (*path, name))]
    faults = fields if isinstance(fields, list) else [fields]
    return [(path, str(fault)) for fault in faults]
