"""Queries about lobbies and requests to join them."""

from collections.abc import Mapping
from itertools import islice
from typing import cast

from coalserver.core.listings import BYTES_PER_WORK, OptionFilter, select_flags
from coalserver.core.state import Reader, State
from coalserver.core.steps import Steps
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
) -> Steps[tuple[list[Lobby], int]]:
    """Return a page of a game's lobbies, newest first, and the number of those that match.

    Open lobbies whose host is away come last. A list without a search for names or options takes no step.

    `active` False lists closed lobbies that are still kept. An option matches when its JSON, or the
    text itself for a string, equals the text given for its name. A lobby that closes meanwhile is left out of the
    page, one that opens is not found.
    """
    table, wanted = state.table(Lobby), search.casefold()
    option_filter = OptionFilter(options) if options else None
    if not active:
        return (
            yield from _closed_lobbies(
                state, game, limit, offset, wanted, private, full, option_filter
            )
        )
    listing, flags = state.open_lobbies.of(game), select_flags(full=full, private=private)
    if not wanted and option_filter is None:
        page = listing.present_first(limit, offset, flags)
        return [table[id] for id in page], listing.count(flags)
    found = yield from listing.search(table, flags, wanted, option_filter, keep=offset + limit)
    page = found.ids[offset : offset + limit]
    return [lobby for id in page if (lobby := table.get(id)) and lobby.open], found.count


def count_joinable_lobbies(state: State, *, game: str | None = None) -> int:
    """Return the number of open lobbies with a free seat, of a game or of all games that lists show."""
    flags = select_flags(full=False)
    if game is not None:
        return state.open_lobbies.of(game).count(flags)
    return state.open_lobbies.count_listed(flags)


def _closed_lobbies(
    state: State,
    game: str,
    limit: int,
    offset: int,
    wanted: str,
    private: bool | None,
    full: bool | None,
    options: OptionFilter | None,
) -> Steps[tuple[list[Lobby], int]]:
    """Return a page of a game's closed lobbies, those that closed last first, and their number."""
    table, ids = state.table(Lobby), state.ids(Lobby, "closed_in_game", game)
    newest_first = reversed(cast(dict[int, None], ids))
    if not wanted and private is None and full is None and options is None:
        return [table[id] for id in islice(newest_first, offset, offset + limit)], len(ids)
    candidates = list(newest_first)
    found: list[Lobby] = []
    for id in candidates:
        lobby = table.get(id)
        # Of a lobby that is deleted meanwhile nothing is left to show.
        if lobby is None:
            continue
        yield 1
        if (
            wanted in lobby.name.casefold()
            and (private is None or bool(lobby.password) is private)
            and (full is None or lobby.roster.full is full)
        ):
            if options is not None:
                yield len(lobby.options) // BYTES_PER_WORK
                if not options.matches(lobby.options):
                    continue
            found.append(lobby)
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
