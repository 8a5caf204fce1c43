"""Orders about accounts, and the tokens that act for them."""

import argparse
from collections.abc import Mapping
from typing import Any

from coalserver.cli.output import Order, argument, lines, table, text, when
from coalserver.core.commands.account_admin import add_account, change_account, set_password
from coalserver.core.commands.oauth import add_personal_token
from coalserver.core.queries.accounts import account_called, every_account
from coalserver.domain.accounts.account import Account, checked_email, checked_password
from coalserver.domain.accounts.oauth import DATA
from coalserver.domain.audit import What
from coalserver.domain.errors import Why
from coalserver.security.passwords import hashed
from coalserver.server.admin import DAY, Desk


async def account_add(
    desk: Desk, *, email: str, password: str, nickname: str, active: bool, admin: bool
) -> Any:
    """Make an account; an admin is active, others wait unless they are made so."""
    address = checked_email(email)
    made = await desk.do(
        What.ACCOUNT_ADDED,
        address,
        add_account,
        email=address,
        password=await hashed(checked_password(password)),
        nickname=nickname,
        active=active,
        admin=admin,
    )
    return _row(made)


async def account_list(desk: Desk) -> Any:
    """Show every account."""
    return {"accounts": [_row(one) for one in desk.core.see(every_account)]}


async def account_passwd(desk: Desk, *, email: str, password: str) -> Any:
    """Give an account a new password; whoever is signed in with the old one is out."""
    found = desk.core.see(account_called, email=email)
    kept = await hashed(checked_password(password))
    done = (What.PASSWORD_SET, found.email)
    return _row(await desk.do(*done, set_password, account=found.id, password=kept))


async def account_activate(desk: Desk, *, email: str, active: bool) -> Any:
    """Let an account come in, or (--off) let it wait again."""
    found = desk.core.see(account_called, email=email)
    what = What.ACCOUNT_LET_IN if active else What.ACCOUNT_PUT_ON_HOLD
    return _row(await desk.do(what, found.email, change_account, account=found.id, active=active))


async def token_add(desk: Desk, *, email: str, scope: str, days: int) -> Any:
    """Make a token that acts for an account, and show it, this once."""
    found = desk.core.see(account_called, email=email)
    done = (What.TOKEN_MADE, found.email)
    token = await desk.do(*done, add_personal_token, account=found.id, lasts=days * DAY)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": days * DAY,
    }


def _row(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.id,
        "email": account.email,
        "nickname": account.nickname,
        "usernames": list(account.usernames),
        "active": account.active,
        "admin": account.admin,
        "created": when(account.created),
        "last_login": None if account.last_login is None else when(account.last_login),
    }


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as one line has it."""
    last = row["last_login"] or "never"
    return {**row, "usernames": " ".join(row["usernames"]), "last_login": last}


def days(given: str) -> int:
    """How many days something is to last."""
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= 36500):
        raise argparse.ArgumentTypeError("a whole number from 1 to 36500")
    return int(given)


EMAIL = argument("email", metavar="EMAIL", help="the account's address")
PASSWORD = argument("--password", required=True, metavar="P", help="at least 8 characters")

ORDERS: Mapping[str, Order] = {
    "account add": Order(
        account_add,
        lambda answer: lines(_for_people(answer)),
        (
            EMAIL,
            PASSWORD,
            argument("--nickname", type=text, default="", metavar="N", help="as people read it"),
            argument("--admin", action="store_true", help="may run the place"),
            argument("--active", action="store_true", help="need not wait for an admin"),
        ),
        begins=True,
    ),
    "account list": Order(
        account_list,
        lambda answer: table(
            [_for_people(row) for row in answer["accounts"]], "There is no account."
        ),
    ),
    "account passwd": Order(
        account_passwd,
        lambda answer: f"{answer['email']} has a new password.",
        (EMAIL, PASSWORD),
    ),
    "account activate": Order(
        account_activate,
        lambda answer: f"{answer['email']} {'is active' if answer['active'] else 'waits'}.",
        (
            EMAIL,
            argument("--off", action="store_false", dest="active", help="the other way round"),
        ),
    ),
    "token add": Order(
        token_add,
        lines,
        (
            EMAIL,
            argument("--scope", choices=(DATA,), default=DATA, help="what it is for [data]"),
            argument("--days", type=days, default=365, metavar="N", help="it lasts [365]"),
        ),
    ),
}

SENTENCES: Mapping[Why | tuple[Why, str], str] = {
    Why.ACCOUNT_NOT_FOUND: "There is no account with that address.",
    Why.EMAIL_TAKEN: "There is an account with that address already.",
    Why.EMAIL_INVALID: "That is not an e-mail address.",
    Why.PASSWORD_TOO_SHORT: "A password has at least 8 characters.",
    Why.LAST_ADMIN: "That is the last admin; make another one first.",
}
