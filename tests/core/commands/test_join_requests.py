"""Join requests to lobbies, and the answers of hosts."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.cleanup import delete_expired_join_requests
from coalserver.core.commands.join_requests import (
    answer_join_request,
    expire_join_requests,
    request_to_join,
)
from coalserver.core.commands.lobbies import join_lobby
from coalserver.core.commands.moderation import admin_close, ban
from coalserver.core.commands.presence import release_away_seats
from coalserver.core.commands.rooms import join_room, start_lobby
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


def send_request(table, lobby, player, **kwargs):
    return table.execute(request_to_join, lobby_id=lobby.id, player_id=player, **kwargs)


def test_join_request_is_pending_and_emitted_to_the_host(table, lobby):
    pat = table.make_player(name="Pat")
    request = send_request(table, lobby, pat)
    assert (request.pending, request.player, request.requested_at) == (True, pat, table.now)
    expected = [JoinRequested("free", lobby.id, pat, "Pat", request.code)]
    assert table.events(JoinRequested, topics.lobby_host(lobby.id)) == expected
    assert table.events(JoinRequested, topics.lobby(lobby.id)) == []


def test_requesting_player_has_no_seat_yet(table, lobby):
    pat = table.make_player()
    send_request(table, lobby, pat)
    assert pat not in table.lobby(lobby.id).roster


def test_join_request_is_allowed_without_required_approval(table, host):
    send_request(table, table.make_lobby(host), table.make_player())


def test_second_join_request_is_refused(table, lobby):
    pat = table.make_player()
    send_request(table, lobby, pat)
    with raises_code(ErrorCode.JOIN_REQUEST_PENDING):
        send_request(table, lobby, pat)


def test_second_join_request_to_a_full_lobby_is_still_pending(table, host):
    lobby = table.make_lobby(host, capacity=2)
    pat = table.make_player()
    send_request(table, lobby, pat)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())
    with raises_code(ErrorCode.JOIN_REQUEST_PENDING):
        send_request(table, lobby, pat)


def test_rejected_player_may_request_again(table, host, lobby):
    pat = table.make_player()
    table.execute(
        answer_join_request, code=send_request(table, lobby, pat).code, by=host, approve=False
    )
    assert send_request(table, lobby, pat).pending


def test_player_may_request_to_join_several_lobbies(table, lobby):
    pat = table.make_player()
    send_request(table, lobby, pat)
    send_request(table, table.make_lobby(table.make_guest()), pat)


def test_join_request_to_an_unknown_lobby_is_refused(table):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.execute(request_to_join, lobby_id=99, player_id=table.make_player())


def test_join_request_to_a_closed_lobby_is_refused(table, host, lobby):
    table.execute(members.close, kind=Lobby, id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        send_request(table, lobby, table.make_player())


def test_join_request_to_a_started_lobby_is_refused(table, host, lobby):
    table.execute(start_lobby, lobby_id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_STARTED):
        send_request(table, lobby, table.make_player())


def test_join_request_to_a_full_lobby_is_refused(table, host):
    with raises_code(ErrorCode.LOBBY_FULL):
        send_request(table, table.make_lobby(host, capacity=1), table.make_player())


def test_member_cannot_request_to_join(table, host, lobby):
    with raises_code(ErrorCode.ALREADY_MEMBER):
        send_request(table, lobby, host)


def test_bound_player_in_a_lobby_cannot_request_to_join(table, lobby):
    pat = table.make_player()
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY):
        send_request(table, lobby, pat)


def test_banned_player_cannot_request_to_join(table, lobby):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED):
        send_request(table, lobby, pat)


def test_join_request_requires_the_right_password(table, host):
    lobby = table.make_lobby(host, requires_approval=True, password="hunter2")
    with raises_code(ErrorCode.WRONG_PASSWORD):
        send_request(table, lobby, table.make_player(), password="hunter3")
    assert send_request(table, lobby, table.make_player(), password="hunter2").pending


def test_approved_player_gets_a_seat_with_their_data(table, host, lobby):
    pat = table.make_player()
    request = send_request(table, lobby, pat, data=b'{"level":3}')
    table.execute(answer_join_request, code=request.code, by=host, approve=True)
    assert table.lobby(lobby.id).roster.get_seat(pat).data == b'{"level":3}'
    assert [event.player for event in table.events(LobbyMemberJoined)] == [pat]


@pytest.mark.parametrize("approve", [True, False])
def test_answer_is_emitted_to_player_and_host(table, host, lobby, approve):
    pat = table.make_player(name="Pat")
    request = send_request(table, lobby, pat)
    table.now += 5
    answered = table.execute(answer_join_request, code=request.code, by=host, approve=approve)
    assert (answered.approved, answered.answered_by) == (approve, host)
    assert answered.answered_at == table.now
    expected = [JoinRequestAnswered("free", lobby.id, pat, request.code, approve, "Pat")]
    assert table.events(JoinRequestAnswered, topics.player(pat)) == expected
    assert table.events(JoinRequestAnswered, topics.lobby_host(lobby.id)) == expected


def test_rejected_player_has_no_seat(table, host, lobby):
    pat = table.make_player()
    table.execute(
        answer_join_request, code=send_request(table, lobby, pat).code, by=host, approve=False
    )
    assert pat not in table.lobby(lobby.id).roster


def test_unknown_join_request_is_not_found(table, host):
    with raises_code(ErrorCode.JOIN_REQUEST_NOT_FOUND):
        table.execute(answer_join_request, code="f" * 32, by=host, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_join_request_is_answered_once(table, host, lobby, approve):
    request = send_request(table, lobby, table.make_player())
    table.execute(answer_join_request, code=request.code, by=host, approve=False)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        table.execute(answer_join_request, code=request.code, by=host, approve=approve)


def test_only_the_host_answers(table, host):
    bob = table.make_guest()
    lobby = table.make_lobby(host, bob)
    request = send_request(table, lobby, table.make_player())
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(answer_join_request, code=request.code, by=bob, approve=True)
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(answer_join_request, code=request.code, by=request.player, approve=True)


@pytest.mark.parametrize("approve", [True, False])
def test_join_request_to_a_started_lobby_cannot_be_answered(table, host, lobby, approve):
    request = send_request(table, lobby, table.make_player())
    table.execute(start_lobby, lobby_id=lobby.id, by=host)
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(answer_join_request, code=request.code, by=host, approve=approve)


def test_join_request_to_a_closed_lobby_cannot_be_answered(table, host, lobby):
    request = send_request(table, lobby, table.make_player())
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=host)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)


def test_approval_in_a_full_lobby_leaves_the_request_pending(table, host, lobby):
    first, second = table.make_player(), table.make_player()
    late = send_request(table, lobby, second)
    table.execute(
        answer_join_request, code=send_request(table, lobby, first).code, by=host, approve=True
    )
    with raises_code(ErrorCode.LOBBY_FULL):
        table.execute(answer_join_request, code=late.code, by=host, approve=True)
    assert table.query(join_request_by_code, code=late.code).pending


def test_approval_of_a_player_in_another_lobby_names_the_player(table, host, lobby):
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY, player=pat):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)
    assert pat not in table.lobby(lobby.id).roster


def test_ban_rejects_join_requests_in_its_game(table, host, lobby):
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    table.execute(ban, game="free", player_id=pat, duration="hour")
    assert table.state.get(JoinRequest, request.id).approved is False
    assert end_of(table, request) == (False, "withdrawn")


def test_ban_keeps_join_requests_in_other_games(table):
    ann = table.make_guest()
    table.make_room(ann)
    other_request = send_request(table, table.make_lobby(table.make_guest(), game="noughts"), ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert table.query(join_requests_of_player, player=ann) == [other_request]


def test_pending_join_requests_are_listed_newest_first(table, host):
    lobby = table.make_lobby(host)
    first = send_request(table, lobby, table.make_player())
    table.now += 1
    second = send_request(table, lobby, table.make_player())
    table.execute(
        answer_join_request,
        code=send_request(table, lobby, table.make_player()).code,
        by=host,
        approve=False,
    )
    assert table.query(join_requests_to_lobby, lobby=lobby.id) == [second, first]


def test_join_request_is_found_by_its_code(table, lobby):
    request = send_request(table, lobby, table.make_player())
    assert table.query(join_request_by_code, code=request.code) == request
    with raises_code(ErrorCode.JOIN_REQUEST_NOT_FOUND):
        table.query(join_request_by_code, code="f" * 32)


def end_of(table, request):
    """Return how a request ended, and check that its sender and the lobby's host are told once."""
    ended = table.query(join_request_by_code, code=request.code)
    told = [
        [event for event in table.events(JoinRequestAnswered, topic) if event.request == ended.code]
        for topic in (topics.player(ended.player), topics.lobby_host(ended.lobby))
    ]
    (event,) = told[0]
    assert told[1] == [event]
    assert (event.approved, event.reason) == (ended.approved, str(ended.end_reason or ""))
    assert ended.answered_at == table.now
    return ended.approved, event.reason


