"""Lists, searches and quick-join return what a scan of all lobbies and rooms returns, in the same order."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from coalserver.core import listings
from coalserver.core.commands.lobbies import join_lobby, quick_join
from coalserver.core.queries.admin import all_open_lobbies, all_running_rooms
from coalserver.core.queries.lobbies import count_joinable_lobbies, open_lobbies
from coalserver.core.queries.rooms import joinable_rooms, open_rooms, past_and_present_rooms
from coalserver.core.state import State
from coalserver.core.steps import complete
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from tests.core.table import Table

GAMES = ("free", "noughts")
NAMES = ("Blitz", "blitz 2", "Übung", "STRASSE", "straße", "a\nb", "\n", "", "Room")
SEARCHES = ("", "BLITZ", "b", "übung", "strasse", "ss", "\n", "a\nb", "zzz", "m")
OPTIONS: tuple[Any, ...] = (
    *({}, {"level": 3}, {"level": "3", "map": "sea"}, {"level": 3.0, "on": True}, {"on": None}),
    *({"a": [1, {"level": 3}]}, {"level": 3, "long": "x" * 2000}, [], 7),
    *({"level": "3\x1emap\x1fsea"}, {"": 1}, {"level\x1f3": 1}, {"é": "ü"}, {"long": "x" * 2000}),
)
OPTION_FILTERS: tuple[dict[str, str], ...] = (
    *({"level": "3"}, {"level": "3.0"}, {"map": "sea"}, {"level": "3", "map": "sea"}),
    *({"on": "true"}, {"on": "null"}, {"a": '[1,{"level":3}]'}, {"": "1"}, {"é": "ü"}),
    *({"level": "3\x1emap\x1fsea"}, {"level\x1f3": "1"}, {"none": "1"}, {"level": "3", "é": "ü"}),
)
PAGES = ((20, 0), (3, 0), (3, 2), (5, 30), (1, 10**15))
FLAGS = (None, True, False)


class RandomGroups:
    """Lobbies and rooms that are opened, changed, closed and deleted at random, as commands would."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.table = Table()
        self.ids = {Lobby: 0, Room: 0}
        #: The ids of closed lobbies, in the order in which they closed.
        self.closed: list[int] = []

    @property
    def state(self) -> State:
        return self.table.state

    def roster(self) -> Roster:
        rng = self.rng
        players = rng.sample(range(1000, 1030), rng.randint(0, 4))
        seats = tuple(
            Seat(player, number, 1.0, away=rng.random() < 0.3)
            for number, player in enumerate(players)
        )
        host = players[0] if players and rng.random() < 0.9 else 0
        return Roster(rng.randint(max(1, len(players)), 6), host, seats)

    def open(self, kind: type[Lobby] | type[Room]) -> None:
        rng = self.rng
        self.ids[kind] += rng.randint(1, 3)
        id, game = self.ids[kind], rng.choice(GAMES)
        shared: dict[str, Any] = {
            "password": rng.choice(("", "", "secret")),
            "options": json.dumps(
                rng.choice(OPTIONS), separators=(",", ":"), ensure_ascii=False
            ).encode(),
        }
        name = rng.choice(NAMES)
        if kind is Lobby:
            shared["requires_approval"] = rng.random() < 0.2
            self.state.set(
                Lobby, id, Lobby(id, f"{id:x}", game, name, self.roster(), 1.0, **shared)
            )
        else:
            shared["state"] = rng.choice((None, None, b"1"))
            room = Room(id, f"{id:x}", game, name, self.roster(), 1.0, 1.0, **shared)
            self.state.set(Room, id, room)

    def change(self, kind: type[Lobby] | type[Room]) -> None:
        """Change or close an open group, or delete a closed one."""
        rng = self.rng
        groups: list[Any] = list(self.state.all(kind))
        if not groups:
            return
        group = rng.choice(groups)
        if not group.open:
            if rng.random() < 0.3:
                self.state.set(kind, group.id, None)
                self.closed = [id for id in self.closed if kind is Room or id != group.id]
            return
        changes: tuple[Callable[[], Any], ...] = (
            lambda: replace(group, roster=self.roster()),
            lambda: replace(group, roster=self.roster()),
            lambda: replace(group, password=rng.choice(("", "secret"))),
            lambda: replace(group, options=json.dumps(rng.choice(OPTIONS)).encode()),
            lambda: replace(group, name=rng.choice(NAMES)),
            lambda: group.close(CloseReason.CLOSED, 2.0),
            lambda: group.start(1, 2.0) if kind is Lobby else group.close(CloseReason.EMPTY, 2.0),
        )
        changed = rng.choice(changes)()
        self.state.set(kind, group.id, changed)
        if kind is Lobby and not changed.open:
            self.closed.append(group.id)

    def list_or_hide_a_game(self) -> None:
        game = self.rng.choice(list(self.state.all(Game)))
        self.state.set(Game, game.id, replace(game, listed=self.rng.random() < 0.5))

    def run(self, changes: int) -> None:
        for _ in range(changes):
            if self.rng.random() < 0.05:
                self.list_or_hide_a_game()
            kind = self.rng.choice((Lobby, Room))
            if self.rng.random() < 0.45:
                self.open(kind)
            else:
                self.change(kind)

    def restart(self) -> None:
        """Load everything again, as it is stored: by id."""
        values: list[Any] = []
        # Games may be read after their lobbies.
        kinds = list(self.state.entities.values())
        self.rng.shuffle(kinds)
        for entities in kinds:
            values += [entities[id] for id in sorted(entities)]
        self.table.state = State(values, self.state.counters)
        self.closed.sort()


