"""Users: every account, and who one is oneself (document, 2.3.3)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import asked_by_age, listed
from coalserver.apis.coal.render import keys_of, user_document
from coalserver.core.queries.accounts import account_numbered, every_account
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.security.opaque_keys import USER
from coalserver.web.api import Call, Route
from coalserver.web.responses import document

USERS = "/api/v1/users"


async def list_users(call: Call) -> web.StreamResponse:
    """All users, oldest first."""
    size, found = await asked_by_age(call, every_account, _age)
    return listed(
        "users",
        found,
        size,
        lambda account: user_document(call, account),
        _age,
    )


async def read_user(call: Call) -> web.StreamResponse:
    """One user; `self` is whoever calls."""
    return document(user_document(call, user_in_path(call)))


def user_in_path(call: Call) -> Account:
    """The user that the path names by key, or `self`."""
    key = call.path["user"]
    id = call.caller.account if key == "self" else keys_of(call).id(USER, key)
    account = call.core.see(account_numbered, id=id)
    if account is None:
        raise Refusal(Why.ACCOUNT_NOT_FOUND)
    return account


def _age(account: Account) -> tuple[float, int]:
    return account.created, account.id


ROUTES = (
    Route("GET", USERS, list_users, who=user),
    Route("GET", USERS + "/{user}", read_user, who=user),
)
