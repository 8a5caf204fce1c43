"""Errors of this API: `{"error": "<code>"}`, with the codes of the document and of RFC 6749."""

from aiohttp import web
from authlib.oauth2 import OAuth2Error

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response

#: Responses hold secrets: caches must not keep them.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = 'Bearer error="invalid_token"'
#: Endpoints of a client's configuration: a 401 has no body, only WWW-Authenticate.
CLIENT_ENDPOINTS = ("read_client", "replace_client", "delete_client")

#: Error code -> (status, wire code); (error code, endpoint) -> the exception for one endpoint.
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
    ErrorCode.UNSUPPORTED_ENCODING: (415, "invalid_request"),
    ErrorCode.RATE_LIMITED: (429, "temporarily_unavailable"),
    ErrorCode.TOO_MANY_REQUESTS: (429, "temporarily_unavailable"),
}
DEFAULT_ERROR = (400, "invalid_request")
HTTP_ERRORS = {
    404: "not_found",
    405: "method_not_allowed",
    408: "invalid_request",
    413: "invalid_request",
    415: "invalid_request",
    500: "server_error",
}
#: Authlib's codes that the document does not list -> the documented code.
RENAMED = {
    "invalid_redirect_uri": "invalid_request",
    "invalid_client_metadata": "invalid_request",
    "insecure_transport": "server_error",
}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return the response for a domain error: `{"error"}` with its status."""
    endpoint = ctx.route.endpoint
    status, code = ERROR_CODES.get((error.code, endpoint)) or ERROR_CODES.get(
        error.code, DEFAULT_ERROR
    )
    if status == 401 and endpoint in CLIENT_ENDPOINTS:
        return raw_response(b"", 401, {**NO_STORE, "WWW-Authenticate": CHALLENGE})
    if error.code is ErrorCode.INVALID_REQUEST and endpoint in ("register", "replace_client"):
        # The document prescribes server_error for a body that is no JSON object.
        code = "server_error" if error.details.get("subject") == "body" else code
    headers = dict(NO_STORE)
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status == 429:
        headers["Retry-After"] = str(error.details.get("retry_after", 60))
    return json_response({"error": code}, status, headers)


def render_oauth_error(error: OAuth2Error, with_basic: bool = False) -> web.StreamResponse:
    """Return the response for an error of Authlib.

    The status is 400; a wrong secret sent with HTTP Basic is a 401 (RFC 6749, 5.2).
    """
    code = RENAMED.get(error.error, error.error)
    if code == "invalid_client" and with_basic:
        return json_response({"error": code}, 401, {**NO_STORE, "WWW-Authenticate": "Basic"})
    return json_response({"error": code}, 400, NO_STORE)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return the response for a request that no handler answered: 404, 405, 413, 415, 500."""
    return json_response({"error": HTTP_ERRORS[status]}, status, NO_STORE)
