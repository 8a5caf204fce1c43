"""What refusals and faults are called in this dialect: an error code, as the document and RFC 6749 have them."""

from aiohttp import web
from authlib.oauth2 import OAuth2Error

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import RequestContext
from coalserver.web.responses import json_response, raw_response

#: Nobody keeps an answer with secrets in it.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = 'Bearer error="invalid_token"'
#: The client's own record: whoever may not see it is told by the header alone.
CLIENT_ENDPOINTS = ("read_client", "replace_client", "delete_client")

#: Why -> (status, code). (Why, endpoint) -> the same, for one endpoint.
ERROR_CODES: dict[ErrorCode | tuple[ErrorCode, str], tuple[int, str]] = {
    ErrorCode.TOKEN_REQUIRED: (401, "invalid_token"),
    ErrorCode.INVALID_TOKEN: (401, "invalid_token"),
    ErrorCode.ACCOUNT_INACTIVE: (403, "access_denied"),
    ErrorCode.INVALID_CLIENT: (400, "invalid_client"),
    (ErrorCode.INVALID_CLIENT, "replace_client"): (401, "invalid_token"),
    (ErrorCode.INVALID_CLIENT, "delete_client"): (401, "invalid_token"),
    (ErrorCode.INVALID_CLIENT, "read_client"): (401, "invalid_token"),
    (ErrorCode.INVALID_CLIENT, "decide"): (400, "invalid_request"),
    ErrorCode.INVALID_GRANT: (400, "invalid_grant"),
    ErrorCode.INVALID_SCOPE: (400, "invalid_scope"),
    (ErrorCode.INVALID_SCOPE, "replace_client"): (400, "invalid_request"),
    ErrorCode.RATE_LIMITED: (429, "temporarily_unavailable"),
}
DEFAULT_ERROR = (400, "invalid_request")
HTTP_ERRORS = {
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


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """`{"error"}` with the status of the reason."""
    endpoint = ctx.route.endpoint
    status, code = ERROR_CODES.get((error.code, endpoint)) or ERROR_CODES.get(
        error.code, DEFAULT_ERROR
    )
    if status == 401 and endpoint in CLIENT_ENDPOINTS:
        return raw_response(b"", 401, {**NO_STORE, "WWW-Authenticate": CHALLENGE})
    if error.code is ErrorCode.INVALID_REQUEST and endpoint in ("register", "replace_client"):
        # What is no JSON object the document calls a server error.
        code = "server_error" if error.details.get("what") == "body" else code
    headers = dict(NO_STORE)
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status == 429:
        headers["Retry-After"] = str(error.details.get("wait", 60))
    return json_response({"error": code}, status, headers)


def render_oauth_error(error: OAuth2Error, with_basic: bool = False) -> web.StreamResponse:
    """A fault that Authlib has found; 401 only for who came with HTTP Basic (RFC 6749, 5.2)."""
    code = RENAMED.get(error.error, error.error)
    if code == "invalid_client" and with_basic:
        return json_response({"error": code}, 401, {**NO_STORE, "WWW-Authenticate": "Basic"})
    return json_response({"error": code}, 400, NO_STORE)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered, or none that worked."""
    return json_response({"error": HTTP_ERRORS[status]}, status, NO_STORE)
