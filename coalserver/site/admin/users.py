"""Admins and people: who may come in, who runs the place, and which names are whose."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.accounts import delete_account, update_account
from coalserver.core.commands.audit import AuditedCommand, execute_audited_batch
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import find_account, login_sessions_of_account
from coalserver.core.queries.admin import search_accounts
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.admin.layout import (
    PAGE_SIZE,
    FormPages,
    get,
    page_number,
    paginate,
    post,
    render_admin_page,
    run_audited,
    success_messages,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_fields
from coalserver.web.pages.i18n import N_

MAX_SEARCH_LENGTH = 100
SUCCESS_MESSAGES = {
    "saved": ("account", N_("Saved.")),
    "let-in": ("users", N_("The account may come in now.")),
    "removed": ("users", N_("The account is removed.")),
}


def render_users(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    search = ctx.query.get("q", "")[:MAX_SEARCH_LENGTH]
    offset = (page_number(ctx) - 1) * PAGE_SIZE
    found, total = ctx.core.query(search_accounts, text=search, limit=PAGE_SIZE, offset=offset)
    context = {"accounts": found, "search": search, "pagination": paginate(ctx, total, q=search)}
    return render_admin_page(
        ctx, "users", context, **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides}
    )


def render_user(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    account = get_account(ctx)
    browsers = ctx.core.query(login_sessions_of_account, account=account.id, now=ctx.now)
    context = {
        "account": account,
        "browsers": len(browsers),
        "is_self": account.id == ctx.caller.account_id,
    }
    return render_admin_page(
        ctx,
        "user",
        context,
        active_page="users",
        **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides},
    )


def render_removal(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    return render_admin_page(
        ctx, "user_remove", {"account": get_account(ctx)}, active_page="users", **overrides
    )


def get_account(ctx: RequestContext) -> Account:
    found = ctx.core.query(find_account, id=ctx.int_param("account"))
    if found is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return found


async def users_page(ctx: RequestContext) -> web.StreamResponse:
    """Every account, oldest first, or those with `q` in one of their names."""
    return render_users(ctx)


async def user_page(ctx: RequestContext) -> web.StreamResponse:
    """One account, and all that an admin can change of it."""
    return render_user(ctx)


async def activate_user(ctx: RequestContext) -> web.StreamResponse:
    """Who has signed up need not wait any longer."""
    await read_fields(ctx, {})
    account = get_account(ctx)
    await run_audited(
        ctx,
        AuditAction.ACCOUNT_ACTIVATED,
        account.email,
        update_account,
        account_id=account.id,
        active=True,
    )
    return redirect("/admin/users?done=let-in")


async def save_user(ctx: RequestContext) -> web.StreamResponse:
    """Whether an account may come in, whether it runs the place, and its names in the game.

    Each change is a deed of its own; where one is refused, none is done.
    """
    form = await read_fields(ctx, {"active": 5, "admin": 5, "usernames": 3000})
    account = get_account(ctx)
    active, admin = bool(form["active"]), bool(form["admin"])
    names = tuple(
        name.strip() for name in form["usernames"].replace("\n", ",").split(",") if name.strip()
    )
    names = tuple(dict.fromkeys(names))
    target, commands = {"account_id": account.id}, []
    if names != account.usernames:
        kwargs = {**target, "usernames": names}
        commands.append(
            AuditedCommand(
                AuditAction.USERNAMES_SET, account.email, set_usernames, kwargs, ", ".join(names)
            )
        )
    if admin != account.admin:
        action = AuditAction.ADMIN_GRANTED if admin else AuditAction.ADMIN_REVOKED
        commands.append(
            AuditedCommand(action, account.email, update_account, {**target, "admin": admin})
        )
    if active != account.active:
        action = AuditAction.ACCOUNT_ACTIVATED if active else AuditAction.ACCOUNT_DEACTIVATED
        commands.append(
            AuditedCommand(action, account.email, update_account, {**target, "active": active})
        )
    await ctx.core.execute(execute_audited_batch, actor=ctx.caller.account_id, commands=commands)
    if account.id == ctx.caller.account_id and not (active and admin):
        return redirect("/")
    return redirect(f"/admin/users/{account.id}?done=saved")


async def confirm_removal(ctx: RequestContext) -> web.StreamResponse:
    """Say what goes with an account, before it goes."""
    return render_removal(ctx)


async def delete_user(ctx: RequestContext) -> web.StreamResponse:
    """An account is no more; one of an admin stays."""
    await read_fields(ctx, {})
    account = get_account(ctx)
    await run_audited(
        ctx, AuditAction.ACCOUNT_REMOVED, account.email, delete_account, account_id=account.id
    )
    return redirect("/admin/users?done=removed")


USER = "/admin/users/{account}"
ROUTES = (
    get("/admin/users", users_page),
    get(USER, user_page),
    post(USER, save_user),
    post(USER + "/activate", activate_user),
    get(USER + "/remove", confirm_removal),
    post(USER + "/remove", delete_user),
)
FORM_PAGES: FormPages = {
    "user_page": (render_user, "account"),
    "save_user": (render_user, "account"),
    "activate_user": (render_users, "users"),
    "confirm_removal": (render_removal, "remove"),
    "delete_user": (render_removal, "remove"),
}
