"""Admins and people: who may come in, who runs the place, and which names are whose."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.account_admin import change_account, remove_account
from coalserver.core.commands.audit import Asked, noted_together
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import account_numbered, sign_ins_of
from coalserver.core.queries.admin import accounts_like
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.site.admin.layout import (
    ROWS,
    Again,
    do,
    get,
    leafing,
    page_asked,
    post,
    show,
    went_well,
)
from coalserver.web.api import Call
from coalserver.web.pages.cookies import leads_to
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.typed import typed

LONGEST_SEARCH = 100
DONE = {
    "saved": ("account", N_("Saved.")),
    "let-in": ("users", N_("The account may come in now.")),
    "removed": ("users", N_("The account is removed.")),
}


def users_page(call: Call, **said: Any) -> web.StreamResponse:
    sought = call.query.get("q", "")[:LONGEST_SEARCH]
    first = (page_asked(call) - 1) * ROWS
    found, total = call.core.see(accounts_like, text=sought, limit=ROWS, offset=first)
    context = {"accounts": found, "sought": sought, "leaf": leafing(call, total, q=sought)}
    return show(call, "users", context, **{"done": went_well(call, DONE), **said})


def user_page(call: Call, **said: Any) -> web.StreamResponse:
    account = the_account(call)
    browsers = call.core.see(sign_ins_of, account=account.id, now=call.now)
    context = {
        "account": account,
        "browsers": len(browsers),
        "own": account.id == call.caller.account,
    }
    return show(call, "user", context, here="users", **{"done": went_well(call, DONE), **said})


def removal_page(call: Call, **said: Any) -> web.StreamResponse:
    return show(call, "user_remove", {"account": the_account(call)}, here="users", **said)


def the_account(call: Call) -> Account:
    found = call.core.see(account_numbered, id=call.number("account"))
    if found is None:
        raise Refusal(Why.ACCOUNT_NOT_FOUND)
    return found


async def see_users(call: Call) -> web.StreamResponse:
    """Every account, oldest first, or those with `q` in one of their names."""
    return users_page(call)


async def see_user(call: Call) -> web.StreamResponse:
    """One account, and all that an admin can change of it."""
    return user_page(call)


async def let_in(call: Call) -> web.StreamResponse:
    """Who has signed up need not wait any longer."""
    await typed(call, {})
    account = the_account(call)
    await do(
        call, What.ACCOUNT_LET_IN, account.email, change_account, account=account.id, active=True
    )
    return leads_to("/admin/users?done=let-in")


async def save_user(call: Call) -> web.StreamResponse:
    """Whether an account may come in, whether it runs the place, and its names in the game.

    Each change is a deed of its own; where one is refused, none is done.
    """
    said = await typed(call, {"active": 5, "admin": 5, "usernames": 3000})
    account = the_account(call)
    active, admin = bool(said["active"]), bool(said["admin"])
    names = tuple(
        name.strip() for name in said["usernames"].replace("\n", ",").split(",") if name.strip()
    )
    names = tuple(dict.fromkeys(names))
    of, deeds = {"account": account.id}, []
    if names != account.usernames:
        asked = {**of, "usernames": names}
        deeds.append(Asked(What.NAMES_SET, account.email, set_usernames, asked, ", ".join(names)))
    if admin != account.admin:
        what = What.ADMIN_MADE if admin else What.ADMIN_UNMADE
        deeds.append(Asked(what, account.email, change_account, {**of, "admin": admin}))
    if active != account.active:
        what = What.ACCOUNT_LET_IN if active else What.ACCOUNT_PUT_ON_HOLD
        deeds.append(Asked(what, account.email, change_account, {**of, "active": active}))
    await call.core.do(noted_together, by=call.caller.account, deeds=deeds)
    if account.id == call.caller.account and not (active and admin):
        return leads_to("/")
    return leads_to(f"/admin/users/{account.id}?done=saved")


async def ask_to_remove(call: Call) -> web.StreamResponse:
    """Say what goes with an account, before it goes."""
    return removal_page(call)


async def remove_user(call: Call) -> web.StreamResponse:
    """An account is no more; one of an admin stays."""
    await typed(call, {})
    account = the_account(call)
    await do(call, What.ACCOUNT_REMOVED, account.email, remove_account, account=account.id)
    return leads_to("/admin/users?done=removed")


USER = "/admin/users/{account}"
ROUTES = (
    get("/admin/users", see_users),
    get(USER, see_user),
    post(USER, save_user),
    post(USER + "/activate", let_in),
    get(USER + "/remove", ask_to_remove),
    post(USER + "/remove", remove_user),
)
AGAIN: Again = {
    "see_user": (user_page, "account"),
    "save_user": (user_page, "account"),
    "let_in": (users_page, "users"),
    "ask_to_remove": (removal_page, "remove"),
    "remove_user": (removal_page, "remove"),
}
