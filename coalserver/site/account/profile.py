"""The profile: what an account is called and where it lives, its password, and its names in the game.

What acts for it is in profile_access.py.
"""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from aiohttp import web

from coalserver.core.commands.accounts import set_password, update_account
from coalserver.core.commands.claims import MAX_NAME_LENGTH, create_claim, release_username
from coalserver.core.queries.accounts import login_sessions_of_account
from coalserver.core.queries.oauth import grants_of_account, personal_tokens
from coalserver.core.queries.worlds import claim_of_account
from coalserver.domain.accounts.account import validate_password
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.security.passwords import PasswordService
from coalserver.site.account.browser_names import describe_browser
from coalserver.site.error_messages import find_message
from coalserver.site.members import member_only, render_access_error
from coalserver.site.worlds.context import TimeFormatter
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, redirect
from coalserver.web.pages.forms import clean_text, read_fields
from coalserver.web.pages.i18n import N_, languages, request_language

#: Every zone there is a clock for; UTC also where a machine knows no other.
ZONES = tuple(sorted(available_timezones() | {"UTC"}))
KNOWN_ZONES = frozenset(ZONES)

#: What went well, by what the address says; the part of the page where it is said.
SUCCESS_MESSAGES: Mapping[str, tuple[str, str]] = {
    "saved": ("about", N_("Saved.")),
    "given-up": ("names", N_("The name is not yours any more.")),
    "password": ("password", N_("You have a new password. All other browsers are signed out.")),
    "token-ended": ("tokens", N_("The token is good no more.")),
    "app-ended": ("apps", N_("The program can act for you no more.")),
    "browser-ended": ("browsers", N_("That browser is signed out.")),
}
#: The part of the page that each form is in.
FORM_SECTIONS = {
    "save_profile": "about",
    "change_password": "password",
    "request_claim": "names",
    "remove_username": "names",
    "create_token": "tokens",
    "revoke_token": "tokens",
    "revoke_app": "apps",
    "sign_out_browser": "browsers",
    "sign_out_everywhere": "browsers",
}
#: Why -> (status, sentence).
ERROR_MESSAGES: Mapping[ErrorCode | tuple[ErrorCode, str], tuple[int, str]] = {
    ErrorCode.INVALID_TOKEN: (403, N_("This page was open for too long. Please try again.")),
    ErrorCode.INVALID_CREDENTIALS: (403, N_("That is not your password.")),
    ErrorCode.RATE_LIMITED: (429, N_("Too many tries. Try again in {wait} seconds.")),
    ErrorCode.PASSWORD_TOO_SHORT: (400, N_("A password has at least {minimum} characters.")),
    ErrorCode.TOO_MANY_TOKENS: (400, N_("You have {maximum} tokens. End one of them first.")),
    (ErrorCode.INVALID_REQUEST, "zone"): (
        400,
        N_("There is no such time zone. Choose one from the list."),
    ),
    (ErrorCode.INVALID_REQUEST, "language"): (400, N_("There is no such language.")),
    (ErrorCode.INVALID_REQUEST, "nickname"): (400, N_("A nickname has at most 50 characters.")),
    (ErrorCode.INVALID_REQUEST, "days"): (400, N_("A token lasts from 1 to 3650 days.")),
    (ErrorCode.INVALID_REQUEST, "title"): (
        400,
        N_("A name for a token has at most 60 characters."),
    ),
}
DEFAULT_ERROR = (400, N_("That did not work."))


async def profile_page(ctx: RequestContext) -> web.StreamResponse:
    """Everything an account can see and change of itself."""
    return render_profile(ctx)


async def save_profile(ctx: RequestContext) -> web.StreamResponse:
    """Another nickname, time zone or language."""
    form = await read_fields(ctx, {"nickname": 50, "zone": 100, "language": 20})
    if form["zone"] not in KNOWN_ZONES:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"zone": ["Unknown."]})
    if form["language"] and form["language"] not in languages():
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"language": ["Unknown."]})
    await ctx.core.execute(
        update_account,
        account_id=ctx.caller.account_id,
        nickname=clean_text(form["nickname"]),
        zone=form["zone"],
        language=form["language"],
    )
    return redirect("/profile?done=saved#about")


