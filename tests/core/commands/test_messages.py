"""Actions and updates between the members of a room."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.members import TOUCH_SECONDS
from coalserver.core.commands.messages import answer_action, send_action, send_update
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import join_room
from coalserver.core.queries.rooms import answered_actions, pending_actions, waiting_actions
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.events import ActionFinished, ActionRequested, RoomChat, UpdateSent
from coalserver.domain.play.room import Room
from tests.domain.builders import raises_code


class Trio:
    """A room of three; Ann is its host."""

    def __init__(self, table):
        self.table = table
        self.ann, self.bob, self.cid = (
            table.make_player(name=name) for name in ("Ann", "Bob", "Cid")
        )
        self.room = table.make_room(self.ann, self.bob, self.cid).id
        table.clear_events()

    def send_action(self, sender, target=Target.OTHERS, **kwargs):
        kwargs = {"type": "move", **kwargs}
        return self.table.execute(
            send_action, room_id=self.room, sender=sender, target=target, **kwargs
        )

    def send_update(self, sender, target=Target.OTHERS, **kwargs):
        kwargs = {"type": "boom", **kwargs}
        return self.table.execute(
            send_update, room_id=self.room, sender=sender, target=target, **kwargs
        )

    def answer(self, action, by, status=ActionStatus.COMPLETED, **kwargs):
        return self.table.execute(answer_action, code=action.code, by=by, status=status, **kwargs)

    def pending(self, player):
        return self.table.query(pending_actions, room=self.room, player=player)

    def answered(self, player):
        return self.table.query(answered_actions, room=self.room, player=player, now=self.table.now)


@pytest.fixture
def trio(table):
    return Trio(table)


# Actions


def test_each_target_gets_its_own_action(trio):
    to_bob, to_cid = trio.send_action(trio.ann, request=b'{"x":10}')
    assert (to_bob.target, to_cid.target) == (trio.bob, trio.cid)
    assert (to_bob.type, to_bob.request, to_bob.sender) == ("move", b'{"x":10}', trio.ann)
    assert to_bob.code != to_cid.code


def test_action_is_emitted_to_its_target_only(table, trio):
    (action,) = trio.send_action(trio.ann, Target.SPECIFIC, player_ids=(trio.bob,))
    expected = [ActionRequested("free", trio.room, action.code, trio.ann, trio.bob)]
    assert table.events(at=topics.actions(trio.room, trio.bob)) == expected
    assert table.events() == expected


def test_target_all_includes_the_sender(trio):
    assert {one.target for one in trio.send_action(trio.bob, Target.ALL)} == {
        trio.ann,
        trio.bob,
        trio.cid,
    }


def test_target_host_is_the_current_host(trio):
    assert [one.target for one in trio.send_action(trio.bob, Target.HOST)] == [trio.ann]


def test_away_member_gets_no_action(table, trio):
    table.execute(mark_away, player_id=trio.cid)
    assert [one.target for one in trio.send_action(trio.ann)] == [trio.bob]


def test_others_may_be_empty(table, trio):
    alone = table.make_room(table.make_guest())
    params = {"sender": alone.roster.host, "target": Target.OTHERS, "type": "move"}
    assert table.execute(send_action, room_id=alone.id, **params) == []


@pytest.mark.parametrize("method", ["send_action", "send_update"])
@pytest.mark.parametrize("player_ids", [(), (999,)])
def test_message_without_existing_targets_is_refused(trio, method, player_ids):
    with raises_code(ErrorCode.NO_TARGETS):
        getattr(trio, method)(trio.ann, Target.SPECIFIC, player_ids=player_ids)


@pytest.mark.parametrize("method", ["send_action", "send_update"])
def test_player_without_a_seat_cannot_send_messages(table, trio, method):
    with raises_code(ErrorCode.NOT_MEMBER):
        getattr(trio, method)(table.make_guest())


@pytest.mark.parametrize("method", ["send_action", "send_update"])
def test_message_in_an_ended_room_is_refused(table, trio, method):
    table.execute(members.close, kind=Room, id=trio.room, by=trio.ann)
    with raises_code(ErrorCode.ROOM_ENDED):
        getattr(trio, method)(trio.ann)


def test_action_in_an_unknown_room_is_refused(table):
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.execute(
            send_action, room_id=99, sender=table.make_guest(), target=Target.ALL, type="move"
        )


def test_pending_actions_are_listed_oldest_first(table, trio):
    first, _ = trio.send_action(trio.ann)
    table.now += 1
    second, _ = trio.send_action(trio.cid, Target.ALL)[1:]
    assert trio.pending(trio.bob) == [first, second]


def test_processing_action_is_not_pending_and_can_be_completed(trio):
    action, _ = trio.send_action(trio.ann)
    trio.answer(action, trio.bob, ActionStatus.PROCESSING)
    assert (trio.pending(trio.bob), trio.answered(trio.ann)) == ([], [])
    trio.answer(action, trio.bob, ActionStatus.COMPLETED)
    assert [one.code for one in trio.answered(trio.ann)] == [action.code]


@pytest.mark.parametrize("status", [ActionStatus.COMPLETED, ActionStatus.FAILED])
def test_answer_is_emitted_to_the_sender(table, trio, status):
    action, _ = trio.send_action(trio.ann)
    table.clear_events()
    answered = trio.answer(action, trio.bob, status, response=b'{"ok":true}')
    assert (answered.response, answered.finished_at) == (b'{"ok":true}', table.now)
    expected = [ActionFinished("free", trio.room, action.code, trio.ann, trio.bob, status.value)]
    assert table.events(at=topics.actions(trio.room, trio.ann)) == table.events() == expected


def test_processing_emits_nothing(table, trio):
    action, _ = trio.send_action(trio.ann)
    table.clear_events()
    trio.answer(action, trio.bob, ActionStatus.PROCESSING)
    assert table.events() == []


def test_unknown_action_is_not_found(table, trio):
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        table.execute(answer_action, code="f" * 32, by=trio.bob, status=ActionStatus.FAILED)


def test_action_is_answered_by_its_target_only(trio):
    action, _ = trio.send_action(trio.ann)
    for other in (trio.ann, trio.cid):
        with raises_code(ErrorCode.ACTION_NOT_FOUND):
            trio.answer(action, other)


def test_action_is_answered_once(trio):
    action, _ = trio.send_action(trio.ann)
    trio.answer(action, trio.bob, ActionStatus.FAILED)
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        trio.answer(action, trio.bob)


def test_answers_are_listed_newest_first_for_an_hour(table, trio):
    first, second = trio.send_action(trio.ann)
    trio.answer(second, trio.cid)
    table.now += 1800
    trio.answer(first, trio.bob)
    assert [one.code for one in trio.answered(trio.ann)] == [first.code, second.code]
    table.now += 1800
    assert [one.code for one in trio.answered(trio.ann)] == [first.code]


def test_reading_answers_keeps_them(trio):
    action, _ = trio.send_action(trio.ann)
    trio.answer(action, trio.bob)
    assert trio.answered(trio.ann) == trio.answered(trio.ann) != []


def test_waiting_actions_are_listed_newest_first(table, trio):
    first, second = trio.send_action(trio.ann)
    trio.answer(first, trio.bob, ActionStatus.PROCESSING)
    found = table.query(waiting_actions, room=trio.room, player=trio.ann)
    assert [one.code for one in found] == [second.code, first.code]
    trio.answer(second, trio.cid)
    found = table.query(waiting_actions, room=trio.room, player=trio.ann)
    assert [one.code for one in found] == [first.code]


def test_actions_to_a_leaving_member_fail_and_emit_action_finished(table, trio):
    finished, _ = trio.send_action(trio.ann)
    trio.answer(finished, trio.bob)
    action, other = trio.send_action(trio.ann)
    table.clear_events()
    table.execute(members.leave, kind=Room, id=trio.room, player_id=trio.bob)
    statuses = [table.state.get(Action, one.id).status for one in (finished, action, other)]
    assert statuses == [ActionStatus.COMPLETED, ActionStatus.FAILED, ActionStatus.PENDING]
    expected = [ActionFinished("free", trio.room, action.code, trio.ann, trio.bob, "failed")]
    assert table.events(ActionFinished, topics.actions(trio.room, trio.ann)) == expected


# Updates


def test_update_is_emitted_to_each_target(table, trio):
    sent = trio.send_update(trio.bob, data=b'{"x":1}')
    assert [target for target, _ in sent] == [trio.ann, trio.cid]
    (event,) = table.events(at=topics.updates(trio.room, trio.cid))
    data = b'{"x":1}'
    assert event == UpdateSent("free", trio.room, trio.bob, trio.cid, False, "boom", data, 1)
    assert table.events(at=topics.updates(trio.room, trio.bob)) == []


def test_update_states_whether_its_sender_was_host(table, trio):
    trio.send_update(trio.ann)
    assert all(event.from_host for event in table.events(UpdateSent))


def test_update_to_all_includes_the_sender(trio):
    sent = trio.send_update(trio.bob, Target.ALL)
    assert [target for target, _ in sent] == [trio.ann, trio.bob, trio.cid]


@pytest.mark.parametrize("with_away", [True, False])
def test_away_member_gets_updates_with_away_only(table, trio, with_away):
    table.execute(mark_away, player_id=trio.cid)
    sent = trio.send_update(trio.ann, with_away=with_away)
    assert (trio.cid in dict(sent)) is with_away


@pytest.mark.parametrize("method", ["send_action", "send_update"])
def test_messages_keep_a_room_from_being_idle(table, trio, method):
    table.now += TOUCH_SECONDS
    getattr(trio, method)(trio.ann)
    assert table.room(trio.room).touched == table.now


def test_action_to_a_player_of_no_game_is_emitted_with_its_request(table, trio):
    guest = table.make_guest()
    table.execute(join_room, room_id=trio.room, player_id=guest)
    table.clear_events()
    (action,) = trio.send_action(trio.bob, Target.SPECIFIC, player_ids=(guest,), request=b'{"x":1}')
    (event,) = table.events(at=topics.actions(trio.room, guest))
    assert (event.action, event.seat, event.type) == (action.code, 1, "move")
    assert event.request == b'{"x":1}'


def test_answer_in_another_room_than_the_actions_is_refused(trio):
    action, _ = trio.send_action(trio.ann)
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        trio.answer(action, trio.bob, room_id=trio.room + 1)
    assert trio.answer(action, trio.bob, room_id=trio.room).finished


@pytest.mark.parametrize(
    "data",
    [
        b'"hello"',
        b"null",
        b"{}",
        b'{"text":1}',
        b'{"text":" "}',
        b'{"text":"%b"}' % (b"x" * 1001),
        b'{"text":"%b"}' % (b"\\u007f" * 9000),
    ],
)
def test_update_of_type_chat_without_a_text_is_an_ordinary_update(table, trio, data):
    trio.send_update(trio.ann, type="chat", data=data, with_away=True)
    assert [event.data for event in table.events(UpdateSent)] == [data] * 2
    assert table.events(RoomChat) == []


def test_chat_sent_as_update_to_one_member_is_not_emitted_to_the_room(table, trio):
    guest = table.make_guest()
    table.execute(join_room, room_id=trio.room, player_id=guest)
    trio.send_update(
        trio.ann,
        Target.SPECIFIC,
        player_ids=(guest, trio.bob),
        type="chat",
        data=b'{"text":"psst"}',
        with_away=True,
    )
    assert table.events(at=topics.room_chat(trio.room)) == []
    (event,) = table.events(at=topics.updates(trio.room, guest))
    assert (type(event), event.text, event.name) == (RoomChat, "psst", "Ann")
    (event,) = table.events(at=topics.updates(trio.room, trio.bob))
    assert type(event) is UpdateSent
