"""State: its indexes, and what an entity costs in memory."""

import dataclasses
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coalserver.core.listings import _room_row
from coalserver.core.state import INDEXES, ROOM_PARTS, State
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.player import Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from tests.domain.builders import make_room

ids = some.integers(1, 6)
games = some.sampled_from(("", "noughts", "chess"))
changes = some.lists(
    some.tuples(
        ids,
        some.one_of(
            some.none(), some.tuples(games, some.sampled_from(("", "a", "b")), some.booleans())
        ),
    ),
    max_size=30,
)


def player(id, game="", digest="", guest=False):
    return Player(id, f"Player {id}", 1.5, 1.5, game=game, secret_digest=digest, guest=guest)


def plain_index(players, name):
    """Return what an index holds, from all players in the order in which they got a key."""
    position = INDEXES[Player].names.index(name)
    found = {}
    for one in players.values():
        for key in INDEXES[Player].keys_of(one)[position]:
            found.setdefault(key, set()).add(one.id)
    return found


@given(changes)
def test_indexes_hold_what_a_scan_finds(steps):
    state, players = State(), {}
    for id, values in steps:
        value = None if values is None else player(id, *values)
        state.set(Player, id, value)
        players.pop(id, None)
        if value is not None:
            players[id] = value
        for name in INDEXES[Player].names:
            expected = plain_index(players, name)
            assert set(state._indexes[Player][name]) == set(expected)
            for key, those in expected.items():
                assert set(state.ids(Player, name, key)) == those
                assert {one.id for one in state.find(Player, name, key)} == those
                assert state.first(Player, name, key) in state.find(Player, name, key)


@given(changes)
def test_state_made_at_once_equals_state_made_step_by_step(steps):
    last = {id: player(id, *values) for id, values in steps if values is not None}
    at_once, stepwise = State(last.values()), State()
    for id, value in last.items():
        stepwise.set(Player, id, value)
    assert at_once.entities == stepwise.entities
    for name in INDEXES[Player].names:
        for key in (*stepwise._indexes[Player][name], "nothing"):
            assert list(at_once.ids(Player, name, key)) == list(stepwise.ids(Player, name, key))
            assert at_once.first(Player, name, key) == stepwise.first(Player, name, key)


def test_ids_of_a_key_stay_in_the_order_in_which_they_were_added():
    state = State(player(id, "noughts") for id in (1, 2, 3))
    state.set(Player, 2, player(2, "chess"))
    state.set(Player, 2, player(2, "noughts"))
    assert list(state.ids(Player, "game", "noughts")) == [1, 3, 2]
    assert state.ids(Player, "game", "chess") == {}


def containers():
    gc.collect()
    return len(gc.get_objects())


def test_entity_with_keys_of_its_own_needs_no_container_for_them():
    some_players = [player(id, "noughts", f"{id:064x}") for id in range(1, 1001)]
    some_tokens = [Token(id, f"{id:064x}", id, 1.5, 60) for id in range(1, 1001)]
    state = State()
    before = containers()
    for value in (*some_players, *some_tokens):
        state.set(type(value), value.id, value)
    assert containers() - before < 50
    assert state.first(Player, "key", f"{7:064x}") is some_players[6]
    assert state.find(Token, "player", 7) == [some_tokens[6]]


@given(
    some.lists(some.tuples(some.integers(1, 3), some.frozensets(some.integers(1, 14))), max_size=20)
)
def test_index_of_members_holds_all_of_them_however_many(steps):
    state, rosters = State(), {}
    for id, members in steps:
        seats = tuple(Seat(player, number, 1.5) for number, player in enumerate(sorted(members)))
        lobby = Lobby(id, f"code {id}", "noughts", "A lobby", Roster(20, 1, seats), 1.5)
        state.set(Lobby, id, lobby)
        rosters[id] = members
        for player in range(1, 15):
            found = {lobby for lobby, members in rosters.items() if player in members}
            assert set(state.ids(Lobby, "member", player)) == found
            assert state.count_under(Lobby, "member", player) == len(found)
    for id in rosters:
        state.set(Lobby, id, None)
    assert not any(state.count_under(Lobby, "member", player) for player in range(1, 15))


@pytest.mark.parametrize("field", dataclasses.fields(Room), ids=lambda field: field.name)
def test_field_that_may_change_without_an_update_is_in_no_key_and_no_listing(field):
    others = {"current": (1,), "outcome": b"1", "turns": 5, "realtime": True, "lobby": 3}
    others |= {"opened": 7.5, "touched": 7.5, "authority": "secret", "closed": 7.5}
    room, index = make_room(1, 2), INDEXES[Room]
    if field.name in ROOM_PARTS:
        assert field.name not in others
        return
    changed = dataclasses.replace(room, **{field.name: others[field.name]})
    assert index.keys_of(changed) == index.keys_of(room)
    assert _room_row(changed) == _room_row(room)


def test_turn_updates_neither_keys_nor_listings(monkeypatch):
    state, room = State(), make_room(1, 2)
    state.set(Room, room.id, room)
    updated = []
    monkeypatch.setitem(state._watchers, Room, lambda *change: updated.append(change))
    played = room.play(1, {}, None, 5.0)
    state.set(Room, room.id, played)
    assert not updated and state.get(Room, room.id) is played
    closed = played.close(CloseReason.CLOSED, 6.0)
    state.set(Room, room.id, closed)
    assert updated == [(played, closed)]
