"""Asking the host to be let in, and his answer."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.commands.lobbies import join_lobby
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.lobbies import (
    join_request_by_code,
    join_requests_of_player,
    join_requests_to_lobby,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import JoinRequestAnswered, JoinRequested, LobbyMemberJoined
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from tests.domain.builders import raises_code


@pytest.fixture
def host(table):
    return table.make_guest("Host")


@pytest.fixture
def lobby(table, host):
    return table.make_lobby(host, requires_approval=True, capacity=2)


def asked(table, lobby, player, **parts):
    return table.execute(request_to_join, lobby_id=lobby.id, player_id=player, **parts)


def test_who_asks_waits_for_an_answer_and_the_lobby_hears_of_it(table, lobby):
    pat = table.make_player(name="Pat")
    request = asked(table, lobby, pat)
    assert (request.pending, request.player, request.requested_at) == (True, pat, table.now)
    expected = [JoinRequested("free", lobby.id, pat, "Pat", request.code)]
    assert table.events(JoinRequested, topics.lobby(lobby.id)) == expected


def test_who_asked_is_not_seated_yet(table, lobby):
    pat = table.make_player()
    asked(table, lobby, pat)
    assert pat not in table.lobby(lobby.id).roster


def test_one_may_ask_where_nobody_need_ask(table, host):
    asked(table, table.make_lobby(host), table.make_player())


def test_asking_twice_is_refused(table, lobby):
    pat = table.make_player()
    asked(table, lobby, pat)
    with raises_code(ErrorCode.JOIN_REQUEST_PENDING):
        asked(table, lobby, pat)


def test_asking_twice_is_refused_also_when_the_lobby_has_filled(table, host):
    lobby = table.make_lobby(host, capacity=2)
    pat = table.make_player()
    asked(table, lobby, pat)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())
    with raises_code(ErrorCode.JOIN_REQUEST_PENDING):
        asked(table, lobby, pat)


def test_who_was_rejected_may_ask_again(table, host, lobby):
    pat = table.make_player()
    table.execute(answer_join_request, code=asked(table, lobby, pat).code, by=host, approve=False)
    assert asked(table, lobby, pat).pending


def test_one_may_ask_at_several_lobbies(table, lobby):
    pat = table.make_player()
    asked(table, lobby, pat)
    asked(table, table.make_lobby(table.make_guest()), pat)


def test_nobody_asks_where_there_is_no_lobby(table):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.execute(request_to_join, lobby_id=99, player_id=table.make_player())


def test_nobody_asks_at_a_lobby_that_is_gone(table, host, lobby):
    table.execute(members.close, kind=Lobby, id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        asked(table, lobby, table.make_player())


def test_nobody_asks_at_a_lobby_that_has_started(table, host, lobby):
    table.execute(start_lobby, lobby_id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_STARTED):
        asked(table, lobby, table.make_player())


def test_nobody_asks_at_a_full_lobby(table, host):
    with raises_code(ErrorCode.LOBBY_FULL):
        asked(table, table.make_lobby(host, capacity=1), table.make_player())


def test_who_is_in_need_not_ask(table, host, lobby):
    with raises_code(ErrorCode.ALREADY_MEMBER):
        asked(table, lobby, host)


def test_a_player_of_one_game_who_is_in_a_lobby_may_not_ask(table, lobby):
    pat = table.make_player()
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY):
        asked(table, lobby, pat)


def test_who_is_banned_may_not_ask(table, lobby):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED):
        asked(table, lobby, pat)


def test_where_there_is_a_password_one_asks_with_it(table, host):
    lobby = table.make_lobby(host, requires_approval=True, password="hunter2")
    with raises_code(ErrorCode.WRONG_PASSWORD):
        asked(table, lobby, table.make_player(), password="hunter3")
    assert asked(table, lobby, table.make_player(), password="hunter2").pending


def test_who_is_approved_has_a_seat_and_what_he_brought(table, host, lobby):
    pat = table.make_player()
    request = asked(table, lobby, pat, data=b'{"level":3}')
    table.execute(answer_join_request, code=request.code, by=host, approve=True)
    assert table.lobby(lobby.id).roster.get_seat(pat).data == b'{"level":3}'
    assert [event.player for event in table.events(LobbyMemberJoined)] == [pat]


@pytest.mark.parametrize("approve", [True, False])
def test_the_answer_is_heard_by_who_asked_and_by_the_lobby(table, host, lobby, approve):
    pat = table.make_player()
    request = asked(table, lobby, pat)
    table.now += 5
    answered = table.execute(answer_join_request, code=request.code, by=host, approve=approve)
    assert (answered.approved, answered.answered_by) == (approve, host)
    assert answered.answered_at == table.now
    expected = [JoinRequestAnswered("free", lobby.id, pat, request.code, approve)]
    assert table.events(JoinRequestAnswered, topics.player(pat)) == expected
    assert table.events(JoinRequestAnswered, topics.lobby(lobby.id)) == expected


def test_who_is_rejected_has_no_seat(table, host, lobby):
    pat = table.make_player()
    table.execute(answer_join_request, code=asked(table, lobby, pat).code, by=host, approve=False)
    assert pat not in table.lobby(lobby.id).roster


def test_a_request_nobody_made_is_not_found(table, host):
    with raises_code(ErrorCode.JOIN_REQUEST_NOT_FOUND):
        table.execute(answer_join_request, code="f" * 32, by=host, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_answered_once(table, host, lobby, approve):
    request = asked(table, lobby, table.make_player())
    table.execute(answer_join_request, code=request.code, by=host, approve=False)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        table.execute(answer_join_request, code=request.code, by=host, approve=approve)


def test_only_the_host_answers(table, host):
    bob = table.make_guest()
    lobby = table.make_lobby(host, bob)
    request = asked(table, lobby, table.make_player())
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(answer_join_request, code=request.code, by=bob, approve=True)
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(answer_join_request, code=request.code, by=request.player, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_when_play_has_begun_nobody_is_answered(table, host, lobby, approve):
    request = asked(table, lobby, table.make_player())
    table.execute(start_lobby, lobby_id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(answer_join_request, code=request.code, by=host, approve=approve)


def test_when_the_lobby_is_gone_nobody_is_answered(table, host, lobby):
    request = asked(table, lobby, table.make_player())
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=host)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)


def test_an_approval_that_finds_no_place_leaves_the_request_pending(table, host, lobby):
    first, second = table.make_player(), table.make_player()
    late = asked(table, lobby, second)
    table.execute(answer_join_request, code=asked(table, lobby, first).code, by=host, approve=True)
    with raises_code(ErrorCode.LOBBY_FULL):
        table.execute(answer_join_request, code=late.code, by=host, approve=True)
    assert table.query(join_request_by_code, code=late.code).pending


def test_who_has_gone_elsewhere_meanwhile_is_named_in_the_refusal(table, host, lobby):
    pat = table.make_player()
    request = asked(table, lobby, pat)
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY, player=pat):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)
    assert table.query(join_request_by_code, code=request.code).pending


def test_a_ban_rejects_what_was_asked_in_that_game(table, host, lobby):
    pat = table.make_player()
    request = asked(table, lobby, pat)
    table.execute(ban, game="free", player_id=pat, duration="hour")
    assert table.state.get(JoinRequest, request.id).approved is False
    expected = [JoinRequestAnswered("free", lobby.id, pat, request.code, False)]
    assert table.events(JoinRequestAnswered, topics.player(pat)) == expected


def test_a_ban_leaves_what_was_asked_elsewhere(table):
    ann = table.make_guest()
    table.make_room(ann)
    elsewhere = asked(table, table.make_lobby(table.make_guest(), game="noughts"), ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert table.query(join_requests_of_player, player=ann) == [elsewhere]


def test_the_host_sees_who_waits_newest_first(table, host):
    lobby = table.make_lobby(host)
    first = asked(table, lobby, table.make_player())
    table.now += 1
    second = asked(table, lobby, table.make_player())
    table.execute(
        answer_join_request,
        code=asked(table, lobby, table.make_player()).code,
        by=host,
        approve=False,
    )
    assert table.query(join_requests_to_lobby, lobby=lobby.id) == [second, first]


def test_a_request_is_found_by_its_code(table, lobby):
    request = asked(table, lobby, table.make_player())
    assert table.query(join_request_by_code, code=request.code) == request
    with raises_code(ErrorCode.JOIN_REQUEST_NOT_FOUND):
        table.query(join_request_by_code, code="f" * 32)
