"""Errors on pages: shared messages, the lookup in tables of messages, and error responses for people and scripts."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps

from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.archive_refusals import archive_refusal
from coalserver.site.worlds.hosted import refusal_sentence
from coalserver.web.api import Handler
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import CSRF_FIELD, read_browser_cookie
from coalserver.web.pages.i18n import N_, Language, request_language
from coalserver.web.pages.pages import render_page
from coalserver.web.responses import json_response

#: HTTP status and message of an error code; by (code, field), those of a field of a form.
ErrorMessages = Mapping[ErrorCode | tuple[ErrorCode, str], tuple[int, str]]
#: Renders an error on a page that may have to be gathered first.
ErrorRenderer = Callable[
    [DomainError, RequestContext], web.StreamResponse | Awaitable[web.StreamResponse]
]

SHARED_MESSAGES: ErrorMessages = {
    ErrorCode.INVALID_TOKEN: (403, N_("This form expired. Check your input and send it again.")),
    ErrorCode.RATE_LIMITED: (429, N_("Too many attempts. Try again in {retry_after} seconds.")),
    ErrorCode.TOO_MANY_REQUESTS: (
        429,
        N_("Too many requests. Try again in {retry_after} seconds."),
    ),
    ErrorCode.PASSWORD_TOO_SHORT: (
        400,
        N_("The password must have at least {minimum} characters."),
    ),
}
DEFAULT_MESSAGE = (400, N_("Something went wrong. Try again."))
#: Values for messages whose errors carry no such detail.
DEFAULT_DETAILS = {"retry_after": 60, "minimum": 8, "maximum": 100, "username": ""}

#: The status of errors that are rendered as a page of their own.
PAGE_STATUSES = {
    ErrorCode.WORLD_NOT_FOUND: 404,
    ErrorCode.VISITOR_NOT_FOUND: 404,
    ErrorCode.SAVE_NOT_FOUND: 404,
    ErrorCode.TARGET_NOT_FOUND: 404,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.ADMIN_REQUIRED: 403,
    ErrorCode.UNSUPPORTED_ENCODING: 415,
}
#: The status of errors for scripts; 400 for all others.
JSON_STATUSES = {
    **PAGE_STATUSES,
    ErrorCode.TOKEN_REQUIRED: 401,
    ErrorCode.INVALID_TOKEN: 403,
    ErrorCode.ACCOUNT_INACTIVE: 403,
    ErrorCode.ADMIN_REQUIRED: 403,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.TOO_MANY_STARTS: 429,
}
HTTP_ERRORS = {
    403: N_("You don’t have access to this page"),
    404: N_("Page not found"),
    405: N_("This page does not support this request."),
    408: N_("Something went wrong. Try again."),
    413: N_("The upload is too large. Choose a smaller file."),
    415: N_("This file type is not supported."),
    500: N_("Something went wrong. Try again."),
}


def error_message(
    error: DomainError, messages: ErrorMessages, language: Language
) -> tuple[int, str]:
    """Return the status of an error and its message in a language.

    The table comes before the shared messages, a message for a field before the one for the code.
    """
    if error.code is ErrorCode.ORDER_REFUSED:
        return 400, refusal_sentence(error.details["refusal"], language)
    if error.code is ErrorCode.ARCHIVE_REFUSED:
        return 400, archive_refusal(str(error.details["text"]), language)
    keys = [(error.code, name) for name in error.details.get("fields") or {}]
    found = next((messages[key] for key in keys if key in messages), None)
    status, message = (
        found or messages.get(error.code) or SHARED_MESSAGES.get(error.code) or DEFAULT_MESSAGE
    )
    return status, language.gettext(message).format(**{**DEFAULT_DETAILS, **error.details})


def with_errors_shown(handler: Handler, render_error: ErrorRenderer) -> Handler:
    """Return the handler of a form whose errors are rendered on the form's own page."""

    @wraps(handler)
    async def form_handler(ctx: RequestContext) -> web.StreamResponse:
        try:
            return await handler(ctx)
        except DomainError as error:
            ctx.app.count_refusal(error)
            response = render_error(error, ctx)
            return await response if isinstance(response, Awaitable) else response

    return form_handler


def add_retry_after(response: web.StreamResponse, error: DomainError) -> web.StreamResponse:
    """Set the Retry-After header of a 429, in seconds."""
    if response.status == 429:
        response.headers["Retry-After"] = str(
            error.details.get("retry_after", DEFAULT_DETAILS["retry_after"])
        )
    return response


def error_page(ctx: RequestContext, status: int, message: str) -> web.Response:
    """Return a page with nothing but an error message, which is in the reader's language."""
    return render_page(ctx.request, "error.html", {"status": status, "message": message}, status)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return the page for an HTTP error."""
    message = request_language(request).gettext(HTTP_ERRORS[status])
    return render_page(request, "error.html", {"status": status, "message": message}, status)


def render_json_error(
    error: DomainError, ctx: RequestContext, message: str = ""
) -> web.StreamResponse:
    """Return an error for a script: `{"error"}`, the message as `text`, and after an expired form a new CSRF token."""
    payload = {"error": error.code.value}
    if message:
        payload["text"] = message
    if error.code is ErrorCode.INVALID_TOKEN and error.details.get("subject") == "form":
        payload[CSRF_FIELD] = read_browser_cookie(ctx).csrf_token(ctx.now)
    headers = {"Cache-Control": "no-store"}
    return json_response(payload, JSON_STATUSES.get(error.code, 400), headers)


def wants_json(ctx: RequestContext) -> bool:
    """Return whether the request comes from a script of a page."""
    accepted = ctx.request.headers.get("Accept", "")
    return ctx.route.endpoint == "events" or "application/json" in accepted
