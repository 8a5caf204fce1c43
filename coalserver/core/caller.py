"""The caller of a request: what its authenticator proved."""

from dataclasses import dataclass
from math import inf

from coalserver.core.engine import Core
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What an authenticator proved about a request.

    Ids are 0, and entities None, where it proved none. Entities are as they were when the request was
    authenticated; a command loads its own.
    """

    player_id: int = 0
    account_id: int = 0
    #: The token of a player, the token pair of an account or agent, or the login session of a browser.
    token_id: int = 0
    account: Account | None = None
    game: Game | None = None
    world: World | None = None

    def get_account(self) -> Account:
        """Return the proved account. Raises LookupError if the route's authenticator proves none."""
        if self.account is None:
            raise LookupError("the authenticator proved no account")
        return self.account

    def get_game(self) -> Game:
        """Return the proved game. Raises LookupError if the route's authenticator proves none."""
        if self.game is None:
            raise LookupError("the authenticator proved no game")
        return self.game

    def get_world(self) -> World:
        """Return the proved world. Raises LookupError if the route's authenticator proves none."""
        if self.world is None:
            raise LookupError("the authenticator proved no world")
        return self.world


ANONYMOUS = Caller()


def is_token_expired(core: Core, token: Token) -> bool:
    """Return whether a player's token has expired, given the player's last activity."""
    return token.is_expired(core.last_seen_at(token.player), core.clocks.expiry_time())


def check_token_valid(core: Core, caller: Caller) -> None:
    """Raise INVALID_TOKEN if the token of a connected player was revoked or has expired since authentication.

    A lifetime that counts from the last activity does not end while the player is connected.
    """
    token = core.state.get(Token, caller.token_id)
    if token is None or (token.fixed_lifetime and is_token_expired(core, token)):
        raise DomainError(ErrorCode.INVALID_TOKEN)


def token_end(core: Core, caller: Caller) -> float:
    """Return when `check_token_valid` fails by time alone, in the time of `Core.expiry_time`; infinite if never."""
    token = core.state.get(Token, caller.token_id)
    return token.created + token.lifetime if token and token.fixed_lifetime else inf
