"""What refusals and faults are called in this dialect: an error code, as the document and RFC 6749 have them."""

from aiohttp import web
from authlib.oauth2 import OAuth2Error

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.responses import answer, document

#: Nobody keeps an answer with secrets in it.
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = 'Bearer error="invalid_token"'
#: The client's own record: whoever may not see it is told by the header alone.
RECORD = ("read_client", "update_client", "remove_client")

#: Why -> (status, code). (Why, endpoint) -> the same, for one endpoint.
WORDS: dict[Why | tuple[Why, str], tuple[int, str]] = {
    Why.NO_TOKEN: (401, "invalid_token"),
    Why.BAD_TOKEN: (401, "invalid_token"),
    Why.INACTIVE: (403, "access_denied"),
    Why.BAD_CLIENT: (400, "invalid_client"),
    (Why.BAD_CLIENT, "update_client"): (401, "invalid_token"),
    (Why.BAD_CLIENT, "remove_client"): (401, "invalid_token"),
    (Why.BAD_CLIENT, "read_client"): (401, "invalid_token"),
    (Why.BAD_CLIENT, "decide"): (400, "invalid_request"),
    Why.BAD_GRANT: (400, "invalid_grant"),
    Why.BAD_SCOPE: (400, "invalid_scope"),
    (Why.BAD_SCOPE, "update_client"): (400, "invalid_request"),
    Why.RATE_LIMITED: (429, "temporarily_unavailable"),
}
OTHER = (400, "invalid_request")
STRAYS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "invalid_request",
    415: "invalid_request",
    500: "server_error",
}
#: Authlib's codes that the document's endpoints do not have.
RENAMED = {
    "invalid_redirect_uri": "invalid_request",
    "invalid_client_metadata": "invalid_request",
    "insecure_transport": "server_error",
}


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """`{"error"}` with the status of the reason."""
    endpoint = call.route.endpoint
    status, code = WORDS.get((refusal.why, endpoint)) or WORDS.get(refusal.why, OTHER)
    if status == 401 and endpoint in RECORD:
        return answer(b"", 401, {**NOT_KEPT, "WWW-Authenticate": CHALLENGE})
    if refusal.why is Why.MALFORMED and endpoint in ("register", "update_client"):
        # What is no JSON object the document calls a server error.
        code = "server_error" if refusal.facts.get("what") == "body" else code
    headers = dict(NOT_KEPT)
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status == 429:
        headers["Retry-After"] = str(refusal.facts.get("wait", 60))
    return document({"error": code}, status, headers)


def fault_said(fault: OAuth2Error, with_basic: bool = False) -> web.StreamResponse:
    """A fault that Authlib has found; 401 only for who came with HTTP Basic (RFC 6749, 5.2)."""
    code = RENAMED.get(fault.error, fault.error)
    if code == "invalid_client" and with_basic:
        return document({"error": code}, 401, {**NOT_KEPT, "WWW-Authenticate": "Basic"})
    return document({"error": code}, 400, NOT_KEPT)


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered, or none that worked."""
    return document({"error": STRAYS[status]}, status, NOT_KEPT)
