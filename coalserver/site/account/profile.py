"""The profile page: an account's own fields, password and Minecraft names.

Its tokens, apps and login sessions are in `security`.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from aiohttp import web
from marshmallow import ValidationError

from coalserver.core.commands.accounts import set_password, update_account
from coalserver.core.commands.claims import MAX_NAME_LENGTH, create_claim, release_username
from coalserver.core.queries.accounts import login_sessions_of_account
from coalserver.core.queries.oauth import grants_of_account, personal_tokens
from coalserver.core.queries.worlds import claim_of_account
from coalserver.domain.accounts.account import stored_zone, validate_password
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.security.passwords import PasswordService
from coalserver.site.access import render_access_error, require_member
from coalserver.site.auth import MAX_NICKNAME_LENGTH, MAX_PASSWORD_LENGTH, verify_password
from coalserver.site.errors import (
    ErrorMessages,
    add_retry_after,
    error_message,
    with_errors_shown,
)
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import KNOWN_ZONES, ZONES
from coalserver.web.pages.cookies import form_page, redirect
from coalserver.web.pages.forms import FormSchema, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_, Language, languages, request_language
from coalserver.web.schemas import Name, Secret, Text

#: User agent marker -> name. The first match counts: many browsers name others as well.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
UNKNOWN_BROWSER = N_("Unknown browser")
BROWSER_ON_SYSTEM = N_("%(browser)s on %(system)s")
#: Characters shown of a user agent without a known name.
MAX_AGENT_LENGTH = 60

#: `done` of the address -> section of the page and message.
SUCCESS_MESSAGES: Mapping[str, tuple[str, str]] = {
    "saved": ("about", N_("Saved.")),
    "given-up": ("names", N_("Name removed.")),
    "password": ("password", N_("Password changed. All other browsers were signed out.")),
    "token-ended": ("tokens", N_("Token revoked.")),
    "app-ended": ("apps", N_("App access revoked.")),
    "browser-ended": ("browsers", N_("Browser signed out.")),
}
ERROR_MESSAGES: ErrorMessages = {
    ErrorCode.INVALID_CREDENTIALS: (403, N_("The current password is incorrect.")),
    ErrorCode.TOO_MANY_TOKENS: (
        400,
        N_("You have {maximum} tokens, which is the maximum. Revoke one first."),
    ),
    (ErrorCode.INVALID_REQUEST, "zone"): (
        400,
        N_("Unknown time zone. Choose one from the list."),
    ),
    (ErrorCode.INVALID_REQUEST, "language"): (
        400,
        N_("Unknown language. Choose one from the list."),
    ),
    (ErrorCode.INVALID_REQUEST, "nickname"): (
        400,
        N_("The nickname can have at most 50 characters."),
    ),
    (ErrorCode.INVALID_REQUEST, "days"): (400, N_("Enter a number of days from 1 to 3650.")),
    (ErrorCode.INVALID_REQUEST, "title"): (
        400,
        N_("The token name can have at most 60 characters."),
    ),
}


def check_zone(zone: str) -> None:
    """Raise ValidationError for an unknown time zone; an empty one means automatic."""
    if zone and zone not in KNOWN_ZONES:
        raise ValidationError("Unknown.")


def check_language(tag: str) -> None:
    """Raise ValidationError for a language without translations; an empty one means automatic."""
    if tag and tag not in languages():
        raise ValidationError("Unknown.")


class ProfileSchema(FormSchema):
    """The form of the section `about`."""

    nickname = Name(high=MAX_NICKNAME_LENGTH)
    zone = Text(high=100, validate=check_zone)
    language = Text(high=20, validate=check_language)


class PasswordSchema(FormSchema):
    """The form that changes the password."""

    old = Secret(high=MAX_PASSWORD_LENGTH)
    new = Secret(high=MAX_PASSWORD_LENGTH)


class UsernameSchema(FormSchema):
    """A Minecraft name to remove."""

    name = Text(high=MAX_NAME_LENGTH)


PROFILE, PASSWORD, USERNAME = ProfileSchema(), PasswordSchema(), UsernameSchema()


async def profile_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the profile."""
    return render_profile(ctx)


async def save_profile(ctx: RequestContext) -> web.StreamResponse:
    """Change nickname, time zone and language."""
    form = await load_form(ctx, PROFILE)
    form["zone"] = stored_zone(form["zone"])
    await ctx.core.execute(update_account, account_id=ctx.caller.account_id, **form)
    return redirect("/profile?done=saved#about")


async def change_password(ctx: RequestContext) -> web.StreamResponse:
    """Change the password and revoke all other login sessions. Needs the current password."""
    form = await load_form(ctx, PASSWORD)
    account = ctx.caller.get_account()
    validate_password(form["new"])
    await verify_password(ctx, account.email, account.password, form["old"])
    await ctx.core.execute(
        set_password,
        account_id=account.id,
        password=await ctx.app.service(PasswordService).hash(form["new"]),
        except_login_id=ctx.caller.token_id,
        proved_hash=account.password,
    )
    return redirect("/profile?done=password#password")


