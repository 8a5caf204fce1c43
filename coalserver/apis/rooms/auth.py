"""Who calls: a bearer token, or a ticket where a browser cannot set headers."""

from coalserver.core.engine import Core
from coalserver.core.queries.players import token_shown
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Token
from coalserver.web.api import Call, Caller


def player(call: Call) -> Caller:
    """The player whose token this is: 401 without one, 403 with one that is not good."""
    scheme, _, secret = call.request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise Refusal(Why.NO_TOKEN)
    token = token_shown(call.core.state, secret=secret)
    if token is None or ended(call.core, token):
        tried = f"token {call.address}"
        call.web.failures.check(tried)
        call.web.failures.note(tried)
        raise Refusal(Why.BAD_TOKEN)
    return Caller(token.player, token.account, token.id)


def listener(call: Call) -> Caller:
    """A feed also takes `?ticket=`, once, from `POST /accounts/ticket`."""
    ticket = call.query.get("ticket")
    if ticket is None or "Authorization" in call.request.headers:
        return player(call)
    caller = call.web.tickets.redeem(ticket)
    if not isinstance(caller, Caller):
        raise Refusal(Why.BAD_TOKEN)
    still_good(call.core, caller)
    return caller


def still_good(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came."""
    token = core.state.get(Token, caller.token)
    if token is None or ended(core, token):
        raise Refusal(Why.BAD_TOKEN)


def ended(core: Core, token: Token) -> bool:
    return token.ended(core.presence.last(token.player), core.now)
