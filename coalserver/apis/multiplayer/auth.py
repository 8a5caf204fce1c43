"""Who calls: a game by its tokens, a player by the private key. Query or header; the header wins."""

from coalserver.core.queries.bans import ban_on
from coalserver.core.queries.games import game_owned, game_shown
from coalserver.core.queries.players import player_keyed
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Game
from coalserver.web.api import NOBODY, Call, Caller

#: Credential -> its name in the query, and the headers that outrank it.
SHOWN = {
    "api": ("api_token", ("X-Api-Token",)),
    "player": ("player_token", ("X-Game-Player-Token", "X-Player-Token")),
    "private": ("private_token", ("X-Api-Private-Token",)),
}
#: In these files all that is needed is asked for before any of it is tried.
ALL_FIRST = ("/api/game_players.php", "/api/game_data.php")


def shown(call: Call, which: str) -> str:
    """A credential as the request shows it, or empty."""
    name, headers = SHOWN[which]
    for header in headers:
        if call.request.headers.get(header):
            return call.request.headers[header].strip()
    return call.query.get(name, "").strip()


def game(call: Call) -> Game:
    """The game whose API token this is."""
    secret = _needed(call, "api")
    found = call.core.see(game_shown, secret=secret)
    if found is None:
        raise _bad(call, "api")
    return found


def game_only(call: Call) -> Caller:
    """Anyone who knows the game's API token."""
    game(call)
    return NOBODY


def game_or_player(call: Call) -> Caller:
    """Anyone who knows the game's API token; a player who shows his key must not be banned."""
    played = game(call)
    secret = shown(call, "player")
    found = call.core.see(player_keyed, secret=secret) if secret else None
    if found is None or found.game != played.tag:
        return NOBODY
    not_banned(call, played.tag, found.id)
    return Caller(found.id)


def player(call: Call) -> Caller:
    """A player of the game, who is not banned from it."""
    if call.route.path.startswith(ALL_FIRST):
        _needed(call, "api")
        _needed(call, "player")
    played = game(call)
    secret = _needed(call, "player")
    found = call.core.see(player_keyed, secret=secret)
    if found is None:
        raise _bad(call, "player")
    if found.game != played.tag:
        raise _bad(call, "foreign")
    not_banned(call, played.tag, found.id)
    return Caller(found.id)


def private(call: Call) -> Caller:
    """The owner of the game, who knows both its tokens."""
    api, secret = _needed(call, "api"), _needed(call, "private")
    if call.core.see(game_owned, api=api, private=secret) is None:
        raise _bad(call, "private")
    return NOBODY


def not_banned(call: Call, tag: str, id: int) -> None:
    """Refuse a player who is shut out of the game now."""
    ban = call.core.see(ban_on, game=tag, player=id, now=call.now)
    if ban is not None:
        raise Refusal(Why.BANNED, ban=ban)


def _needed(call: Call, which: str) -> str:
    secret = shown(call, which)
    if not secret:
        raise Refusal(Why.NO_TOKEN, what=which)
    return secret


def _bad(call: Call, which: str) -> Refusal:
    """The refusal of a credential that is not good; too many from one address are told to wait."""
    tried = f"token {call.address}"
    call.web.failures.check(tried)
    call.web.failures.note(tried)
    return Refusal(Why.BAD_TOKEN, what=which)
