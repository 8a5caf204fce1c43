"""Queries about lobbies and requests to join them."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import cast

from coalserver.core.state import Reader, State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby


def get_lobby(reader: Reader, id: int, game: str | None = None) -> Lobby:
    """Return the lobby with this id, in any state while it is kept.

    Raises LOBBY_NOT_FOUND, also where `game` is given and the lobby belongs to another one.
    """
    lobby = reader.get(Lobby, id)
    if lobby is None or (game is not None and lobby.game != game):
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return lobby


def lobby_by_code(reader: Reader, *, game: str, code: str) -> Lobby:
    """Return a game's lobby with this code, in any state. Raises LOBBY_NOT_FOUND."""
    lobby = reader.first(Lobby, "code", code)
    if lobby is None or lobby.game != game:
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return lobby


def lobby_of_player(reader: Reader, *, player: int) -> Lobby | None:
    """Return the lobby, started or not, of a player who is bound to one game, or None."""
    return reader.first(Lobby, "member", player)


def lobbies_of_player(reader: Reader, *, player: int) -> list[Lobby]:
    """Return the open lobbies of which a player is a member."""
    return [lobby for lobby in reader.find(Lobby, "member", player) if lobby.open]


def open_lobbies(
    state: State,
    *,
    game: str,
    limit: int,
    offset: int = 0,
    search: str = "",
    private: bool | None = None,
    full: bool | None = None,
    active: bool = True,
    options: Mapping[str, str] | None = None,
) -> tuple[list[Lobby], int]:
    """Return a page of a game's lobbies, newest first, and the number of those that match.

    Open lobbies whose host is away come last.

    `active` False lists closed lobbies that are still kept. An option matches when its JSON, or the
    text itself for a string, equals the text given for its name.
    """
    if active and not search and private is None and full is None and not options:
        ids = state.ids(Lobby, "open", game)
        newest_first = reversed(cast(dict[int, None], ids))
        away = set(state.ids(Lobby, "host_away", game))
        if away:
            everything = list(newest_first)
            newest_first = iter(sorted(everything, key=away.__contains__))
        newest = islice(newest_first, offset, offset + limit)
        table = state.table(Lobby)
        return [table[id] for id in newest], len(ids)
    wanted = search.casefold()
    pool = (
        state.find(Lobby, "open", game)
        if active
        else [lobby for lobby in state.find(Lobby, "closed", "") if lobby.game == game]
    )
    found = [
        lobby
        for lobby in reversed(pool)
        if wanted in lobby.name.casefold()
        and (private is None or bool(lobby.password) is private)
        and (full is None or lobby.roster.full is full)
        and (not options or _has_options(lobby, options))
    ]
    if active:
        found.sort(key=lambda lobby: lobby.roster.host_away)
    return found[offset : offset + limit], len(found)


def join_request_by_code(reader: Reader, *, code: str) -> JoinRequest:
    """Return the join request with this code, answered or not. Raises JOIN_REQUEST_NOT_FOUND."""
    request = reader.first(JoinRequest, "code", code)
    if request is None:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    return request


def join_requests_to_lobby(reader: Reader, *, lobby: int) -> list[JoinRequest]:
    """Return the pending requests to join a lobby, newest first."""
    found = reversed(reader.find(JoinRequest, "lobby", lobby))
    return [request for request in found if request.pending]


def join_requests_of_player(reader: Reader, *, player: int) -> list[JoinRequest]:
    """Return a player's pending join requests, newest first."""
    return reader.find(JoinRequest, "player", player)[::-1]


def _has_options(lobby: Lobby, wanted: Mapping[str, str]) -> bool:
    options = json.loads(lobby.options)
    if not isinstance(options, dict):
        return False
    return all(
        name in options and _option_equals(options[name], text) for name, text in wanted.items()
    )


def _option_equals(value: object, text: str) -> bool:
    if isinstance(value, str):
        return value == text
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) == text