async def change_password(ctx: RequestContext) -> web.StreamResponse:
    """A new password for who knows the old one; wherever else he was signed in, he is out."""
    form = await read_fields(ctx, {"old": 1000, "new": 1000})
    account = ctx.caller.get_account()
    limiter = ctx.app.failure_limiter
    limit_keys = (f"login {ctx.address}", f"login {account.email}")
    passwords = ctx.app.service(PasswordService)
    with limiter.guard(*limit_keys, on=ErrorCode.INVALID_CREDENTIALS):
        validate_password(form["new"])
        result = await passwords.verify(account.password, form["old"])
        # Again: other attempts may have failed during the verification.
        limiter.check(*limit_keys)
        if not result.ok:
            raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    await ctx.core.execute(
        set_password,
        account_id=account.id,
        password=await passwords.hash(form["new"]),
        except_login_id=ctx.caller.token_id,
        proved_hash=account.password,
    )
    return redirect("/profile?done=password#password")


async def request_claim(ctx: RequestContext) -> web.StreamResponse:
    """A code; whoever types it in the game's chat shows that his name there is this account's."""
    await read_fields(ctx, {})
    await ctx.core.execute(create_claim, account_id=ctx.caller.account_id)
    return redirect("/profile#names")


async def remove_username(ctx: RequestContext) -> web.StreamResponse:
    """A name in the game is given up; one that is not his is no name of his already."""
    form = await read_fields(ctx, {"name": MAX_NAME_LENGTH})
    await ctx.core.execute(
        release_username, account_id=ctx.caller.account_id, username=form["name"]
    )
    return redirect("/profile?done=given-up#names")


def render_profile(ctx: RequestContext, status: int = 200, **overrides: Any) -> web.Response:
    """The page, with what this request has to say on it."""
    account, language = ctx.caller.get_account(), request_language(ctx.request)
    section, message = SUCCESS_MESSAGES.get(ctx.query.get("done", ""), ("", ""))
    context = {
        "account": account,
        "claim": ctx.core.query(claim_of_account, account=account.id, now=ctx.now),
        "tokens": ctx.core.query(personal_tokens, account=account.id),
        "apps": ctx.core.query(grants_of_account, account=account.id),
        "browsers": [
            (item, describe_browser(item.browser, language), item.id == ctx.caller.token_id)
            for item in reversed(
                ctx.core.query(login_sessions_of_account, account=account.id, now=ctx.now)
            )
        ],
        "zones": ZONES,
        "language_options": [(one.tag, one.name) for one in languages().values()],
        "form_values": ctx.body,
        "format_time": TimeFormatter(language, account),
        "now": ctx.now,
        "messages": {section: language.gettext(message)} if section else {},
        "errors": {},
    }
    return form_page(ctx, "profile/profile.html", {**context, **overrides}, status)


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """The page again, with what was wrong where it was wrong."""
    rejection = render_access_error(error, ctx, "/profile")
    if rejection is not None:
        return rejection
    status, message = find_message(error, ERROR_MESSAGES, DEFAULT_ERROR)
    details = {"wait": 60, "minimum": 8, "maximum": 100, **error.details}
    text = request_language(ctx.request).gettext(message).format(**details)
    section = FORM_SECTIONS.get(ctx.route.endpoint, "about")
    response = render_profile(ctx, status, errors={section: text}, messages={})
    if status == 429:
        response.headers["Retry-After"] = str(details["wait"])
    return response


ROUTES = (
    Route("GET", "/profile", profile_page, auth=member_only),
    Route("POST", "/profile", save_profile, auth=member_only),
    Route("POST", "/profile/password", change_password, auth=member_only),
    Route("POST", "/profile/claim", request_claim, auth=member_only),
    Route("POST", "/profile/names/end", remove_username, auth=member_only),
)
