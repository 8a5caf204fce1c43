"""Account and token commands: register, sign in, sign out. Passwords arrive hashed."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.games import secret_digest
from coalserver.core.commands.presence import leave_all
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account, validate_email
from coalserver.domain.accounts.events import TokenRevoked
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player, Token


def create_guest(uow: UnitOfWork, *, name: str) -> tuple[Player, str]:
    """Make a player who has no account; gives it and its token, this once."""
    player = _create_player(uow, name, guest=True)
    return player, issue_token(uow, player.id, uow.limits.guest_token)


def register_account(
    uow: UnitOfWork, *, email: str, password: str, name: str, active: bool = False
) -> Account:
    """Make an account with a player of its own. `password` is a hash."""
    email = validate_email(email)
    if uow.first(Account, "email", email) is not None:
        raise DomainError(ErrorCode.EMAIL_TAKEN)
    player = _create_player(uow, name, guest=False)
    return uow.save(
        Account(uow.new_id(Account), email, password, player.id, uow.now, active=active)
    )


def log_in(uow: UnitOfWork, *, account_id: int, rehashed: str | None = None) -> str:
    """A new token for an account whose password was proved; gives it this once."""
    account = uow.get(Account, account_id)
    if account is None:
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    if rehashed is not None:
        uow.save(replace(account, password=rehashed))
    return issue_token(uow, account.player, uow.limits.account_token, account_id=account.id)


def revoke_token(uow: UnitOfWork, *, token_id: int) -> None:
    """A token is good no more. A guest without a token gives up every seat."""
    token = uow.get(Token, token_id)
    if token is None:
        return
    uow.delete(token)
    uow.emit(TokenRevoked(token.player, token.id), topics.player(token.player))
    player = uow.get(Player, token.player)
    if player is not None and player.guest and not uow.find(Token, "player", player.id):
        leave_all(uow, player_id=player.id, reason="left")


def _create_player(uow: UnitOfWork, name: str, guest: bool) -> Player:
    id = uow.new_id(Player)
    return uow.save(Player(id, name or f"Guest {id}", uow.now, uow.now, guest=guest))


def issue_token(
    uow: UnitOfWork,
    player_id: int,
    lifetime: float,
    *,
    account_id: int = 0,
    fixed: bool = False,
    refresh_seconds: float = 0,
) -> str:
    """Make a token; gives what its holder shows, this once."""
    secret = uow.new_code(24)
    uow.save(
        Token(
            uow.new_id(Token),
            secret_digest(secret),
            player_id,
            uow.now,
            lifetime,
            account_id,
            fixed_lifetime=fixed,
            refresh_seconds=refresh_seconds,
        )
    )
    return secret
