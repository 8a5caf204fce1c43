"""Orders about accounts, and the tokens that act for them."""

import argparse
from collections.abc import Mapping
from typing import Any

from coalserver.cli.output import (
    CliCommand,
    argument,
    format_fields,
    format_table,
    format_time,
    printable_line,
)
from coalserver.core.commands.accounts import create_account, set_password, update_account
from coalserver.core.commands.oauth import create_personal_token
from coalserver.core.queries.accounts import all_accounts, get_account_by_email
from coalserver.domain.accounts.account import Account, validate_email, validate_password
from coalserver.domain.accounts.oauth import DATA_SCOPE
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.security.passwords import hash_password
from coalserver.server.admin import DAY, AdminContext


async def account_add(
    context: AdminContext, *, email: str, password: str, nickname: str, active: bool, admin: bool
) -> Any:
    """Make an account; an admin is active, others wait unless they are made so."""
    address = validate_email(email)
    account = await context.execute(
        AuditAction.ACCOUNT_ADDED,
        address,
        create_account,
        email=address,
        password=await hash_password(validate_password(password)),
        nickname=nickname,
        active=active,
        admin=admin,
    )
    return _row(account)


async def account_list(context: AdminContext) -> Any:
    """Show every account."""
    return {"accounts": [_row(account) for account in context.core.query(all_accounts)]}


async def account_passwd(context: AdminContext, *, email: str, password: str) -> Any:
    """Give an account a new password; whoever is signed in with the old one is out."""
    account = context.core.query(get_account_by_email, email=email)
    digest = await hash_password(validate_password(password))
    audit = (AuditAction.PASSWORD_SET, account.email)
    return _row(await context.execute(*audit, set_password, account_id=account.id, password=digest))


async def account_activate(context: AdminContext, *, email: str, active: bool) -> Any:
    """Let an account come in, or (--off) let it wait again."""
    account = context.core.query(get_account_by_email, email=email)
    action = AuditAction.ACCOUNT_ACTIVATED if active else AuditAction.ACCOUNT_DEACTIVATED
    return _row(
        await context.execute(
            action, account.email, update_account, account_id=account.id, active=active
        )
    )


async def token_add(context: AdminContext, *, email: str, scope: str, days: int) -> Any:
    """Make a token that acts for an account, and show it, this once."""
    account = context.core.query(get_account_by_email, email=email)
    audit = (AuditAction.TOKEN_CREATED, account.email)
    token = await context.execute(
        *audit, create_personal_token, account_id=account.id, lifetime=days * DAY
    )
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
        "created": format_time(account.created),
        "last_login": None if account.last_login is None else format_time(account.last_login),
    }


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as one line has it."""
    last = row["last_login"] or "never"
    return {**row, "usernames": " ".join(row["usernames"]), "last_login": last}


def days(text: str) -> int:
    """How many days something is to last."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 36500):
        raise argparse.ArgumentTypeError("a whole number from 1 to 36500")
    return int(text)


EMAIL = argument("email", metavar="EMAIL", help="the account's address")
PASSWORD = argument("--password", required=True, metavar="P", help="at least 8 characters")

COMMANDS: Mapping[str, CliCommand] = {
    "account add": CliCommand(
        account_add,
        lambda result: format_fields(_readable(result)),
        (
            EMAIL,
            PASSWORD,
            argument(
                "--nickname", type=printable_line, default="", metavar="N", help="as people read it"
            ),
            argument("--admin", action="store_true", help="may run the place"),
            argument("--active", action="store_true", help="need not wait for an admin"),
        ),
        creates_data=True,
    ),
    "account list": CliCommand(
        account_list,
        lambda result: format_table(
            [_readable(row) for row in result["accounts"]], "There is no account."
        ),
    ),
    "account passwd": CliCommand(
        account_passwd,
        lambda result: f"{result['email']} has a new password.",
        (EMAIL, PASSWORD),
    ),
    "account activate": CliCommand(
        account_activate,
        lambda result: f"{result['email']} {'is active' if result['active'] else 'waits'}.",
        (
            EMAIL,
            argument("--off", action="store_false", dest="active", help="the other way round"),
        ),
    ),
    "token add": CliCommand(
        token_add,
        format_fields,
        (
            EMAIL,
            argument(
                "--scope", choices=(DATA_SCOPE,), default=DATA_SCOPE, help="what it is for [data]"
            ),
            argument("--days", type=days, default=365, metavar="N", help="it lasts [365]"),
        ),
    ),
}

ERROR_MESSAGES: Mapping[ErrorCode | tuple[ErrorCode, str], str] = {
    ErrorCode.ACCOUNT_NOT_FOUND: "There is no account with that address.",
    ErrorCode.EMAIL_TAKEN: "There is an account with that address already.",
    ErrorCode.INVALID_EMAIL: "That is not an e-mail address.",
    ErrorCode.PASSWORD_TOO_SHORT: "A password has at least 8 characters.",
    ErrorCode.LAST_ADMIN: "That is the last admin; make another one first.",
}
