"""Questions about lobbies."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import cast

from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby


def lobby_by_id(state: State, *, game: str, id: int) -> Lobby:
    """A lobby of a game, also one that is gone and still remembered."""
    lobby = state.get(Lobby, id)
    if lobby is None or lobby.game != game:
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return lobby


def lobby_by_code(state: State, *, game: str, code: str) -> Lobby:
    """The same, found by its code."""
    lobby = state.first(Lobby, "code", code)
    if lobby is None or lobby.game != game:
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return lobby


def lobby_of_player(state: State, *, player: int) -> Lobby | None:
    """The lobby in which a player of one game sits, started or not."""
    return state.first(Lobby, "member", player)


def lobbies_of_player(state: State, *, player: int) -> list[Lobby]:
    """The open lobbies in which a player sits."""
    return [lobby for lobby in state.find(Lobby, "member", player) if lobby.open]


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
    """Lobbies of a game, newest first, and how many match.

    `active` false gives those that closed and are still remembered. An option matches when its
    JSON, or the text itself for a string, is as given.
    """
    if active and not search and private is None and full is None and not options:
        ids = state.ids(Lobby, "open", game)
        newest = islice(reversed(cast(dict[int, None], ids)), offset, offset + limit)
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
    return found[offset : offset + limit], len(found)


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


def join_request_by_code(state: State, *, code: str) -> JoinRequest:
    """A join request, answered or not."""
    request = state.first(JoinRequest, "code", code)
    if request is None:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    return request


def join_requests_to_lobby(state: State, *, lobby: int) -> list[JoinRequest]:
    """Who waits to be let into a lobby, newest first."""
    return [one for one in reversed(state.find(JoinRequest, "lobby", lobby)) if one.pending]


def join_requests_of_player(state: State, *, player: int) -> list[JoinRequest]:
    """Where a player waits to be let in, newest first."""
    return state.find(JoinRequest, "player", player)[::-1]
