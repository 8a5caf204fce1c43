"""Account and token commands: register, sign in, sign out. Passwords arrive hashed."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.games import digest
from coalserver.core.commands.presence import leave_everything
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.account import Account, checked_email
from coalserver.domain.accounts.events import TokenEnded
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player, Token


def sign_in_guest(unit: Unit, *, name: str) -> tuple[Player, str]:
    """Make a player who has no account; gives it and its token, this once."""
    player = _new_player(unit, name, guest=True)
    return player, new_token(unit, player.id, unit.limits.guest_token)


def register_account(
    unit: Unit, *, email: str, password: str, name: str, active: bool = False
) -> Account:
    """Make an account with a player of its own. `password` is a hash."""
    email = checked_email(email)
    if unit.one(Account, "email", email) is not None:
        raise Refusal(Why.EMAIL_TAKEN)
    player = _new_player(unit, name, guest=False)
    return unit.put(
        Account(unit.new_id(Account), email, password, player.id, unit.now, active=active)
    )


def sign_in(unit: Unit, *, account: int, rehashed: str | None = None) -> str:
    """A new token for an account whose password was proved; gives it this once."""
    found = unit.get(Account, account)
    if found is None:
        raise Refusal(Why.BAD_CREDENTIALS)
    if rehashed is not None:
        unit.put(replace(found, password=rehashed))
    return new_token(unit, found.player, unit.limits.account_token, account=found.id)


def end_token(unit: Unit, *, token_id: int) -> None:
    """A token is good no more. A guest without a token gives up every seat."""
    token = unit.get(Token, token_id)
    if token is None:
        return
    unit.drop(token)
    unit.say(TokenEnded(token.player, token.id), topics.player(token.player))
    player = unit.get(Player, token.player)
    if player is not None and player.guest and not unit.find(Token, "player", player.id):
        leave_everything(unit, player=player.id, how="left")


def _new_player(unit: Unit, name: str, guest: bool) -> Player:
    id = unit.new_id(Player)
    return unit.put(Player(id, name or f"Guest {id}", unit.now, unit.now, guest=guest))


def new_token(
    unit: Unit,
    player: int,
    lasts: float,
    *,
    account: int = 0,
    fixed: bool = False,
    renewal: float = 0,
) -> str:
    """Make a token; gives what its holder shows, this once."""
    secret = unit.new_code(24)
    unit.put(
        Token(
            unit.new_id(Token),
            digest(secret),
            player,
            unit.now,
            lasts,
            account,
            fixed=fixed,
            renewal=renewal,
        )
    )
    return secret
