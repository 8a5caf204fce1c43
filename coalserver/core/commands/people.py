"""Account commands: who may come in, who runs the place, and the browsers people have signed in with.

Passwords arrive hashed.
"""

from itertools import islice

from coalserver.core.commands.accounts import end_token, register_account
from coalserver.core.commands.games import digest
from coalserver.core.unit import Unit
from coalserver.domain.account import Account, SignIn
from coalserver.domain.player import Token
from coalserver.domain.refusal import Refusal, Why

#: A piece of upkeep for which nobody waits.
PIECE = 500
#: Of what a browser calls itself.
LONGEST_BROWSER = 200


def add_account(
    unit: Unit,
    *,
    email: str,
    password: str,
    nickname: str = "",
    active: bool = False,
    admin: bool = False,
) -> Account:
    """Make an account as whoever runs the server wants it. An admin is always active."""
    name = nickname or email.strip().partition("@")[0]
    made = register_account(
        unit, email=email, password=password, name=name[:50], active=active or admin
    )
    return unit.put(made.changed(unit.now, nickname=nickname, admin=admin))


def sign_up(
    unit: Unit,
    *,
    email: str,
    password: str,
    nickname: str = "",
    active: bool = False,
    first: bool = False,
) -> Account:
    """Make an account for a visitor; the first admin, if he has proved that he started the server."""
    if first and unit.find(Account, "admin", ""):
        raise Refusal(Why.BAD_CREDENTIALS)
    return add_account(
        unit, email=email, password=password, nickname=nickname, active=active, admin=first
    )


def change_account(
    unit: Unit,
    *,
    account: int,
    active: bool | None = None,
    admin: bool | None = None,
    nickname: str | None = None,
    zone: str | None = None,
    language: str | None = None,
) -> Account:
    """Change what is given. There is always an admin who can come in, once there was one."""
    old = the_account(unit, account)
    given = {
        **{"active": active, "admin": admin},
        **{"nickname": nickname, "zone": zone, "language": language},
    }
    new = old.changed(unit.now, **{name: part for name, part in given.items() if part is not None})
    if old.admin and old.active and not (new.admin and new.active):
        if len(unit.find(Account, "admin", "")) == 1:
            raise Refusal(Why.LAST_ADMIN)
    return unit.put(new)


def set_password(unit: Unit, *, account: int, password: str, but: int = 0) -> Account:
    """Give an account a new password. Whoever signed in with the old one is out, `but` one browser."""
    found = the_account(unit, account)
    for sign_in in unit.find(SignIn, "account", account):
        if sign_in.id != but:
            unit.drop(sign_in)
    for token in unit.find(Token, "account", account):
        end_token(unit, token_id=token.id)
    return unit.put(found.changed(unit.now, password=password))


def open_sign_in(
    unit: Unit, *, account: int, browser: str = "", rehashed: str | None = None, instead_of: int = 0
) -> str:
    """A browser has proved an account's password; gives what its cookie holds, this once."""
    found = the_account(unit, account)
    parts = {} if rehashed is None else {"password": rehashed}
    unit.put(found.changed(found.updated, last_login=unit.now, **parts))
    if instead_of:
        end_sign_in(unit, sign_in=instead_of)
    secret = unit.new_code(24)
    until = unit.now + unit.limits.sign_in
    unit.put(
        SignIn(
            unit.new_id(SignIn),
            digest(secret),
            account,
            unit.now,
            until,
            browser[:LONGEST_BROWSER],
        )
    )
    return secret


def end_sign_in(unit: Unit, *, sign_in: int, account: int = 0) -> None:
    """A browser is signed in no more; of one account's browsers only, where that is given."""
    found = unit.get(SignIn, sign_in)
    if found is not None and account in (0, found.account):
        unit.drop(found)


def forget_sign_ins(unit: Unit) -> int:
    """Drop the sign-ins that have ended."""
    old = (one for one in unit.state.all(SignIn) if one.ended(unit.now))
    done = list(islice(old, PIECE))
    for one in done:
        unit.drop(one)
    return len(done)


def the_account(unit: Unit, id: int) -> Account:
    found = unit.get(Account, id)
    if found is None:
        raise Refusal(Why.ACCOUNT_NOT_FOUND)
    return found
