"""Users: every account, and the caller as `self` (document, 2.3.3)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import oldest_first_page
from coalserver.apis.coal.render import opaque_keys, render_user
from coalserver.core.queries.accounts import accounts_by_age, find_account
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.security.opaque_keys import USER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

USERS = "/api/v1/users"


async def list_users(ctx: RequestContext) -> web.StreamResponse:
    """Return all users, oldest first."""
    return json_response(await oldest_first_page(ctx, "users", accounts_by_age, render_user))


async def read_user(ctx: RequestContext) -> web.StreamResponse:
    """Return one user; `self` is the caller."""
    return json_response(render_user(ctx, user_in_path(ctx)))


def user_in_path(ctx: RequestContext) -> Account:
    """Return the user in the path, by key or as `self`. Raises ACCOUNT_NOT_FOUND."""
    key = ctx.path["user"]
    id = ctx.caller.account_id if key == "self" else opaque_keys(ctx).id(USER, key)
    account = ctx.core.query(find_account, id=id)
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


ROUTES = (
    Route("GET", USERS, list_users, auth=user),
    Route("GET", USERS + "/{user}", read_user, auth=user),
)
