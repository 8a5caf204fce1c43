"""OAuth commands: clients, what accounts allow them, and the codes and tokens that come of it.

Who calls has proved to be the client. A code or a refresh token is looked at and used up in one command, so that
of two that come with it at once one is refused.
"""

from dataclasses import replace
from typing import NamedTuple

from coalserver.core.commands.account_admin import the_account
from coalserver.core.commands.games import digest
from coalserver.core.commands.pieces import drop_piece
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.oauth import (
    AGENT,
    CODE_SECONDS,
    DATA,
    MOST_TOKENS,
    SECRET_LETTERS,
    Access,
    Client,
    Code,
    Grant,
    checked_uris,
    usable_code,
)
from coalserver.domain.errors import Refusal, Why

AGENT_PREFIX = "mc-coal-agent-"


class Issued(NamedTuple):
    """A pair of tokens, told this once."""

    access: str
    refresh: str
    #: Seconds for which the access token holds.
    lasts: float


class Shown(NamedTuple):
    """A client with the secrets that its maker is told."""

    client: Client
    secret: str
    registration: str


def register_client(
    unit: Unit,
    *,
    redirect_uris: list[str],
    wanted: str = "",
    title: str = "",
    home: str = "",
    logo: str = "",
) -> Shown:
    """Make a client for anyone. It may ask for data, whatever it says it wants."""
    secret, registration = unit.new_letters(SECRET_LETTERS), unit.new_letters(SECRET_LETTERS)
    client = Client(
        unit.new_id(Client),
        _free_code(unit, wanted),
        checked_uris(redirect_uris),
        DATA,
        unit.setting.safe.locked(secret),
        unit.now,
        registration=unit.setting.safe.locked(registration),
        title=title,
        home=home,
        logo=logo,
    )
    return Shown(unit.put(client), secret, registration)


def add_agent(unit: Unit, *, world: int) -> Shown:
    """Make the client through which the agent of a world speaks."""
    code = ""
    while not code or unit.one(Client, "code", code) is not None:
        code = f"{AGENT_PREFIX}{unit.chance.randrange(10**5):05}"
    secret = unit.new_letters(SECRET_LETTERS)
    locked = unit.setting.safe.locked(secret)
    client = Client(unit.new_id(Client), code, ("/",), AGENT, locked, unit.now, world=world)
    return Shown(unit.put(client), secret, "")


def renew_secret(unit: Unit, *, client: int) -> Shown:
    """Give a client another secret; the old one stops at once, its tokens do not."""
    found = the_client(unit, client)
    secret = unit.new_letters(SECRET_LETTERS)
    locked = unit.setting.safe.locked(secret)
    found = unit.put(replace(found, secret=locked, secret_until=0.0))
    return Shown(found, secret, _registration(unit, found))


def show_client(unit: Unit, *, client: int) -> Shown:
    """A client as its maker is told of it; with another secret where the old one has ended."""
    found = the_client(unit, client)
    if found.secret_ended(unit.now):
        return renew_secret(unit, client=client)
    return Shown(found, unit.setting.safe.opened(found.secret), _registration(unit, found))


def change_client(
    unit: Unit,
    *,
    client: int,
    redirect_uris: list[str],
    scope: str | None,
    title: str,
    home: str,
    logo: str,
) -> Shown:
    """What a client is from now on. Its scope can only become less."""
    found = the_client(unit, client)
    if scope is not None:
        found = found.narrowed(scope)
    uris = checked_uris(redirect_uris)
    unit.put(replace(found, redirect_uris=uris, title=title, home=home, logo=logo))
    return show_client(unit, client=client)


def remove_client(unit: Unit, *, client: int) -> None:
    """A client is no more, nor is anything that was given to it."""
    found = the_client(unit, client)
    for grant in unit.find(Grant, "client", client):
        unit.drop(grant)
    for code in unit.find(Code, "client", client):
        unit.drop(code)
    for access in unit.find(Access, "client", client):
        unit.drop(access)
    unit.drop(found)


def allow_client(
    unit: Unit,
    *,
    client: int,
    account: int,
    scope: str,
    redirect_uri: str,
    challenge: str = "",
    method: str = "",
) -> str:
    """An account lets a client act for it, now or since before; gives the code to send it."""
    found, owner = the_client(unit, client), the_account(unit, account)
    if not owner.active:
        raise Refusal(Why.INACTIVE)
    if not found.leads_to(redirect_uri):
        raise Refusal(Why.BAD_CLIENT)
    scope = found.scope_for(scope)
    grant = unit.one(Grant, "pair", (account, client))
    if grant is None or not grant.covers(scope):
        id = unit.new_id(Grant) if grant is None else grant.id
        unit.put(Grant(id, account, client, scope, unit.now))
    secret = unit.new_letters(SECRET_LETTERS)
    unit.put(
        Code(
            unit.new_id(Code),
            digest(secret),
            client,
            account,
            scope,
            redirect_uri,
            unit.now + CODE_SECONDS,
            challenge,
            method,
        )
    )
    return secret


