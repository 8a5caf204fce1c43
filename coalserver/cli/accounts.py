"""Commands about accounts and their personal access tokens."""

from collections.abc import Mapping
from typing import Any

import click

from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import Group, PrintableLine
from coalserver.cli.output import format_fields, format_table, format_time
from coalserver.core.commands.accounts import (
    create_account,
    set_password,
    update_account,
)
from coalserver.core.commands.oauth import create_personal_token
from coalserver.core.queries.accounts import all_accounts, get_account_by_email
from coalserver.core.steps import describe_in_turns
from coalserver.domain.accounts.account import Account, validate_email, validate_password
from coalserver.domain.accounts.oauth import DATA_SCOPE
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.security.passwords import hash_password
from coalserver.server.admin import DAY, AdminContext

MAX_TOKEN_DAYS = 36500


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


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with texts in place of the list and of null."""
    last_login = row["last_login"] or "never"
    return {**row, "usernames": " ".join(row["usernames"]), "last_login": last_login}


def _format_account(row: Mapping[str, Any]) -> str:
    return format_fields(_for_people(row))


def _format_accounts(result: Mapping[str, Any]) -> str:
    return format_table([_for_people(row) for row in result["accounts"]], "No accounts yet.")


def _format_password_set(row: Mapping[str, Any]) -> str:
    return f"{row['email']} has a new password."


def _format_activation(row: Mapping[str, Any]) -> str:
    return f"{row['email']} is {'active' if row['active'] else 'no longer active'}."


email_argument = click.argument("email", metavar="EMAIL", help="E-mail address of the account.")
password_option = click.option(
    "--password", required=True, metavar="P", help="Password, at least 8 characters."
)


@click.group("account", cls=Group)
def account_group() -> None:
    """Manage accounts."""


@account_group.command("add", cls=AdminCommand, format=_format_account, creates_data=True)
@email_argument
@password_option
@click.option(
    "--nickname", type=PrintableLine(), default="", metavar="N", help="Name that others see."
)
@click.option("--admin", is_flag=True, help="Make the account an administrator, active at once.")
@click.option("--active", is_flag=True, help="Activate the account without approval.")
async def account_add(
    context: AdminContext, *, email: str, password: str, nickname: str, active: bool, admin: bool
) -> Any:
    """Create an account. It is pending unless --active or --admin is given."""
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


@account_group.command("list", cls=AdminCommand, format=_format_accounts)
async def account_list(context: AdminContext) -> Any:
    """List all accounts."""
    return {"accounts": await describe_in_turns(context.core.query(all_accounts), _row)}


@account_group.command("passwd", cls=AdminCommand, format=_format_password_set)
@email_argument
@password_option
async def account_passwd(context: AdminContext, *, email: str, password: str) -> Any:
    """Set the password of an account and end all its login sessions."""
    account = context.core.query(get_account_by_email, email=email)
    digest = await hash_password(validate_password(password))
    audit = (AuditAction.PASSWORD_SET, account.email)
    return _row(await context.execute(*audit, set_password, account_id=account.id, password=digest))


@account_group.command("activate", cls=AdminCommand, format=_format_activation)
@email_argument
@click.option(
    "--off",
    "active",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Deactivate the account instead.",
)
async def account_activate(context: AdminContext, *, email: str, active: bool) -> Any:
    """Activate an account."""
    account = context.core.query(get_account_by_email, email=email)
    action = AuditAction.ACCOUNT_ACTIVATED if active else AuditAction.ACCOUNT_DEACTIVATED
    return _row(
        await context.execute(
            action, account.email, update_account, account_id=account.id, active=active
        )
    )


@click.group("token", cls=Group)
def token_group() -> None:
    """Manage personal access tokens."""


@token_group.command("add", cls=AdminCommand, format=format_fields)
@email_argument
@click.option(
    "--scope",
    type=click.Choice((DATA_SCOPE,)),
    default=DATA_SCOPE,
    help=f"Scope of the token [{DATA_SCOPE}].",
)
@click.option(
    "--days",
    type=click.IntRange(1, MAX_TOKEN_DAYS),
    default=365,
    metavar="N",
    help="Days until the token expires [365].",
)
async def token_add(context: AdminContext, *, email: str, scope: str, days: int) -> Any:
    """Create a personal access token for an account and print it once."""
    account = context.core.query(get_account_by_email, email=email)
    if not account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
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
