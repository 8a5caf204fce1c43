"""Admin pages of users: search, approval, permissions, Minecraft names and deletion."""

from typing import Any

from aiohttp import web

from coalserver.core.audit import run_audited
from coalserver.core.commands.accounts import delete_account, update_account
from coalserver.core.commands.audit import AuditedCommand, execute_audited_batch
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import find_account, login_sessions_of_account
from coalserver.core.queries.admin import search_accounts
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.admin.layout import ListPage, confirm_page, get, post, render_admin_page
from coalserver.site.pagination import MAX_SEARCH_LENGTH, SEARCH, kept_query, paginate_in_steps
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import Checkbox, FormSchema, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_
from coalserver.web.schemas import Text

USERS_PATH = "/admin/users"
SUCCESS_MESSAGES = {
    "saved": ("account", N_("Saved.")),
    "let-in": ("users", N_("User approved")),
    "removed": ("users", N_("User deleted")),
}


class UserSchema(FormSchema):
    """What an admin can change of an account. `usernames` are separated by commas or line breaks."""

    active = Checkbox()
    admin = Checkbox()
    usernames = Text(high=3000, lines=True)


USER = UserSchema()


async def render_users(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    search = ctx.query.get(SEARCH, "")[:MAX_SEARCH_LENGTH]
    accounts, pagination = await paginate_in_steps(
        ctx, USERS_PATH, search_accounts, {SEARCH: search}, text=search
    )
    context = {"accounts": accounts, "search": search, "pagination": pagination}
    return render_admin_page(ctx, "users", context, success=SUCCESS_MESSAGES, **overrides)


def render_user(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    account = get_account(ctx)
    login_sessions = ctx.core.query(
        login_sessions_of_account, account=account.id, now=ctx.core.expiry_time
    )
    context = {
        "account": account,
        "browsers": len(login_sessions),
        "is_self": account.id == ctx.caller.account_id,
        "place": list_query(ctx),
    }
    return render_admin_page(
        ctx, "user", context, active_page="users", success=SUCCESS_MESSAGES, **overrides
    )


def render_removal(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    account = get_account(ctx)
    return confirm_page(
        ctx,
        title=N_("Delete account"),
        texts=[
            N_(
                "<bdi>%(name)s</bdi> is signed out everywhere and cannot sign in again. Their tokens and"
                " connected apps are revoked, they leave all games, and their Minecraft names become"
                " available. Their messages are kept."
            )
        ],
        values={"name": account.email},
        button=N_("Delete account"),
        back_label=account.display_name,
        back_path=f"/admin/users/{account.id}",
        place=list_query(ctx),
        active_page="users",
        section="remove",
        **overrides,
    )


def list_query(ctx: RequestContext, **added: str) -> str:
    """Return the query of the list of users from which the address was reached."""
    return kept_query(ctx, texts=(SEARCH,), **added)


def get_account(ctx: RequestContext) -> Account:
    """Return the account that the path names. Raises ACCOUNT_NOT_FOUND."""
    found = ctx.core.query(find_account, id=ctx.int_param("account"))
    if found is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return found


async def users_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the accounts, oldest first; with `q`, those with this text in one of their names."""
    return await render_users(ctx)


async def user_page(ctx: RequestContext) -> web.StreamResponse:
    """Render one account with the form that changes it."""
    return render_user(ctx)


async def activate_user(ctx: RequestContext) -> web.StreamResponse:
    """Activate a pending account."""
    await read_csrf_form(ctx)
    account = get_account(ctx)
    kwargs: dict[str, Any] = {"account_id": account.id, "active": True}
    await run_audited(
        ctx.core, ctx.caller, AuditAction.ACCOUNT_ACTIVATED, account.email, update_account, **kwargs
    )
    return redirect(USERS_PATH + list_query(ctx, done="let-in"))


async def save_user(ctx: RequestContext) -> web.StreamResponse:
    """Change the permissions and Minecraft names of an account.

    Each change gets an audit entry. If one of them is rejected, none is made.
    """
    form = await load_form(ctx, USER)
    account = get_account(ctx)
    active, admin = form["active"], form["admin"]
    typed = (name.strip() for name in form["usernames"].replace("\n", ",").split(","))
    usernames = tuple(dict.fromkeys(name for name in typed if name))
    commands = []

    def add(action: AuditAction, command: Any, kwargs: dict[str, Any], detail: str = "") -> None:
        kwargs = {"account_id": account.id, **kwargs}
        commands.append(AuditedCommand(action, account.email, command, kwargs, detail))

    if usernames != account.usernames:
        detail = ", ".join(usernames)
        add(AuditAction.USERNAMES_SET, set_usernames, {"usernames": usernames}, detail)
    if admin != account.admin:
        action = AuditAction.ADMIN_GRANTED if admin else AuditAction.ADMIN_REVOKED
        add(action, update_account, {"admin": admin})
    if active != account.active:
        action = AuditAction.ACCOUNT_ACTIVATED if active else AuditAction.ACCOUNT_DEACTIVATED
        add(action, update_account, {"active": active})
    await ctx.core.execute(execute_audited_batch, actor=ctx.caller.account_id, commands=commands)
    if account.id == ctx.caller.account_id and not (active and admin):
        return redirect("/")
    return redirect(f"{USERS_PATH}/{account.id}{list_query(ctx, done='saved')}")


async def confirm_removal(ctx: RequestContext) -> web.StreamResponse:
    """Ask before an account is deleted, and say what is deleted with it."""
    return render_removal(ctx)


async def delete_user(ctx: RequestContext) -> web.StreamResponse:
    """Delete an account. Raises ADMIN_NOT_REMOVABLE for an admin's."""
    await read_csrf_form(ctx)
    account = get_account(ctx)
    await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.ACCOUNT_REMOVED,
        account.email,
        delete_account,
        account_id=account.id,
    )
    return redirect(USERS_PATH + list_query(ctx, done="removed"))


USER_PATH, USER_LIST = USERS_PATH + "/{account}", ListPage(render_users, "users")
ROUTES = (
    get(USERS_PATH, users_page),
    get(USER_PATH, user_page),
    post(USER_PATH, save_user, render_user, "account", USER_LIST),
    post(USER_PATH + "/activate", activate_user, *USER_LIST),
    get(USER_PATH + "/remove", confirm_removal, *USER_LIST),
    post(USER_PATH + "/remove", delete_user, render_removal, "remove", USER_LIST),
)
