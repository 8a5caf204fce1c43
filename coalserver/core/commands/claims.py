"""Claim commands: which names in the game are whose. One name is one account's at most."""

from coalserver.core import topics
from coalserver.core.queries.accounts import get_account
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import UsernameClaimed
from coalserver.domain.minecraft.visitor import UsernameClaim

#: Long enough to walk over and type it.
CLAIM_SECONDS = 3600
#: Letters that nobody takes for another one, and how many: 40 bits are not guessed by typing.
CODE_ALPHABET, CODE_LENGTH = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 8
MAX_NAME_LENGTH, MAX_NAMES = 40, 50


def create_claim(uow: UnitOfWork, *, account_id: int) -> UsernameClaim:
    """Give an account a code: whoever types it in a world's chat shows that his name there is the account's."""
    get_account(uow, account_id)
    for old in uow.find(UsernameClaim, "account", account_id):
        uow.delete(old)
    code = "".join(uow.rng.choices(CODE_ALPHABET, k=CODE_LENGTH))
    until = uow.now + CLAIM_SECONDS
    return uow.save(UsernameClaim(uow.new_id(UsernameClaim), account_id, code, uow.now, until))


def confirm_claim(uow: UnitOfWork, *, username: str, text: str) -> None:
    """Somebody has said this in a world just now: perhaps a code, and then his name is an account's.

    A name that is another's stays his: where names are not checked anybody may play as anybody.
    """
    claim = uow.first(UsernameClaim, "code", text.strip().upper())
    if claim is None or uow.now >= claim.until:
        return
    account = uow.get(Account, claim.account)
    if account is None or uow.first(Account, "username", username) is not None:
        return
    uow.delete(claim)
    uow.save(account.with_changes(uow.now, usernames=(*account.usernames, username)))
    uow.emit(UsernameClaimed(account.id, username), topics.player(account.player))


def release_username(uow: UnitOfWork, *, account_id: int, username: str) -> Account:
    """A name in the game is not an account's any more, if it was: anybody may claim it."""
    account = get_account(uow, account_id)
    if username not in account.usernames:
        return account
    remaining = tuple(name for name in account.usernames if name != username)
    return uow.save(account.with_changes(uow.now, usernames=remaining))


def set_usernames(uow: UnitOfWork, *, account_id: int, usernames: tuple[str, ...]) -> Account:
    """An admin says which names are an account's: these, and no others."""
    account = get_account(uow, account_id)
    names = tuple(dict.fromkeys(name.strip() for name in usernames if name.strip()))
    if len(names) > MAX_NAMES or any(len(name) > MAX_NAME_LENGTH for name in names):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"usernames": "too_long"})
    for name in names:
        other = uow.first(Account, "username", name)
        if other is not None and other.id != account_id:
            raise DomainError(ErrorCode.USERNAME_TAKEN, username=name)
    return uow.save(account.with_changes(uow.now, usernames=names))