TAKE_SEAT = {
    "open lobby": lambda table, player: table.make_lobby(player),
    "join lobby": lambda table, player: table.execute(
        join_lobby, lobby_id=table.make_lobby(table.make_guest()).id, player_id=player
    ),
    "open room": lambda table, player: table.make_room(player),
    "join room": lambda table, player: table.execute(
        join_room, room_id=table.make_room(table.make_guest()).id, player_id=player
    ),
}


@pytest.mark.parametrize("way", TAKE_SEAT)
def test_request_ends_when_its_sender_takes_a_seat_elsewhere(table, host, lobby, way):
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    other = send_request(table, lobby, table.make_player())
    TAKE_SEAT[way](table, pat)
    assert end_of(table, request) == (False, "seated")
    assert table.query(join_request_by_code, code=other.code).pending
    assert table.query(join_requests_to_lobby, lobby=lobby.id) == [other]
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        table.execute(answer_join_request, code=request.code, by=host, approve=False)


def test_request_whose_sender_sits_in_a_room_cannot_be_approved(table, host, lobby):
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    table.make_room(pat)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)


def test_approval_ends_the_other_requests_of_the_player(table, host, lobby):
    pat = table.make_player()
    first, second = (
        send_request(table, each, pat) for each in (lobby, table.make_lobby(table.make_guest()))
    )
    table.execute(answer_join_request, code=first.code, by=host, approve=True)
    assert end_of(table, first) == (True, "")
    assert end_of(table, second) == (False, "seated")