async def request_claim(ctx: RequestContext) -> web.StreamResponse:
    """Create a code. The player who types it in a world's chat proves that their name is this account's."""
    await read_csrf_form(ctx)
    await ctx.core.execute(create_claim, account_id=ctx.caller.account_id)
    return redirect("/profile#names")


async def confirm_remove_username(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a Minecraft name is removed from the account."""
    name = ctx.query.get("name", "")
    if name not in ctx.caller.get_account().usernames:
        return redirect("/profile#names")
    return confirm_page(
        ctx,
        title=N_("Remove Minecraft name"),
        text=N_(
            "<bdi>%(name)s</bdi> no longer belongs to your account, and another user can claim it."
        ),
        values={"name": name},
        section="names",
        fields={"name": name},
    )


async def remove_username(ctx: RequestContext) -> web.StreamResponse:
    """Remove a Minecraft name from the account. A name of another account stays as it is."""
    form = await load_form(ctx, USERNAME)
    await ctx.core.execute(
        release_username, account_id=ctx.caller.account_id, username=form["name"]
    )
    return redirect("/profile?done=given-up#names")


def render_profile(ctx: RequestContext, status: int = 200, **overrides: Any) -> web.Response:
    """Return the profile page. `overrides` replace parts of its context."""
    account, language = ctx.caller.get_account(), request_language(ctx.request)
    section, message = SUCCESS_MESSAGES.get(ctx.query.get("done", ""), ("", ""))
    login_sessions = ctx.core.query(
        login_sessions_of_account, account=account.id, now=ctx.core.expiry_time
    )
    context = {
        "account": account,
        "claim": ctx.core.query(claim_of_account, account=account.id, now=ctx.now),
        "tokens": ctx.core.query(personal_tokens, account=account.id),
        "apps": ctx.core.query(grants_of_account, account=account.id),
        "browsers": [
            (item, browser_name(item.browser, language), item.id == ctx.caller.token_id)
            for item in reversed(login_sessions)
        ],
        "zones": ZONES,
        "language_options": [(option.tag, option.name) for option in languages().values()],
        "form_values": ctx.body,
        "now": ctx.now,
        "messages": {section: language.gettext(message)} if section else {},
        "errors": {},
    }
    return form_page(ctx, "profile/profile.html", {**context, **overrides}, status)


def confirm_page(
    ctx: RequestContext,
    *,
    title: str,
    text: str,
    values: Mapping[str, object],
    section: str,
    fields: Mapping[str, object] = MappingProxyType({}),
) -> web.Response:
    """Return the page that asks before a destructive form is sent to the same path.

    `title`, also the label of the button, and `text` are message ids; `values` are inserted into the text.
    """
    context = {
        "title": title,
        "text": text,
        "values": values,
        "fields": fields,
        "action": ctx.request.path,
        "back_path": f"/profile#{section}",
        "messages": {},
        "errors": {},
    }
    return form_page(ctx, "profile/confirm.html", context)


def browser_name(agent: str, language: Language) -> str:
    """Return browser and system of a user agent, such as "Firefox on Linux"."""
    browser, system = _first_match(agent, BROWSERS), _first_match(agent, SYSTEMS)
    if browser and system:
        return language(BROWSER_ON_SYSTEM, browser=browser, system=system)
    return browser or agent[:MAX_AGENT_LENGTH] or language.gettext(UNKNOWN_BROWSER)


def _first_match(agent: str, markers: tuple[tuple[str, str], ...]) -> str:
    return next((name for marker, name in markers if marker in agent), "")


def render_error(
    error: DomainError, ctx: RequestContext, section: str = "about"
) -> web.StreamResponse:
    """Return the profile with an error message in the section of the rejected form."""
    rejection = render_access_error(error, ctx, "/profile")
    if rejection is not None:
        return rejection
    status, message = error_message(error, ERROR_MESSAGES, request_language(ctx.request))
    response = render_profile(ctx, status, errors={section: message}, messages={})
    return add_retry_after(response, error)


def get(path: str, handler: Handler) -> Route:
    """Return the route of a page of the profile."""
    return Route("GET", path, handler, auth=require_member)


def post(path: str, handler: Handler, section: str) -> Route:
    """Return the route of a form in a section of the profile."""
    form_handler = with_errors_shown(handler, partial(render_error, section=section))
    return Route("POST", path, form_handler, auth=require_member, reads_body=True)


ROUTES = (
    Route("GET", "/profile", profile_page, auth=require_member),
    post("/profile", save_profile, "about"),
    post("/profile/password", change_password, "password"),
    post("/profile/claim", request_claim, "names"),
    get("/profile/names/end", confirm_remove_username),
    post("/profile/names/end", remove_username, "names"),
)
