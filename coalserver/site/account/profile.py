"""The profile: what an account is called and where it lives, its password, and its names in the game.

What acts for it is in profile_access.py.
"""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from aiohttp import web

from coalserver.core.commands.account_admin import change_account, set_password
from coalserver.core.commands.claims import LONGEST_NAME, give_up_name, open_claim
from coalserver.core.queries.accounts import sign_ins_of
from coalserver.core.queries.oauth import grants_of, personal_tokens
from coalserver.core.queries.worlds import claim_of
from coalserver.domain.accounts.account import checked_password
from coalserver.domain.errors import Refusal, Why
from coalserver.security.passwords import Passwords
from coalserver.site.account.browser_names import browser_named
from coalserver.site.members import member_only, the_member, turned_back
from coalserver.site.worlds.context import Stamps
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, leads_to
from coalserver.web.pages.i18n import N_, language_of, languages
from coalserver.web.pages.typed import shown, typed

#: Every zone there is a clock for; UTC also where a machine knows no other.
ZONES = tuple(sorted(available_timezones() | {"UTC"}))
OURS = frozenset(ZONES)

#: What went well, by what the address says; the part of the page where it is said.
DONE: Mapping[str, tuple[str, str]] = {
    "saved": ("about", N_("Saved.")),
    "given-up": ("names", N_("The name is not yours any more.")),
    "password": ("password", N_("You have a new password. All other browsers are signed out.")),
    "token-ended": ("tokens", N_("The token is good no more.")),
    "app-ended": ("apps", N_("The program can act for you no more.")),
    "browser-ended": ("browsers", N_("That browser is signed out.")),
}
#: The part of the page that each form is in.
PARTS = {
    "save_profile": "about",
    "change_password": "password",
    "ask_for_claim": "names",
    "end_name": "names",
    "make_token": "tokens",
    "end_token": "tokens",
    "end_app": "apps",
    "end_browser": "browsers",
    "sign_out_everywhere": "browsers",
}
#: Why -> (status, sentence).
WORDS: Mapping[Why | tuple[Why, str], tuple[int, str]] = {
    Why.BAD_TOKEN: (403, N_("This page was open for too long. Please try again.")),
    Why.BAD_CREDENTIALS: (403, N_("That is not your password.")),
    Why.RATE_LIMITED: (429, N_("Too many tries. Try again in {wait} seconds.")),
    Why.PASSWORD_TOO_SHORT: (400, N_("A password has at least {least} characters.")),
    Why.TOO_MANY_TOKENS: (400, N_("You have {most} tokens. End one of them first.")),
    (Why.MALFORMED, "zone"): (400, N_("There is no such time zone. Choose one from the list.")),
    (Why.MALFORMED, "language"): (400, N_("There is no such language.")),
    (Why.MALFORMED, "nickname"): (400, N_("A nickname has at most 50 characters.")),
    (Why.MALFORMED, "days"): (400, N_("A token lasts from 1 to 3650 days.")),
    (Why.MALFORMED, "title"): (400, N_("A name for a token has at most 60 characters.")),
}
OTHER = (400, N_("That did not work."))


async def see_profile(call: Call) -> web.StreamResponse:
    """Everything an account can see and change of itself."""
    return profile_page(call)


async def save_profile(call: Call) -> web.StreamResponse:
    """Another nickname, time zone or language."""
    said = await typed(call, {"nickname": 50, "zone": 100, "language": 20})
    if said["zone"] not in OURS:
        raise Refusal(Why.MALFORMED, fields={"zone": ["Unknown."]})
    if said["language"] and said["language"] not in languages():
        raise Refusal(Why.MALFORMED, fields={"language": ["Unknown."]})
    await call.core.do(
        change_account,
        account=call.caller.account,
        nickname=shown(said["nickname"]),
        zone=said["zone"],
        language=said["language"],
    )
    return leads_to("/profile?done=saved#about")


async def change_password(call: Call) -> web.StreamResponse:
    """A new password for who knows the old one; wherever else he was signed in, he is out."""
    said = await typed(call, {"old": 1000, "new": 1000})
    account = the_member(call)
    tried = (f"login {call.address}", f"login {account.email}")
    call.web.failures.check(*tried)
    checked_password(said["new"])
    passwords = call.web.service(Passwords)
    proof = await passwords.proved(account.password, said["old"])
    # Once more: others may have failed while this one was proved.
    call.web.failures.check(*tried)
    if not proof.ok:
        call.web.failures.note(*tried)
        raise Refusal(Why.BAD_CREDENTIALS)
    await call.core.do(
        set_password,
        account=account.id,
        password=await passwords.hashed(said["new"]),
        but=call.caller.token,
        proved=account.password,
    )
    return leads_to("/profile?done=password#password")


async def ask_for_claim(call: Call) -> web.StreamResponse:
    """A code; whoever types it in the game's chat shows that his name there is this account's."""
    await typed(call, {})
    await call.core.do(open_claim, account=call.caller.account)
    return leads_to("/profile#names")


async def end_name(call: Call) -> web.StreamResponse:
    """A name in the game is given up; one that is not his is no name of his already."""
    said = await typed(call, {"name": LONGEST_NAME})
    await call.core.do(give_up_name, account=call.caller.account, username=said["name"])
    return leads_to("/profile?done=given-up#names")


def profile_page(call: Call, status: int = 200, **more: Any) -> web.Response:
    """The page, with what this request has to say on it."""
    account, texts = the_member(call), language_of(call.request)
    part, sentence = DONE.get(call.query.get("done", ""), ("", ""))
    context = {
        "account": account,
        "claim": call.core.see(claim_of, account=account.id, now=call.now),
        "tokens": call.core.see(personal_tokens, account=account.id),
        "apps": call.core.see(grants_of, account=account.id),
        "browsers": [
            (one, browser_named(one.browser, texts), one.id == call.caller.token)
            for one in reversed(call.core.see(sign_ins_of, account=account.id, now=call.now))
        ],
        "zones": ZONES,
        "languages_offered": [(one.tag, one.name) for one in languages().values()],
        "typed": call.body,
        "when": Stamps(texts, account),
        "now": call.now,
        "done": {part: texts.gettext(sentence)} if part else {},
        "wrong": {},
    }
    return form_page(call, "profile/profile.html", {**context, **more}, status)


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """The page again, with what was wrong where it was wrong."""
    turned = turned_back(refusal, call, "/profile")
    if turned is not None:
        return turned
    fields = refusal.facts.get("fields") or {}
    named = next(
        (WORDS[refusal.why, name] for name in fields if (refusal.why, name) in WORDS), None
    )
    status, sentence = named or WORDS.get(refusal.why, OTHER)
    facts = {"wait": 60, "least": 8, "most": 100, **refusal.facts}
    said = language_of(call.request).gettext(sentence).format(**facts)
    part = PARTS.get(call.route.endpoint, "about")
    answer = profile_page(call, status, wrong={part: said}, done={})
    if status == 429:
        answer.headers["Retry-After"] = str(facts["wait"])
    return answer


ROUTES = (
    Route("GET", "/profile", see_profile, who=member_only),
    Route("POST", "/profile", save_profile, who=member_only),
    Route("POST", "/profile/password", change_password, who=member_only),
    Route("POST", "/profile/claim", ask_for_claim, who=member_only),
    Route("POST", "/profile/names/end", end_name, who=member_only),
)