def scan_lobbies(
    groups: RandomGroups,
    game: str,
    limit: int,
    offset: int,
    search: str,
    private: bool | None,
    full: bool | None,
    active: bool,
    options: dict[str, str] | None,
) -> tuple[list[Lobby], int]:
    state = groups.state
    ids = [id for id, lobby in sorted(state.table(Lobby).items()) if lobby.open]
    pool = [state.table(Lobby)[id] for id in (ids if active else groups.closed)]
    found = [
        lobby
        for lobby in reversed(pool)
        if lobby.game == game
        and search.casefold() in lobby.name.casefold()
        and (private is None or bool(lobby.password) is private)
        and (full is None or lobby.roster.full is full)
        and (not options or has_options(lobby, options))
    ]
    if active:
        found.sort(key=lambda lobby: lobby.roster.host_away)
    return found[offset : offset + limit], len(found)


def has_options(lobby: Lobby, wanted: dict[str, str]) -> bool:
    parsed = json.loads(lobby.options)
    if not isinstance(parsed, dict):
        return False
    return all(name in parsed and option_text(parsed[name]) == wanted[name] for name in wanted)


def option_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def running_rooms(groups: RandomGroups, game: str) -> list[Room]:
    """Return the rooms with a free seat, newest first."""
    rooms = sorted(groups.state.all(Room), key=lambda room: -room.id)
    return [room for room in rooms if room.game == game and not room.ended and not room.full]


def scan_joinable(groups: RandomGroups, game: str, limit: int, search: str) -> list[Room]:
    found = [
        room for room in running_rooms(groups, game) if search.casefold() in room.name.casefold()
    ]
    found.sort(key=lambda room: (room.roster.host_away, -len(room.roster), room.name, room.id))
    return found[:limit]


def scan_for_quick_join(groups: RandomGroups, game: str, player: int) -> int | None:
    best = None
    for _, lobby in sorted(groups.state.table(Lobby).items()):
        if lobby.game != game or not lobby.open:
            continue
        if player in lobby.roster:
            return lobby.id
        if lobby.roster.full or lobby.password or lobby.requires_approval or lobby.roster.host_away:
            continue
        if best is None or len(lobby.roster) > len(best.roster):
            best = lobby
    return None if best is None else best.id


