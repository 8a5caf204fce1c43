"""The access to an account: its API tokens, connected apps, and login sessions of browsers."""

from aiohttp import web

from coalserver.core.commands.accounts import log_out_everywhere, revoke_login_session
from coalserver.core.commands.oauth import create_personal_token, revoke_consent, revoke_tokens
from coalserver.core.queries.accounts import login_sessions_of_account
from coalserver.core.queries.oauth import grants_of_account, personal_tokens
from coalserver.site.account.profile import browser_name, confirm_page, get, post, render_profile
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import clear_login_cookie, redirect
from coalserver.web.pages.forms import FormSchema, TypedInteger, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.schemas import Text

DAY = 86400
MAX_DAYS = 3650


class TokenSchema(FormSchema):
    """The form that creates a token."""

    title = Text(high=60)
    days = TypedInteger(1, MAX_DAYS)


TOKEN = TokenSchema()


async def create_token(ctx: RequestContext) -> web.StreamResponse:
    """Create an API token for the account. The response is the only page that shows it."""
    form = await load_form(ctx, TOKEN)
    token = await ctx.core.execute(
        create_personal_token,
        account_id=ctx.caller.account_id,
        lifetime=form["days"] * DAY,
        title=form["title"],
    )
    ctx.body = {}
    return render_profile(ctx, fresh=token, messages={})


async def confirm_revoke_token(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a token is revoked."""
    tokens = ctx.core.query(personal_tokens, account=ctx.caller.account_id)
    found = [token for token in tokens if token.id == ctx.int_param("token")]
    if not found:
        return redirect("/profile#tokens")
    name = found[0].title or request_language(ctx.request).gettext(N_("Unnamed"))
    return confirm_page(
        ctx,
        title=N_("Revoke token"),
        text=N_(
            "Scripts and apps that use <bdi>%(name)s</bdi> lose access. This cannot be undone."
        ),
        values={"name": name},
        section="tokens",
    )


async def revoke_token(ctx: RequestContext) -> web.StreamResponse:
    """Revoke a token. A token of another account stays valid."""
    await read_csrf_form(ctx)
    await ctx.core.execute(
        revoke_tokens, token_pair_id=ctx.int_param("token"), account_id=ctx.caller.account_id
    )
    return redirect("/profile?done=token-ended#tokens")


async def confirm_revoke_app(ctx: RequestContext) -> web.StreamResponse:
    """Ask before the consent to an app is revoked."""
    apps = ctx.core.query(grants_of_account, account=ctx.caller.account_id)
    found = [client for _, client in apps if client.id == ctx.int_param("app")]
    if not found:
        return redirect("/profile#apps")
    return confirm_page(
        ctx,
        title=N_("Revoke access"),
        text=N_("<bdi>%(name)s</bdi> loses access to your account until you allow it again."),
        values={"name": found[0].display_name},
        section="apps",
    )


async def revoke_app(ctx: RequestContext) -> web.StreamResponse:
    """Revoke the consent to an app, and with it all its tokens for this account."""
    await read_csrf_form(ctx)
    await ctx.core.execute(
        revoke_consent, client=ctx.int_param("app"), account_id=ctx.caller.account_id
    )
    return redirect("/profile?done=app-ended#apps")


async def confirm_sign_out_browser(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a login session is revoked."""
    sessions = ctx.core.query(
        login_sessions_of_account, account=ctx.caller.account_id, now=ctx.core.expiry_time
    )
    found = [item for item in sessions if item.id == ctx.int_param("browser")]
    if not found:
        return redirect("/profile#browsers")
    return confirm_page(
        ctx,
        title=N_("Sign out"),
        text=N_("<bdi>%(name)s</bdi> is signed out. Unsent input there is lost."),
        values={"name": browser_name(found[0].browser, request_language(ctx.request))},
        section="browsers",
    )


async def sign_out_browser(ctx: RequestContext) -> web.StreamResponse:
    """Revoke a login session, which can be the one of this browser."""
    await read_csrf_form(ctx)
    browser = ctx.int_param("browser")
    await ctx.core.execute(
        revoke_login_session, login_session_id=browser, account_id=ctx.caller.account_id
    )
    if browser == ctx.caller.token_id:
        return clear_login_cookie(ctx, redirect("/"))
    return redirect("/profile?done=browser-ended#browsers")


async def confirm_sign_out_everywhere(ctx: RequestContext) -> web.StreamResponse:
    """Ask before all login sessions are revoked."""
    return confirm_page(
        ctx,
        title=N_("Sign out everywhere"),
        text=N_(
            "All browsers and games in which you signed in with your password are signed out, also"
            " this one."
        ),
        values={},
        section="browsers",
    )


async def sign_out_everywhere(ctx: RequestContext) -> web.StreamResponse:
    """Revoke all login sessions, and the tokens of all games that logged in with the password."""
    await read_csrf_form(ctx)
    await ctx.core.execute(log_out_everywhere, account_id=ctx.caller.account_id)
    return clear_login_cookie(ctx, redirect("/login"))


ROUTES = (
    post("/profile/tokens", create_token, "tokens"),
    get("/profile/tokens/{token}/end", confirm_revoke_token),
    get("/profile/apps/{app}/end", confirm_revoke_app),
    get("/profile/browsers/{browser}/end", confirm_sign_out_browser),
    get("/profile/sign-out", confirm_sign_out_everywhere),
    post("/profile/tokens/{token}/end", revoke_token, "tokens"),
    post("/profile/apps/{app}/end", revoke_app, "apps"),
    post("/profile/browsers/{browser}/end", sign_out_browser, "browsers"),
    post("/profile/sign-out", sign_out_everywhere, "browsers"),
)
