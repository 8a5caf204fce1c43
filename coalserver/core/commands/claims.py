"""Claim commands: Minecraft usernames of accounts. A username belongs to one account at most."""

from coalserver.core import topics
from coalserver.core.queries.accounts import get_account
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import UsernameClaimed
from coalserver.domain.minecraft.visitor import UsernameClaim

#: Lifetime of a claim's code: long enough to start the game and type it.
CLAIM_SECONDS = 3600
#: Letters and digits that are not confused with one another; 8 of them have 40 bits.
CODE_ALPHABET, CODE_LENGTH = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 8
MAX_NAME_LENGTH, MAX_NAMES = 40, 50


def create_claim(uow: UnitOfWork, *, account_id: int) -> UsernameClaim:
    """Create a code that, typed in a world's chat, claims the typing player's username for the account.

    Replaces an earlier code. Raises ACCOUNT_NOT_FOUND.
    """
    get_account(uow, account_id)
    for old in uow.find(UsernameClaim, "account", account_id):
        uow.delete(old)
    code = "".join(uow.rng.choices(CODE_ALPHABET, k=CODE_LENGTH))
    until = uow.now + CLAIM_SECONDS
    return uow.save(UsernameClaim(uow.new_id(UsernameClaim), account_id, code, uow.now, until))


def confirm_claim(uow: UnitOfWork, *, username: str, text: str) -> None:
    """Claim a username for an account whose code a player has typed in chat; emit UsernameClaimed.

    Without effect for other texts, expired codes and usernames that belong to an account: a server in
    offline mode does not verify names.
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
    """Remove a username from an account, if it has it. Raises ACCOUNT_NOT_FOUND."""
    account = get_account(uow, account_id)
    if username not in account.usernames:
        return account
    remaining = tuple(name for name in account.usernames if name != username)
    return uow.save(account.with_changes(uow.now, usernames=remaining))


def set_usernames(uow: UnitOfWork, *, account_id: int, usernames: tuple[str, ...]) -> Account:
    """Replace the usernames of an account.

    Raises ACCOUNT_NOT_FOUND, USERNAME_TAKEN, and INVALID_REQUEST for too many or too long names.
    """
    account = get_account(uow, account_id)
    names = tuple(dict.fromkeys(name.strip() for name in usernames if name.strip()))
    if len(names) > MAX_NAMES or any(len(name) > MAX_NAME_LENGTH for name in names):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"usernames": "too_long"})
    for name in names:
        other = uow.first(Account, "username", name)
        if other is not None and other.id != account_id:
            raise DomainError(ErrorCode.USERNAME_TAKEN, username=name)
    return uow.save(account.with_changes(uow.now, usernames=names))
