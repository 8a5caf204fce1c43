"""Who calls: a bearer token. A host may also show the secret that came with its uuid, at its login."""

from dataclasses import dataclass

from coalserver.apis.hosts.render import code_of_text
from coalserver.core.engine import Core
from coalserver.core.queries.hosts import host_coded
from coalserver.core.queries.players import token_shown
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.host_profile import Welcome
from coalserver.domain.play.player import Player, Token
from coalserver.web.api import Call, Caller


@dataclass(frozen=True, slots=True)
class Hosting:
    """How this server treats hosts; `strict` takes a bare uuid once only."""

    game: str = "hosts"
    strict: bool = False


def shown(call: Call) -> str:
    """What follows `Bearer`, or nothing."""
    scheme, _, secret = call.request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def player(call: Call) -> Caller:
    """The host, or the guest without a name, whose token this is."""
    token = _token(call)
    if ended(call.core, token):
        raise failed(call, Why.BAD_TOKEN)
    return Caller(token.player, token=token.id)


def renewing(call: Call) -> Caller:
    """The same; the token may have ended, but not so long ago that it cannot be renewed."""
    token = _token(call)
    if token.spent(call.core.presence.last(token.player), call.now):
        raise failed(call, Why.BAD_TOKEN)
    return Caller(token.player, token=token.id)


def owner(call: Call) -> Caller:
    """The host in the path: first a good token, then a host that is there, then that host's token."""
    caller = player(call)
    only_of(caller, the_host(call, call.path["host"]))
    return caller


def the_host(call: Call, uuid: str, missing: Why = Why.PLAYER_NOT_FOUND) -> Welcome:
    """The host with this uuid, in whatever case."""
    return call.core.see(host_coded, code=code_of_text(uuid), missing=missing)


def only_of(caller: Caller, host: Welcome) -> None:
    """Refuse the token of anybody else."""
    if caller.player != host.id:
        raise Refusal(Why.NOT_YOURS)


def token_for(call: Call, secret: str) -> Token | None:
    """A token of this API, good or not; None for what is none."""
    token = call.core.see(token_shown, secret=secret) if secret else None
    if token is None:
        return None
    holder = call.core.state.get(Player, token.player)
    game = call.web.service(Hosting).game
    return token if holder is not None and holder.game == game else None


def still_good(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came."""
    token = core.state.get(Token, caller.token)
    if token is None or ended(core, token):
        raise Refusal(Why.BAD_TOKEN)


def ended(core: Core, token: Token) -> bool:
    return token.ended(core.presence.last(token.player), core.now)


def failed(call: Call, why: Why) -> Refusal:
    """The refusal of a uuid, secret or token that is not good; too many from one address have to wait."""
    tried = f"hosts {call.address}"
    call.web.failures.check(tried)
    call.web.failures.note(tried)
    return Refusal(why)


def _token(call: Call) -> Token:
    secret = shown(call)
    if not secret:
        raise Refusal(Why.NO_TOKEN)
    token = token_for(call, secret)
    if token is None:
        raise failed(call, Why.BAD_TOKEN)
    return token
