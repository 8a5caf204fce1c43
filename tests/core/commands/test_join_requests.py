"""Asking the host to be let in, and his answer."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.bans import ban
from coalserver.core.commands.join_requests import answer_join, ask_to_join
from coalserver.core.commands.lobbies import close_lobby, join_lobby, leave_lobby
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.requests import request_coded, requests_by, requests_to
from coalserver.domain.errors import Why
from coalserver.domain.play.actions import JoinRequest
from coalserver.domain.play.lobby_events import JoinAnswered, JoinAsked, MemberJoined
from tests.domain.builders import refused


@pytest.fixture
def host(table):
    return table.a_guest("Host")


@pytest.fixture
def lobby(table, host):
    return table.a_lobby(host, by_request=True, capacity=2)


def asked(table, lobby, player, **parts):
    return table.do(ask_to_join, lobby_id=lobby.id, player=player, **parts)


def test_who_asks_waits_for_an_answer_and_the_lobby_hears_of_it(table, lobby):
    pat = table.a_player(name="Pat")
    request = asked(table, lobby, pat)
    assert (request.pending, request.player, request.asked) == (True, pat, table.now)
    expected = [JoinAsked("free", lobby.id, pat, "Pat", request.code)]
    assert table.said(JoinAsked, topics.lobby(lobby.id)) == expected


def test_who_asked_is_not_seated_yet(table, lobby):
    pat = table.a_player()
    asked(table, lobby, pat)
    assert pat not in table.lobby(lobby.id).roster


def test_one_may_ask_where_nobody_need_ask(table, host):
    asked(table, table.a_lobby(host), table.a_player())


def test_asking_twice_is_refused(table, lobby):
    pat = table.a_player()
    asked(table, lobby, pat)
    with refused(Why.REQUEST_PENDING):
        asked(table, lobby, pat)


def test_asking_twice_is_refused_also_when_the_lobby_has_filled(table, host):
    lobby = table.a_lobby(host, capacity=2)
    pat = table.a_player()
    asked(table, lobby, pat)
    table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())
    with refused(Why.REQUEST_PENDING):
        asked(table, lobby, pat)


def test_who_was_rejected_may_ask_again(table, host, lobby):
    pat = table.a_player()
    table.do(answer_join, code=asked(table, lobby, pat).code, by=host, approve=False)
    assert asked(table, lobby, pat).pending


def test_one_may_ask_at_several_lobbies(table, lobby):
    pat = table.a_player()
    asked(table, lobby, pat)
    asked(table, table.a_lobby(table.a_guest()), pat)


def test_nobody_asks_where_there_is_no_lobby(table):
    with refused(Why.LOBBY_NOT_FOUND):
        table.do(ask_to_join, lobby_id=99, player=table.a_player())


def test_nobody_asks_at_a_lobby_that_is_gone(table, host, lobby):
    table.do(close_lobby, lobby_id=lobby.id, by=host)
    with refused(Why.LOBBY_GONE):
        asked(table, lobby, table.a_player())


def test_nobody_asks_at_a_lobby_that_has_started(table, host, lobby):
    table.do(start_lobby, lobby_id=lobby.id, by=host)
    with refused(Why.LOBBY_STARTED):
        asked(table, lobby, table.a_player())


def test_nobody_asks_at_a_full_lobby(table, host):
    with refused(Why.LOBBY_FULL):
        asked(table, table.a_lobby(host, capacity=1), table.a_player())


def test_who_is_in_need_not_ask(table, host, lobby):
    with refused(Why.ALREADY_HERE):
        asked(table, lobby, host)


def test_a_player_of_one_game_who_is_in_a_lobby_may_not_ask(table, lobby):
    pat = table.a_player()
    table.a_lobby(pat)
    with refused(Why.IN_A_LOBBY):
        asked(table, lobby, pat)


def test_who_is_banned_may_not_ask(table, lobby):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="hour")
    with refused(Why.BANNED):
        asked(table, lobby, pat)


def test_where_there_is_a_password_one_asks_with_it(table, host):
    lobby = table.a_lobby(host, by_request=True, password="hunter2")
    with refused(Why.WRONG_PASSWORD):
        asked(table, lobby, table.a_player(), password="hunter3")
    assert asked(table, lobby, table.a_player(), password="hunter2").pending


def test_who_is_approved_has_a_seat_and_what_he_brought(table, host, lobby):
    pat = table.a_player()
    request = asked(table, lobby, pat, data=b'{"level":3}')
    table.do(answer_join, code=request.code, by=host, approve=True)
    assert table.lobby(lobby.id).roster.of(pat).data == b'{"level":3}'
    assert [event.player for event in table.said(MemberJoined)] == [pat]


@pytest.mark.parametrize("approve", [True, False])
def test_the_answer_is_heard_by_who_asked_and_by_the_lobby(table, host, lobby, approve):
    pat = table.a_player()
    request = asked(table, lobby, pat)
    table.now += 5
    answered = table.do(answer_join, code=request.code, by=host, approve=approve)
    assert (answered.approved, answered.answered_by) == (approve, host)
    assert answered.answered == table.now
    expected = [JoinAnswered("free", lobby.id, pat, request.code, approve)]
    assert table.said(JoinAnswered, topics.player(pat)) == expected
    assert table.said(JoinAnswered, topics.lobby(lobby.id)) == expected


def test_who_is_rejected_has_no_seat(table, host, lobby):
    pat = table.a_player()
    table.do(answer_join, code=asked(table, lobby, pat).code, by=host, approve=False)
    assert pat not in table.lobby(lobby.id).roster


def test_a_request_nobody_made_is_not_found(table, host):
    with refused(Why.REQUEST_NOT_FOUND):
        table.do(answer_join, code="f" * 32, by=host, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_answered_once(table, host, lobby, approve):
    request = asked(table, lobby, table.a_player())
    table.do(answer_join, code=request.code, by=host, approve=False)
    with refused(Why.REQUEST_ANSWERED):
        table.do(answer_join, code=request.code, by=host, approve=approve)


def test_only_the_host_answers(table, host):
    bob = table.a_guest()
    lobby = table.a_lobby(host, bob)
    request = asked(table, lobby, table.a_player())
    with refused(Why.NOT_HOST):
        table.do(answer_join, code=request.code, by=bob, approve=True)
    with refused(Why.NOT_HERE):
        table.do(answer_join, code=request.code, by=request.player, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_when_play_has_begun_nobody_is_answered(table, host, lobby, approve):
    request = asked(table, lobby, table.a_player())
    table.do(start_lobby, lobby_id=lobby.id, by=host)
    with refused(Why.LOBBY_STARTED):
        table.do(answer_join, code=request.code, by=host, approve=approve)


def test_when_the_lobby_is_gone_nobody_is_answered(table, host, lobby):
    request = asked(table, lobby, table.a_player())
    table.do(leave_lobby, lobby_id=lobby.id, player=host)
    with refused(Why.LOBBY_GONE):
        table.do(answer_join, code=request.code, by=host, approve=True)


def test_an_approval_that_finds_no_place_leaves_the_request_pending(table, host, lobby):
    first, second = table.a_player(), table.a_player()
    late = asked(table, lobby, second)
    table.do(answer_join, code=asked(table, lobby, first).code, by=host, approve=True)
    with refused(Why.LOBBY_FULL):
        table.do(answer_join, code=late.code, by=host, approve=True)
    assert table.see(request_coded, code=late.code).pending


def test_who_has_gone_elsewhere_meanwhile_is_named_in_the_refusal(table, host, lobby):
    pat = table.a_player()
    request = asked(table, lobby, pat)
    table.a_lobby(pat)
    with refused(Why.IN_A_LOBBY, player=pat):
        table.do(answer_join, code=request.code, by=host, approve=True)
    assert table.see(request_coded, code=request.code).pending


def test_a_ban_rejects_what_was_asked_in_that_game(table, host, lobby):
    pat = table.a_player()
    request = asked(table, lobby, pat)
    table.do(ban, game="free", player=pat, duration="hour")
    assert table.state.get(JoinRequest, request.id).approved is False
    expected = [JoinAnswered("free", lobby.id, pat, request.code, False)]
    assert table.said(JoinAnswered, topics.player(pat)) == expected


def test_a_ban_leaves_what_was_asked_elsewhere(table):
    ann = table.a_guest()
    table.a_room(ann)
    elsewhere = asked(table, table.a_lobby(table.a_guest(), game="noughts"), ann)
    table.do(ban, game="free", player=ann, duration="hour")
    assert table.see(requests_by, player=ann) == [elsewhere]


def test_the_host_sees_who_waits_newest_first(table, host):
    lobby = table.a_lobby(host)
    first = asked(table, lobby, table.a_player())
    table.now += 1
    second = asked(table, lobby, table.a_player())
    table.do(answer_join, code=asked(table, lobby, table.a_player()).code, by=host, approve=False)
    assert table.see(requests_to, lobby=lobby.id) == [second, first]


def test_a_request_is_found_by_its_code(table, lobby):
    request = asked(table, lobby, table.a_player())
    assert table.see(request_coded, code=request.code) == request
    with refused(Why.REQUEST_NOT_FOUND):
        table.see(request_coded, code="f" * 32)