def test_request_of_a_player_who_joins_without_it_is_approved(table, host):
    lobby = table.make_lobby(host)
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=pat)
    assert end_of(table, request) == (True, "")


CLOSINGS = {
    "closed": lambda table, host, id: table.execute(members.close, kind=Lobby, id=id, by=host),
    "left": lambda table, host, id: table.execute(members.leave, kind=Lobby, id=id, player_id=host),
    "closed by an admin": lambda table, host, id: table.execute(admin_close, kind=Lobby, id=id),
    "started": lambda table, host, id: table.execute(start_lobby, lobby_id=id, by=host),
    "host timed out": lambda table, host, id: table.execute(
        release_away_seats, player_id=host, last_seen=table.now - 1000
    ),
}


@pytest.mark.parametrize("way", CLOSINGS)
def test_request_ends_with_its_lobby(table, host, lobby, way):
    request = send_request(table, lobby, table.make_player())
    CLOSINGS[way](table, host, lobby.id)
    assert end_of(table, request) == (False, "closed")


def test_request_expires_after_ten_minutes(table, host, lobby):
    request = send_request(table, lobby, table.make_player())
    table.now += 599
    later = send_request(table, lobby, table.make_player())
    assert table.execute(expire_join_requests) == 0
    table.now += 1
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)
    assert table.execute(expire_join_requests) == 1
    assert end_of(table, request) == (False, "expired")
    assert table.query(join_request_by_code, code=later.code).pending


def test_player_may_request_again_as_soon_as_the_request_has_expired(table, lobby):
    pat = table.make_player()
    request = send_request(table, lobby, pat)
    table.now += 600
    again = send_request(table, lobby, pat)
    assert end_of(table, request) == (False, "expired")
    assert table.query(join_requests_to_lobby, lobby=lobby.id) == [again]


def test_ended_requests_are_deleted_after_their_retention(table, host, lobby):
    request = send_request(table, lobby, table.make_player())
    pending = send_request(table, lobby, table.make_player())
    table.execute(answer_join_request, code=request.code, by=host, approve=False)
    table.now += 99
    assert table.execute(delete_expired_join_requests, retention_seconds=100) == 0
    table.now += 1
    assert table.execute(delete_expired_join_requests, retention_seconds=100) == 1
    assert table.state.get(JoinRequest, request.id) is None
    assert table.state.get(JoinRequest, pending.id) == pending


def test_request_to_another_lobby_is_not_found(table, host, lobby):
    request = send_request(table, lobby, table.make_player())
    other = table.make_lobby(host)
    with raises_code(ErrorCode.JOIN_REQUEST_NOT_FOUND):
        table.execute(
            answer_join_request, code=request.code, by=host, approve=True, lobby_id=other.id
        )


def test_answer_of_a_former_host_is_refused(table, host):
    bob = table.make_guest()
    lobby = table.make_lobby(host, bob, transfer_host=True)
    request = send_request(table, lobby, table.make_player())
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=host)
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(answer_join_request, code=request.code, by=host, approve=True)
    table.execute(answer_join_request, code=request.code, by=bob, approve=True)
    assert end_of(table, request) == (True, "")