def deny_client(unit: Unit, *, client: int, account: int) -> None:
    """A client may not act for an account, and may no longer where it did."""
    for grant in unit.find(Grant, "pair", (account, client)):
        unit.drop(grant)
    for code in unit.find(Code, "client", client):
        if code.account == account:
            unit.drop(code)
    for access in unit.find(Access, "pair", (account, client)):
        unit.drop(access)


def redeem_code(unit: Unit, *, client: int, code: str, redirect_uri: str) -> Issued:
    """Buy tokens with a code, once."""
    the_client(unit, client)
    found = unit.one(Code, "digest", digest(code))
    if found is None:
        raise Refusal(Why.BAD_GRANT)
    found.redeemed(client, redirect_uri, unit.now)
    unit.drop(found)
    return _issued(unit, client, found.account, found.scope, unit.limits.access_token)


def admit_agent(unit: Unit, *, client: int) -> Issued:
    """Tokens for an agent that has shown its secret; as often as it does."""
    found = the_client(unit, client)
    return _issued(unit, client, 0, found.scope, unit.limits.agent_token)


def renew_access(unit: Unit, *, client: int, token: str, scope: str = "") -> Issued:
    """Buy another pair with a refresh token, once; the access token of the old pair stops at once."""
    found = the_client(unit, client)
    old = unit.one(Access, "renewal", digest(token))
    if old is None:
        raise Refusal(Why.BAD_GRANT)
    old.renewed(client, unit.now)
    if scope and not set(scope.split()) <= set(old.scope.split()):
        raise Refusal(Why.BAD_SCOPE)
    unit.drop(old)
    lasts = unit.limits.agent_token if found.agent else unit.limits.access_token
    return _issued(unit, client, old.account, old.scope, lasts)


def add_personal_token(unit: Unit, *, account: int, lasts: float | None, title: str = "") -> str:
    """A token that an account makes for a program of its own; for ever where `lasts` is None."""
    the_account(unit, account)
    if sum(not one.client for one in unit.find(Access, "account", account)) >= MOST_TOKENS:
        raise Refusal(Why.TOO_MANY_TOKENS, most=MOST_TOKENS)
    secret = unit.new_letters(SECRET_LETTERS)
    until = None if lasts is None else unit.now + lasts
    unit.put(
        Access(unit.new_id(Access), digest(secret), 0, account, DATA, unit.now, until, title=title)
    )
    return secret


def end_access(unit: Unit, *, access: int, account: int) -> None:
    """One of an account's tokens is good no more."""
    found = unit.get(Access, access)
    if found is not None and found.account == account:
        unit.drop(found)


def forget_ended(unit: Unit) -> int:
    """Drop the codes and tokens that are good for nothing any more."""
    codes = (one for one in unit.state.all(Code) if one.ended(unit.now))
    pairs = (one for one in unit.state.all(Access) if one.spent(unit.now))
    return drop_piece(unit, codes) + drop_piece(unit, pairs)


def the_client(unit: Unit, id: int) -> Client:
    found = unit.get(Client, id)
    if found is None:
        raise Refusal(Why.BAD_CLIENT)
    return found


def _registration(unit: Unit, client: Client) -> str:
    """What lets the maker of a client change it; agents have none."""
    return unit.setting.safe.opened(client.registration) if client.registration else ""


def _issued(unit: Unit, client: int, account: int, scope: str, lasts: float) -> Issued:
    access, refresh = unit.new_letters(SECRET_LETTERS), unit.new_letters(SECRET_LETTERS)
    unit.put(
        Access(
            unit.new_id(Access),
            digest(access),
            client,
            account,
            scope,
            unit.now,
            unit.now + lasts,
            digest(refresh),
            unit.now + unit.limits.refresh_token,
        )
    )
    return Issued(access, refresh, lasts)


def _free_code(unit: Unit, wanted: str) -> str:
    """A client id nobody has: the one that is wanted, or it with three letters more, or any."""
    wanted = usable_code(wanted)
    code = wanted or unit.new_letters(10)
    while unit.one(Client, "code", code) is not None:
        code = f"{wanted}-{unit.new_letters(3)}" if wanted else unit.new_letters(10)
    return code