def filters() -> Iterator[dict[str, Any]]:
    """Yield combinations of filters: all of the flags, and each search and option with some of them."""
    for private in FLAGS:
        for full in FLAGS:
            yield {"private": private, "full": full}
    for number, search in enumerate(SEARCHES):
        yield {"search": search}
        yield {"search": search, "full": FLAGS[number % 3], "private": FLAGS[number // 3 % 3]}
    for number, options in enumerate(OPTION_FILTERS):
        yield {"options": options, "full": FLAGS[number % 3]}
        yield {"options": options, "search": SEARCHES[number % len(SEARCHES)]}


def check_lists(groups: RandomGroups) -> None:
    nothing = {"search": "", "private": None, "full": None, "options": None}
    for game in (*GAMES, "unknown"):
        for limit, offset in PAGES:
            page = {"game": game, "limit": limit, "offset": offset}
            for active in (True, False):
                for some in filters():
                    wanted = {**page, **nothing, **some, "active": active}
                    assert groups.table.query(open_lobbies, **wanted) == scan_lobbies(
                        groups, **wanted
                    ), wanted
            rooms = running_rooms(groups, game)
            rooms.sort(key=lambda room: room.roster.host_away)
            assert groups.table.query(open_rooms, **page) == (
                rooms[offset : offset + limit],
                len(rooms),
            )
        for limit in (1, 50):
            for search in SEARCHES:
                found = groups.table.query(joinable_rooms, game=game, limit=limit, search=search)
                assert found == scan_joinable(groups, game, limit, search), search


def check_other_queries(groups: RandomGroups) -> None:
    state = groups.state
    lobbies = sorted((each for each in state.all(Lobby) if each.open), key=lambda each: -each.id)
    rooms = sorted((each for each in state.all(Room) if each.open), key=lambda each: -each.id)
    for limit in (0, 3, 100):
        assert all_open_lobbies(state, limit=limit) == (lobbies[:limit], len(lobbies))
        assert all_running_rooms(state, limit=limit) == (rooms[:limit], len(rooms))
    assert all_open_lobbies(state, limit=3, offset=2) == (lobbies[2:5], len(lobbies))
    assert all_running_rooms(state, limit=3, offset=2) == (rooms[2:5], len(rooms))
    for player in range(1000, 1030):
        for active in FLAGS:
            mine = [
                room
                for room in sorted(state.all(Room), key=lambda each: -each.id)
                if player in room.roster and room.game == "free" and active in (None, room.open)
            ]
            page: dict[str, Any] = {"game": "free", "active": active, "limit": 3, "offset": 1}
            found = past_and_present_rooms(state, player=player, **page)
            assert found == (mine[1:4], len(mine))


def check_counts(groups: RandomGroups) -> None:
    state = groups.state
    joinable = [each for each in state.all(Lobby) if each.open and not each.roster.full]
    listed = {game.tag for game in state.all(Game) if game.listed}
    for game in GAMES:
        count = sum(each.game == game for each in joinable)
        assert count_joinable_lobbies(state, game=game) == count
    assert count_joinable_lobbies(state) == sum(each.game in listed for each in joinable)


def check_quick_join(groups: RandomGroups, player: int) -> None:
    uow = UnitOfWork(groups.state, groups.table.context, 5.0)
    joined, created = quick_join(uow, game="free", player_id=player, name="Q")
    expected = scan_for_quick_join(groups, "free", player)
    assert (None if created else joined.id) == expected


@pytest.fixture(params=[3, listings.CHUNK_SIZE])
def chunk_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, which are split and merged all the time, and usual ones."""
    monkeypatch.setattr(listings, "CHUNK_SIZE", request.param)
    monkeypatch.setattr(listings, "SMALL_CHUNK_SIZE", max(1, request.param // 4))


@pytest.mark.usefixtures("chunk_size")
@pytest.mark.parametrize("seed", range(6))
def test_lists_are_those_of_a_scan(seed):
    groups = RandomGroups(seed)
    guest = groups.table.make_guest()
    for _ in range(4):
        groups.run(60)
        if seed % 2:
            state = groups.state
            complete(state.open_lobbies.prepare(state.table(Lobby)))
            complete(state.running_rooms.prepare(state.table(Room)))
        check_lists(groups)
        check_other_queries(groups)
        check_counts(groups)
        check_quick_join(groups, guest)
        groups.restart()
        check_counts(groups)
        check_lists(groups)
        check_quick_join(groups, guest)


def test_quick_join_stays_in_the_oldest_open_lobby_of_the_game(table):
    ann = table.make_guest()
    other_game = table.make_lobby(ann, game="noughts")
    first = table.make_lobby(table.make_guest())
    second = table.make_lobby(ann)
    table.execute(join_lobby, lobby_id=first.id, player_id=ann)
    lobby, created = table.execute(quick_join, game="free", player_id=ann, name="Q")
    assert (lobby.id, created) == (first.id, False)
    assert second.id > first.id > other_game.id


def test_search_of_many_rooms_keeps_their_order(table, monkeypatch):
    monkeypatch.setattr("coalserver.core.queries.rooms.MAX_SORTED", 2)
    for name in ("Game c", "other", "game a", "GAME b", "game d"):
        room = table.make_room(table.make_guest())
        table.state.set(Room, room.id, replace(room, name=name))
    found = table.query(joinable_rooms, game="free", limit=3, search="game")
    assert [room.name for room in found] == ["GAME b", "Game c", "game a"]
