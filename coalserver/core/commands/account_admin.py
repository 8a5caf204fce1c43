"""Account commands: who may come in, who runs the place, and the browsers people have signed in with.

Passwords arrive hashed.
"""

from dataclasses import replace

from coalserver.core.commands.accounts import end_token, register_account
from coalserver.core.commands.audit import note
from coalserver.core.commands.games import digest
from coalserver.core.commands.pieces import drop_piece
from coalserver.core.commands.presence import leave_everything
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.account import Account, SignIn
from coalserver.domain.accounts.oauth import Access, Code, Grant
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.visitor import Claim
from coalserver.domain.play.player import Player, Token

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
    made = add_account(
        unit, email=email, password=password, nickname=nickname, active=active, admin=first
    )
    if first:
        note(unit, by=made.id, what=What.FIRST_ADMIN, about=made.email)
    return made


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


def set_password(
    unit: Unit, *, account: int, password: str, but: int = 0, proved: str | None = None
) -> Account:
    """Give an account a new password. Whoever signed in with the old one is out, `but` one browser.

    `proved` is the hash against which the old one was proved: refused where it is another by now.
    """
    found = the_account(unit, account)
    if proved is not None and proved != found.password:
        raise Refusal(Why.BAD_CREDENTIALS)
    sign_out(unit, account=account, but=but)
    return unit.put(found.changed(unit.now, password=password))


def sign_out(unit: Unit, *, account: int, but: int = 0) -> None:
    """Wherever an account has signed in with its password it is out, `but` one browser."""
    for sign_in in unit.find(SignIn, "account", account):
        if sign_in.id != but:
            unit.drop(sign_in)
    for token in unit.find(Token, "account", account):
        end_token(unit, token_id=token.id)


def remove_account(unit: Unit, *, account: int) -> Account:
    """An account is no more, nor is anything that proves it or acts for it. An admin has to be none first.

    Its player gives up every seat, and is forgotten like a guest's.
    """
    found = the_account(unit, account)
    if found.admin:
        raise Refusal(Why.ADMIN_STAYS)
    player = unit.get(Player, found.player)
    if player is not None:
        unit.put(replace(player, guest=True))
    sign_out(unit, account=account)
    if player is not None:
        leave_everything(unit, player=player.id, how="left")
    for grant in unit.find(Grant, "account", account):
        unit.drop(grant)
        for code in unit.find(Code, "client", grant.client):
            if code.account == account:
                unit.drop(code)
    for access in unit.find(Access, "account", account):
        unit.drop(access)
    for claim in unit.find(Claim, "account", account):
        unit.drop(claim)
    unit.drop(found)
    return found


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
    return drop_piece(unit, old)


def the_account(unit: Unit, id: int) -> Account:
    found = unit.get(Account, id)
    if found is None:
        raise Refusal(Why.ACCOUNT_NOT_FOUND)
    return found
