"""What acts for an account, and how to end it: its own tokens, programs it has let in, browsers."""

from aiohttp import web

from coalserver.core.commands.account_admin import end_sign_in, sign_out
from coalserver.core.commands.oauth import add_personal_token, deny_client, end_access
from coalserver.site.account.profile import profile_page
from coalserver.site.members import member_only
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import leads_to, let_out
from coalserver.web.pages.typed import shown, typed, whole

DAY = 86400
MOST_DAYS = 3650


async def make_token(call: Call) -> web.StreamResponse:
    """A token for a program of one's own; shown this once, and kept by no browser."""
    said = await typed(call, {"title": 60, "days": 10})
    lasts = whole(said["days"], 1, MOST_DAYS, "days") * DAY
    token = await call.core.do(
        add_personal_token, account=call.caller.account, lasts=lasts, title=shown(said["title"])
    )
    call.body = {}
    return profile_page(call, fresh=token, done={})


async def end_token(call: Call) -> web.StreamResponse:
    """A token is good no more; one that is none of one's own stays as it is."""
    await typed(call, {})
    await call.core.do(end_access, access=call.number("token"), account=call.caller.account)
    return leads_to("/profile?done=token-ended#tokens")


async def end_app(call: Call) -> web.StreamResponse:
    """A program can act for this account no more, with whatever it has."""
    await typed(call, {})
    await call.core.do(deny_client, client=call.number("app"), account=call.caller.account)
    return leads_to("/profile?done=app-ended#apps")


async def end_browser(call: Call) -> web.StreamResponse:
    """A browser is signed out; if it is this one, it goes."""
    await typed(call, {})
    browser = call.number("browser")
    await call.core.do(end_sign_in, sign_in=browser, account=call.caller.account)
    if browser == call.caller.token:
        return let_out(call, leads_to("/"))
    return leads_to("/profile?done=browser-ended#browsers")


async def sign_out_everywhere(call: Call) -> web.StreamResponse:
    """Every browser is signed out, this one too, and so is every game that signed in with the password."""
    await typed(call, {})
    await call.core.do(sign_out, account=call.caller.account)
    return let_out(call, leads_to("/login"))


ROUTES = (
    Route("POST", "/profile/tokens", make_token, who=member_only),
    Route("POST", "/profile/tokens/{token}/end", end_token, who=member_only),
    Route("POST", "/profile/apps/{app}/end", end_app, who=member_only),
    Route("POST", "/profile/browsers/{browser}/end", end_browser, who=member_only),
    Route("POST", "/profile/sign-out", sign_out_everywhere, who=member_only),
)
