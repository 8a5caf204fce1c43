"""Queries of lobbies: one lobby, those of a player, and filtered lists."""

from dataclasses import replace

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.lobbies import join_lobby
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.lobbies import (
    get_lobby,
    lobbies_of_player,
    lobby_by_code,
    lobby_of_player,
    open_lobbies,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby
from tests.domain.builders import raises_code


def list_names(table, **params):
    params = {"game": "free", "limit": 20, **params}
    found, total = table.query(open_lobbies, **params)
    return [lobby.name for lobby in found], total


def make_named_lobby(table, name, **kwargs):
    lobby = table.make_lobby(table.make_guest(), **kwargs)
    table.state.set(Lobby, lobby.id, replace(lobby, name=name))


@pytest.mark.parametrize(("query", "by"), [(get_lobby, "id"), (lobby_by_code, "code")])
def test_lobby_is_found_in_its_own_game_only(table, query, by):
    lobby = table.make_lobby(table.make_guest())
    name = {by: getattr(lobby, by)}
    assert table.query(query, game="free", **name) == lobby
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.query(query, game="noughts", **name)


@pytest.mark.parametrize(
    ("query", "name"), [(get_lobby, {"id": 9}), (lobby_by_code, {"code": "f"})]
)
def test_unknown_lobby_raises_lobby_not_found(table, query, name):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.query(query, game="free", **name)


def test_closed_lobby_is_still_found(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.close, kind=Lobby, id=lobby.id, by=ann)
    assert not table.query(get_lobby, game="free", id=lobby.id).open


def test_lobbies_of_a_player_are_the_open_ones(table):
    ann = table.make_guest()
    first, second, third = (table.make_lobby(ann) for _ in range(3))
    table.execute(members.close, kind=Lobby, id=first.id, by=ann)
    table.execute(start_lobby, lobby_id=second.id, by=ann)
    assert table.query(lobbies_of_player, player=ann) == [third]


def test_lobby_of_a_bound_player_may_be_started(table):
    pat = table.make_player()
    assert table.query(lobby_of_player, player=pat) is None
    lobby = table.make_lobby(pat)
    assert table.query(lobby_of_player, player=pat) == lobby
    table.execute(start_lobby, lobby_id=lobby.id, by=pat)
    assert table.query(lobby_of_player, player=pat).id == lobby.id


def test_open_lobbies_are_listed_newest_first_in_pages(table):
    for name in "abc":
        make_named_lobby(table, name)
    assert list_names(table, limit=2) == (["c", "b"], 3)
    assert list_names(table, limit=2, offset=2) == (["a"], 3)


def test_lobbies_of_other_games_are_not_listed(table):
    table.make_lobby(table.make_guest(), game="noughts")
    assert list_names(table) == ([], 0)


def test_started_lobby_is_listed_as_inactive(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert list_names(table) == ([], 0)
    assert list_names(table, active=False) == (["Lobby"], 1)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"search": "RUSH"}, ["no rush"]),
        ({"search": "chess"}, []),
        ({"private": True}, ["locked"]),
        ({"private": False}, ["small", "no rush"]),
        ({"full": True}, ["small"]),
        ({"full": False}, ["locked", "no rush"]),
        ({"options": {"level": "3"}}, ["no rush"]),
        ({"options": {"level": "4"}}, []),
        ({"options": {"map": "sea"}}, ["no rush"]),
        ({"options": {"map": '"sea"'}}, []),
        ({"options": {"level": "3", "fast": "true"}}, ["no rush"]),
        ({"options": {"other": "null"}}, []),
    ],
)
def test_filters_narrow_the_list(table, filters, found):
    make_named_lobby(table, "no rush", options=b'{"level":3,"map":"sea","fast":true}')
    make_named_lobby(table, "small", capacity=1)
    make_named_lobby(table, "locked", password="x")
    assert list_names(table, **filters) == (found, len(found))


@pytest.mark.parametrize("options", [b"3", b'["level"]', b"null"])
def test_options_that_are_not_an_object_match_no_filter(table, options):
    table.make_lobby(table.make_guest(), options=options)
    assert list_names(table, options={"level": "3"}) == ([], 0)


def test_lobby_counts_as_full_at_its_capacity(table):
    lobby = table.make_lobby(table.make_guest(), capacity=2)
    assert list_names(table, full=True) == ([], 0)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())
    assert list_names(table, full=True) == (["Lobby"], 1)
