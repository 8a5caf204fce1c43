"""What refusals are called in this dialect: `{"errors": "<why>"}`, and no body at all for 403, 404 and 405."""

from typing import Any

from aiohttp import web

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.responses import answer, document

CHALLENGE = 'Bearer error="invalid_token"'
#: Statuses whose bodies the document leaves empty.
SILENT = frozenset((403, 404, 405))
#: Why -> (status, sentence).
WORDS: dict[Why, tuple[int, str]] = {
    Why.NO_TOKEN: (401, "An access token is needed: Authorization: Bearer <token>."),
    Why.BAD_TOKEN: (401, "The access token is not good, or not for this."),
    Why.INACTIVE: (403, ""),
    Why.NOT_YOURS: (403, ""),
    Why.NOT_ADMIN: (403, ""),
    Why.WORLD_NOT_FOUND: (404, ""),
    Why.VISITOR_NOT_FOUND: (404, ""),
    Why.ACCOUNT_NOT_FOUND: (404, ""),
    Why.OTHER_NOT_FOUND: (404, ""),
    Why.SHORT_NAME_TAKEN: (400, "Another server has that short name."),
    Why.SHORT_NAME_RESERVED: (400, "A page of this site has that address."),
    Why.USERNAME_TAKEN: (400, "Another user has that username."),
    Why.CURSOR_AHEAD: (400, "after-event-id is larger than the newest event's id."),
    Why.KEY_REUSED: (422, "This Idempotency-Key came with another request before."),
    Why.BAD_GRANT: (400, "The code is not good, or no longer."),
    Why.RATE_LIMITED: (429, "Too many failures; try again later."),
}
REFUSED = (400, "The request was refused.")
#: What the core calls the fault of a field.
FAULTS = {
    "blank": "This field is required.",
    "taken": "It is another server's already.",
}
STRAYS = {
    413: "The request is too large.",
    415: "The body must be a form or JSON.",
    500: "This request failed because of a fault of the server.",
}


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """The status of the reason, and its sentence where the document has a body."""
    if refusal.why is Why.MALFORMED:
        return document({"errors": faults(refusal.facts.get("fields"))}, 400)
    status, sentence = WORDS.get(refusal.why, REFUSED)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status == 429:
        headers["Retry-After"] = str(refusal.facts.get("wait", 60))
    if status in SILENT:
        return answer(b"", status, headers)
    return document({"errors": sentence}, status, headers)


def faults(fields: Any) -> str:
    """Everything that was wrong with a request, field by field, in one text."""
    if not isinstance(fields, dict):
        return "The request was not understood."
    said = []
    for name, messages in fields.items():
        listed = messages if isinstance(messages, list) else [messages]
        text = " ".join(_sentence(FAULTS.get(str(one), str(one))) for one in listed)
        said.append(text if name == "body" or text.startswith("Invalid ") else f"{name}: {text}")
    return " ".join(said)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """The same for what no handler answered, or none that worked."""
    if status in SILENT:
        return answer(b"", status)
    return document({"errors": STRAYS[status]}, status)
