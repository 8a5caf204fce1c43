"""Questions about accounts and the browsers they are signed in with."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account, SignIn
from coalserver.domain.errors import Refusal, Why


def every_account(state: State) -> list[Account]:
    """All accounts, oldest first."""
    return list(state.all(Account))


def admin_there(state: State) -> bool:
    """Whether anybody runs the place already."""
    return state.one(Account, "admin", "") is not None


def account_called(state: State, *, email: str) -> Account:
    found = state.one(Account, "email", email.strip().lower())
    if found is None:
        raise Refusal(Why.ACCOUNT_NOT_FOUND)
    return found


def account_numbered(state: State, *, id: int) -> Account | None:
    return state.get(Account, id)


def sign_in_shown(state: State, *, secret: str, now: float) -> SignIn | None:
    """The sign-in that a cookie proves, if it does."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    found = state.one(SignIn, "digest", digest)
    return None if found is None or found.ended(now) else found


def sign_ins_of(state: State, *, account: int, now: float) -> list[SignIn]:
    """The browsers in which an account is signed in, oldest first."""
    return [one for one in state.find(SignIn, "account", account) if not one.ended(now)]
