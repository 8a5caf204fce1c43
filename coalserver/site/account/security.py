"""What acts for an account, and how to end it: its own tokens, programs it has let in, browsers."""

from aiohttp import web

from coalserver.core.commands.accounts import log_out_everywhere, revoke_login_session
from coalserver.core.commands.oauth import create_personal_token, revoke_consent, revoke_tokens
from coalserver.site.account.profile import render_profile
from coalserver.site.members import member_only
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import clear_login_cookie, redirect
from coalserver.web.pages.forms import clean_text, parse_integer, read_fields

DAY = 86400
MAX_DAYS = 3650


async def create_token(ctx: RequestContext) -> web.StreamResponse:
    """A token for a program of one's own; shown this once, and kept by no browser."""
    form = await read_fields(ctx, {"title": 60, "days": 10})
    lifetime = parse_integer(form["days"], 1, MAX_DAYS, "days") * DAY
    token = await ctx.core.execute(
        create_personal_token,
        account_id=ctx.caller.account_id,
        lifetime=lifetime,
        title=clean_text(form["title"]),
    )
    ctx.body = {}
    return render_profile(ctx, fresh=token, messages={})


async def revoke_token(ctx: RequestContext) -> web.StreamResponse:
    """A token is good no more; one that is none of one's own stays as it is."""
    await read_fields(ctx, {})
    await ctx.core.execute(
        revoke_tokens, token_pair_id=ctx.int_param("token"), account_id=ctx.caller.account_id
    )
    return redirect("/profile?done=token-ended#tokens")


async def revoke_app(ctx: RequestContext) -> web.StreamResponse:
    """A program can act for this account no more, with whatever it has."""
    await read_fields(ctx, {})
    await ctx.core.execute(
        revoke_consent, client=ctx.int_param("app"), account_id=ctx.caller.account_id
    )
    return redirect("/profile?done=app-ended#apps")


async def sign_out_browser(ctx: RequestContext) -> web.StreamResponse:
    """A browser is signed out; if it is this one, it goes."""
    await read_fields(ctx, {})
    browser = ctx.int_param("browser")
    await ctx.core.execute(
        revoke_login_session, login_session_id=browser, account_id=ctx.caller.account_id
    )
    if browser == ctx.caller.token_id:
        return clear_login_cookie(ctx, redirect("/"))
    return redirect("/profile?done=browser-ended#browsers")


async def sign_out_everywhere(ctx: RequestContext) -> web.StreamResponse:
    """Every browser is signed out, this one too, and so is every game that signed in with the password."""
    await read_fields(ctx, {})
    await ctx.core.execute(log_out_everywhere, account_id=ctx.caller.account_id)
    return clear_login_cookie(ctx, redirect("/login"))


ROUTES = (
    Route("POST", "/profile/tokens", create_token, auth=member_only),
    Route("POST", "/profile/tokens/{token}/end", revoke_token, auth=member_only),
    Route("POST", "/profile/apps/{app}/end", revoke_app, auth=member_only),
    Route("POST", "/profile/browsers/{browser}/end", sign_out_browser, auth=member_only),
    Route("POST", "/profile/sign-out", sign_out_everywhere, auth=member_only),
)
