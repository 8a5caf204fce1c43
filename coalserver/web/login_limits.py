"""Limits on wrong passwords of accounts, per address and per account.

A stranger's failures must not lock the owner out: a browser or program that has logged in to the account before is
counted by itself.
"""

from coalserver.core.queries.accounts import find_account_by_email, is_known_client
from coalserver.domain.text import secret_digest
from coalserver.web.context import RequestContext


def address_digest(ctx: RequestContext) -> str:
    """Return the digest by which a program is known: that of its address."""
    return secret_digest(f"address {ctx.network}")


def login_limit_keys(ctx: RequestContext, email: str, client_digest: str) -> tuple[str, ...]:
    """Return the keys under which a FailureLimiter counts wrong passwords for an e-mail address."""
    account = ctx.core.query(find_account_by_email, email=email)
    if account is not None and ctx.core.query(
        is_known_client, account=account.id, digest=client_digest, now=ctx.now
    ):
        return (f"login {account.id} {client_digest}",)
    return (f"login {ctx.network}", f"login {email}")
