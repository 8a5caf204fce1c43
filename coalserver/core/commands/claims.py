"""Claim commands: which names in the game are whose. One name is one account's at most."""

from coalserver.core import topics
from coalserver.core.commands.account_admin import the_account
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.events import NameClaimed
from coalserver.domain.minecraft.visitor import Claim

#: Long enough to walk over and type it.
CLAIM_SECONDS = 3600
#: Letters that nobody takes for another one, and how many: 40 bits are not guessed by typing.
LETTERS, LENGTH = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 8
LONGEST_NAME, MOST_NAMES = 40, 50


def open_claim(unit: Unit, *, account: int) -> Claim:
    """Give an account a code: whoever types it in a world's chat shows that his name there is the account's."""
    the_account(unit, account)
    for old in unit.find(Claim, "account", account):
        unit.drop(old)
    code = "".join(unit.chance.choices(LETTERS, k=LENGTH))
    until = unit.now + CLAIM_SECONDS
    return unit.put(Claim(unit.new_id(Claim), account, code, unit.now, until))


def proved(unit: Unit, *, username: str, text: str) -> None:
    """Somebody has said this in a world just now: perhaps a code, and then his name is an account's.

    A name that is another's stays his: where names are not checked anybody may play as anybody.
    """
    claim = unit.one(Claim, "code", text.strip().upper())
    if claim is None or unit.now >= claim.until:
        return
    account = unit.get(Account, claim.account)
    if account is None or unit.one(Account, "username", username) is not None:
        return
    unit.drop(claim)
    unit.put(account.changed(unit.now, usernames=(*account.usernames, username)))
    unit.say(NameClaimed(account.id, username), topics.player(account.player))


def give_up_name(unit: Unit, *, account: int, username: str) -> Account:
    """A name in the game is not an account's any more, if it was: anybody may claim it."""
    found = the_account(unit, account)
    if username not in found.usernames:
        return found
    left = tuple(name for name in found.usernames if name != username)
    return unit.put(found.changed(unit.now, usernames=left))


def set_usernames(unit: Unit, *, account: int, usernames: tuple[str, ...]) -> Account:
    """An admin says which names are an account's: these, and no others."""
    found = the_account(unit, account)
    names = tuple(dict.fromkeys(name.strip() for name in usernames if name.strip()))
    if len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise Refusal(Why.MALFORMED, fields={"usernames": "too_long"})
    for name in names:
        other = unit.one(Account, "username", name)
        if other is not None and other.id != account:
            raise Refusal(Why.USERNAME_TAKEN, username=name)
    return unit.put(found.changed(unit.now, usernames=names))


def forget_claims(unit: Unit) -> int:
    """Drop codes that are good no more; gives how many."""
    old = [claim for claim in unit.state.all(Claim) if unit.now >= claim.until]
    for claim in old:
        unit.drop(claim)
    return len(old)
