"""Authentication with the tokens of a game and the private key of a player.

Credentials come in headers or in the query. A header takes precedence.
"""

from typing import NoReturn

from coalserver.core.caller import Caller
from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.games import game_by_token, game_by_tokens
from coalserver.core.queries.players import player_by_key
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from coalserver.web.context import RequestContext

#: Credential -> its name in the query, and its headers.
CREDENTIAL_SOURCES = {
    "api": ("api_token", ("X-Api-Token",)),
    "player": ("player_token", ("X-Game-Player-Token", "X-Player-Token")),
    "private": ("private_token", ("X-Api-Private-Token",)),
}
#: Below these paths every required credential must be present before the first is checked.
REQUIRE_ALL_FIRST = ("/api/game_players.php", "/api/game_data.php")


def find_credential(ctx: RequestContext, kind: str) -> str:
    """Return a credential from the request, or an empty string."""
    name, headers = CREDENTIAL_SOURCES[kind]
    for header in headers:
        if ctx.headers.get(header):
            return ctx.headers[header].strip()
    return ctx.query.get(name, "").strip()


def _get_game(ctx: RequestContext) -> Game:
    """Return the game with the API token of the request. Raises TOKEN_REQUIRED or INVALID_TOKEN."""
    secret = _get_credential(ctx, "api")
    found = ctx.core.query(game_by_token, secret=secret)
    if found is None:
        _raise_limited(ctx, "api")
    return found


def game_only(ctx: RequestContext) -> Caller:
    """Authenticate a game by its API token."""
    return Caller(game=_get_game(ctx))


def game_or_player(ctx: RequestContext) -> Caller:
    """Authenticate a game and, if the request has a valid private key, a player of it.

    Raises BANNED for a banned player. An invalid private key is ignored.
    """
    current_game = _get_game(ctx)
    secret = find_credential(ctx, "player")
    found = ctx.core.query(player_by_key, secret=secret) if secret else None
    if found is None or found.game != current_game.tag:
        return Caller(game=current_game)
    check_not_banned(ctx, current_game.tag, found.id)
    return Caller(player_id=found.id, game=current_game)


def player(ctx: RequestContext) -> Caller:
    """Authenticate a game and a player of it. Raises BANNED for a banned player."""
    if ctx.route.path.startswith(REQUIRE_ALL_FIRST):
        _get_credential(ctx, "api")
        _get_credential(ctx, "player")
    current_game = _get_game(ctx)
    secret = _get_credential(ctx, "player")
    found = ctx.core.query(player_by_key, secret=secret)
    if found is None:
        _raise_limited(ctx, "player")
    if found.game != current_game.tag:
        _raise_limited(ctx, "foreign")
    check_not_banned(ctx, current_game.tag, found.id)
    return Caller(player_id=found.id, game=current_game)


def game_owner(ctx: RequestContext) -> Caller:
    """Authenticate the owner of a game by its API token and its private token."""
    api, secret = _get_credential(ctx, "api"), _get_credential(ctx, "private")
    found = ctx.core.query(game_by_tokens, api=api, private=secret)
    if found is None:
        _raise_limited(ctx, "private")
    return Caller(game=found)


def check_not_banned(ctx: RequestContext, tag: str, player_id: int) -> None:
    """Raise BANNED if a ban of the player from the game is active."""
    now = ctx.core.context.clock()
    ban = ctx.core.query(find_active_ban, game=tag, player=player_id, now=now)
    if ban is not None:
        raise DomainError(ErrorCode.BANNED, ban=ban)


def _get_credential(ctx: RequestContext, kind: str) -> str:
    secret = find_credential(ctx, kind)
    if not secret:
        raise DomainError(ErrorCode.TOKEN_REQUIRED, subject=kind)
    return secret


def _raise_limited(ctx: RequestContext, kind: str) -> NoReturn:
    """Count an invalid credential and raise INVALID_TOKEN, or RATE_LIMITED after too many."""
    ctx.refuse_credentials(
        f"token {ctx.network}", DomainError(ErrorCode.INVALID_TOKEN, subject=kind)
    )
