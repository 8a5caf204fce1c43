"""Actions and updates between the members of a room, and turns played by an action."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.members import TOUCH_SECONDS
from coalserver.core.commands.messages import answer_action, send_action, send_update
from coalserver.core.commands.presence import mark_away
from coalserver.core.queries.rooms import answered_actions, pending_actions, waiting_actions
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.events import ActionFinished, ActionRequested, UpdateSent
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

    def ask(self, sender, target=Target.OTHERS, **parts):
        parts = {"type": "move", **parts}
        return self.table.execute(
            send_action, room_id=self.room, sender=sender, target=target, **parts
        )

    def update(self, sender, target=Target.OTHERS, **parts):
        parts = {"type": "boom", **parts}
        return self.table.execute(
            send_update, room_id=self.room, sender=sender, target=target, **parts
        )

    def answer(self, action, by, progress=ActionStatus.COMPLETED, **parts):
        return self.table.execute(answer_action, code=action.code, by=by, status=progress, **parts)

    def pending(self, player):
        return self.table.query(pending_actions, room=self.room, player=player)

    def answered(self, player):
        return self.table.query(answered_actions, room=self.room, player=player, now=self.table.now)


@pytest.fixture
def trio(table):
    return Trio(table)


# Actions


def test_each_target_gets_an_action_of_its_own(trio):
    to_bob, to_cid = trio.ask(trio.ann, request=b'{"x":10}')
    assert (to_bob.target, to_cid.target) == (trio.bob, trio.cid)
    assert (to_bob.type, to_bob.request, to_bob.sender) == ("move", b'{"x":10}', trio.ann)
    assert to_bob.code != to_cid.code


def test_a_target_hears_of_its_action_and_nobody_else_does(table, trio):
    (action,) = trio.ask(trio.ann, Target.SPECIFIC, player_ids=(trio.bob,))
    expected = [ActionRequested("free", trio.room, action.code, trio.ann, trio.bob)]
    assert table.events(at=topics.actions(trio.room, trio.bob)) == expected
    assert table.events() == expected


def test_all_are_all_and_the_sender_too(trio):
    assert {one.target for one in trio.ask(trio.bob, Target.ALL)} == {
        trio.ann,
        trio.bob,
        trio.cid,
    }


def test_the_host_is_who_leads_now(trio):
    assert [one.target for one in trio.ask(trio.bob, Target.HOST)] == [trio.ann]


def test_who_is_away_gets_none(table, trio):
    table.execute(mark_away, player_id=trio.cid)
    assert [one.target for one in trio.ask(trio.ann)] == [trio.bob]


def test_alone_with_others_nothing_is_sent_and_that_is_fine(table, trio):
    alone = table.make_room(table.make_guest())
    asked = {"sender": alone.roster.host, "target": Target.OTHERS, "type": "move"}
    assert table.execute(send_action, room_id=alone.id, **asked) == []


@pytest.mark.parametrize("named", [(), (999,)])
def test_where_nobody_named_is_there_it_is_refused(trio, named):
    with raises_code(ErrorCode.NO_TARGETS):
        trio.ask(trio.ann, Target.SPECIFIC, player_ids=named)


def test_a_stranger_asks_for_nothing(table, trio):
    with raises_code(ErrorCode.NOT_MEMBER):
        trio.ask(table.make_guest())


def test_nobody_asks_in_a_room_that_is_over(table, trio):
    table.execute(members.close, kind=Room, id=trio.room, by=trio.ann)
    with raises_code(ErrorCode.ROOM_ENDED):
        trio.ask(trio.ann)


def test_nobody_asks_where_there_is_no_room(table):
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.execute(
            send_action, room_id=99, sender=table.make_guest(), target=Target.ALL, type="move"
        )


def test_what_waits_for_a_member_is_shown_oldest_first(table, trio):
    first, _ = trio.ask(trio.ann)
    table.now += 1
    second, _ = trio.ask(trio.cid, Target.ALL)[1:]
    assert trio.pending(trio.bob) == [first, second]


def test_what_was_begun_waits_no_more_and_can_still_be_answered(trio):
    action, _ = trio.ask(trio.ann)
    trio.answer(action, trio.bob, ActionStatus.PROCESSING)
    assert (trio.pending(trio.bob), trio.answered(trio.ann)) == ([], [])
    trio.answer(action, trio.bob, ActionStatus.COMPLETED)
    assert [one.code for one in trio.answered(trio.ann)] == [action.code]


@pytest.mark.parametrize("progress", [ActionStatus.COMPLETED, ActionStatus.FAILED])
def test_an_answer_is_heard_by_who_asked(table, trio, progress):
    action, _ = trio.ask(trio.ann)
    table.clear_events()
    answered = trio.answer(action, trio.bob, progress, response=b'{"ok":true}')
    assert (answered.response, answered.finished_at) == (b'{"ok":true}', table.now)
    expected = [ActionFinished("free", trio.room, action.code, trio.ann, trio.bob, progress.value)]
    assert table.events(at=topics.actions(trio.room, trio.ann)) == table.events() == expected


def test_beginning_is_no_news(table, trio):
    action, _ = trio.ask(trio.ann)
    table.clear_events()
    trio.answer(action, trio.bob, ActionStatus.PROCESSING)
    assert table.events() == []


def test_an_action_nobody_sent_is_not_found(table, trio):
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        table.execute(answer_action, code="f" * 32, by=trio.bob, status=ActionStatus.FAILED)


def test_an_action_is_answered_by_its_target_only(trio):
    action, _ = trio.ask(trio.ann)
    for other in (trio.ann, trio.cid):
        with raises_code(ErrorCode.ACTION_NOT_FOUND):
            trio.answer(action, other)


def test_an_action_is_answered_once(trio):
    action, _ = trio.ask(trio.ann)
    trio.answer(action, trio.bob, ActionStatus.FAILED)
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        trio.answer(action, trio.bob)


def test_answers_are_shown_newest_first_and_for_an_hour(table, trio):
    first, second = trio.ask(trio.ann)
    trio.answer(second, trio.cid)
    table.now += 1800
    trio.answer(first, trio.bob)
    assert [one.code for one in trio.answered(trio.ann)] == [first.code, second.code]
    table.now += 1800
    assert [one.code for one in trio.answered(trio.ann)] == [first.code]


def test_reading_answers_does_not_use_them_up(trio):
    action, _ = trio.ask(trio.ann)
    trio.answer(action, trio.bob)
    assert trio.answered(trio.ann) == trio.answered(trio.ann) != []


def test_what_one_still_waits_for_is_shown_newest_first(table, trio):
    first, second = trio.ask(trio.ann)
    trio.answer(first, trio.bob, ActionStatus.PROCESSING)
    found = table.query(waiting_actions, room=trio.room, player=trio.ann)
    assert [one.code for one in found] == [second.code, first.code]
    trio.answer(second, trio.cid)
    found = table.query(waiting_actions, room=trio.room, player=trio.ann)
    assert [one.code for one in found] == [first.code]


def test_what_was_asked_of_him_who_leaves_has_failed_and_the_sender_hears_it(table, trio):
    done, _ = trio.ask(trio.ann)
    trio.answer(done, trio.bob)
    action, other = trio.ask(trio.ann)
    table.clear_events()
    table.execute(members.leave, kind=Room, id=trio.room, player_id=trio.bob)
    progress = [table.state.get(Action, one.id).status for one in (done, action, other)]
    assert progress == [ActionStatus.COMPLETED, ActionStatus.FAILED, ActionStatus.PENDING]
    expected = [ActionFinished("free", trio.room, action.code, trio.ann, trio.bob, "failed")]
    assert table.events(ActionFinished, topics.actions(trio.room, trio.ann)) == expected


# Updates


def test_each_target_hears_the_update(table, trio):
    sent = trio.update(trio.bob, data=b'{"x":1}')
    assert [entry.event.target for entry in sent] == [trio.ann, trio.cid]
    (heard,) = table.events(at=topics.updates(trio.room, trio.cid))
    assert heard == UpdateSent("free", trio.room, trio.bob, trio.cid, False, "boom", b'{"x":1}')
    assert table.events(at=topics.updates(trio.room, trio.bob)) == []


def test_an_update_says_whether_its_sender_led_when_he_sent_it(trio):
    (sent, *_) = trio.update(trio.ann)
    assert sent.event.from_host


def test_all_hear_it_and_the_sender_too(trio):
    sent = trio.update(trio.bob, Target.ALL)
    assert [entry.event.target for entry in sent] == [trio.ann, trio.bob, trio.cid]


@pytest.mark.parametrize("with_away", [True, False])
def test_who_is_away_hears_it_only_where_that_is_meant(table, trio, with_away):
    table.execute(mark_away, player_id=trio.cid)
    sent = trio.update(trio.ann, with_away=with_away)
    assert (trio.cid in [entry.event.target for entry in sent]) is with_away


def test_where_nobody_named_is_there_no_update_is_sent(trio):
    with raises_code(ErrorCode.NO_TARGETS):
        trio.update(trio.ann, Target.SPECIFIC, player_ids=(999,))


def test_a_stranger_sends_nothing(table, trio):
    with raises_code(ErrorCode.NOT_MEMBER):
        trio.update(table.make_guest())


def test_nothing_is_sent_in_a_room_that_is_over(table, trio):
    table.execute(members.close, kind=Room, id=trio.room, by=trio.ann)
    with raises_code(ErrorCode.ROOM_ENDED):
        trio.update(trio.ann)


@pytest.mark.parametrize("verb", ["ask", "update"])
def test_a_room_where_things_are_sent_is_not_idle(table, trio, verb):
    table.now += TOUCH_SECONDS
    getattr(trio, verb)(trio.ann)
    assert table.room(trio.room).touched == table.now
