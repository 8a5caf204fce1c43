"""Users: every account, and who one is oneself (document, 2.3.3)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import read_oldest_first, render_list
from coalserver.apis.coal.render import opaque_keys, render_user
from coalserver.core.queries.accounts import all_accounts, find_account
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.security.opaque_keys import USER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

USERS = "/api/v1/users"


async def list_users(ctx: RequestContext) -> web.StreamResponse:
    """All users, oldest first."""
    size, found = await read_oldest_first(ctx, all_accounts, _creation_order)
    return render_list(
        "users",
        found,
        size,
        lambda account: render_user(ctx, account),
        _creation_order,
    )


async def read_user(ctx: RequestContext) -> web.StreamResponse:
    """One user; `self` is whoever calls."""
    return json_response(render_user(ctx, user_in_path(ctx)))


def user_in_path(ctx: RequestContext) -> Account:
    """The user that the path names by key, or `self`."""
    key = ctx.path["user"]
    id = ctx.caller.account_id if key == "self" else opaque_keys(ctx).id(USER, key)
    account = ctx.core.query(find_account, id=id)
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def _creation_order(account: Account) -> tuple[float, int]:
    return account.created, account.id


ROUTES = (
    Route("GET", USERS, list_users, auth=user),
    Route("GET", USERS + "/{user}", read_user, auth=user),
)
