"""Membership commands and checks, which lobbies and rooms share."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.presence import mark_overdue
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason
from tests.core.commands.group_kinds import LOBBY, ROOM, for_each_kind
from tests.domain.builders import raises_code

# Creating


@for_each_kind
def test_banned_player_cannot_create_a_group(table, kind):
    pat = table.make_player()
    created = table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED, ban=created):
        kind.create(table, pat)


@for_each_kind
@pytest.mark.parametrize("other", [LOBBY, ROOM], ids=["in lobby", "in room"])
def test_bound_player_in_a_group_cannot_create_another(table, kind, other):
    pat = table.make_player()
    other.create(table, pat)
    with raises_code(other.already_in):
        kind.create(table, pat)


@pytest.mark.parametrize(("kind", "other"), [(LOBBY, ROOM), (ROOM, LOBBY)])
def test_unbound_player_can_be_in_several_groups(table, kind, other):
    ann = table.make_guest()
    other.create(table, ann)
    assert len({kind.create(table, ann).id for _ in range(3)}) == 3


# Joining


@for_each_kind
def test_join_emits_member_joined_on_all_topics(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann)
    joined = kind.join(table, group.id, bob)
    assert list(joined.roster) == [ann, bob]
    expected = [kind.joined("free", group.id, bob, "Bob", *kind.seat(1))]
    for topic in (kind.topic(group.id), kind.list_topic("free"), topics.player(bob)):
        assert table.events(kind.joined, topic) == expected


@for_each_kind
def test_new_member_replaces_an_overdue_host(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, transfer_host=True)
    table.execute(mark_overdue, player_id=ann)
    kind.join(table, group.id, bob)
    assert table.events(kind.host_changed) == [kind.host_changed("free", group.id, bob, "Bob")]


@for_each_kind
def test_joining_an_unknown_group_raises_not_found(table, kind):
    with raises_code(kind.not_found):
        kind.join(table, 99, table.make_guest())


@for_each_kind
@pytest.mark.parametrize("end", ["close", "leave"])
def test_closed_group_rejects_join(table, kind, end):
    ann = table.make_guest()
    group = kind.create(table, ann)
    if end == "close":
        table.execute(members.close, kind=kind.cls, id=group.id, by=ann)
    else:
        table.execute(members.leave, kind=kind.cls, id=group.id, player_id=ann)
    with raises_code(kind.ended):
        kind.join(table, group.id, table.make_guest())


@for_each_kind
def test_member_cannot_join_twice(table, kind):
    pat = table.make_player()
    group = kind.create(table, pat)
    with raises_code(ErrorCode.ALREADY_MEMBER):
        kind.join(table, group.id, pat)


@for_each_kind
def test_full_group_rejects_join(table, kind):
    group = kind.create(table, table.make_guest(), capacity=1)
    with raises_code(kind.full):
        kind.join(table, group.id, table.make_guest())


@for_each_kind
def test_join_requires_the_right_password(table, kind):
    group = kind.create(table, table.make_guest(), password="hunter2")
    bob = table.make_guest()
    with raises_code(ErrorCode.WRONG_PASSWORD):
        kind.join(table, group.id, bob, password="hunter3")
    assert bob in kind.join(table, group.id, bob, password="hunter2").roster


@for_each_kind
def test_bound_player_cannot_join_a_second_group_of_a_kind(table, kind):
    first, second = (kind.create(table, table.make_guest()) for _ in range(2))
    pat = table.make_player()
    kind.join(table, first.id, pat)
    with raises_code(kind.already_in):
        kind.join(table, second.id, pat)


@for_each_kind
def test_banned_player_cannot_join(table, kind):
    group = kind.create(table, table.make_guest())
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    with raises_code(ErrorCode.BANNED):
        kind.join(table, group.id, pat)


@for_each_kind
def test_player_of_another_game_cannot_join(table, kind):
    group = kind.create(table, table.make_guest())
    with raises_code(ErrorCode.GAME_CLOSED):
        kind.join(table, group.id, table.make_player("noughts"))


# Leaving


@for_each_kind
def test_leave_emits_member_left_on_all_topics(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, bob)
    left = table.execute(members.leave, kind=kind.cls, id=group.id, player_id=bob)
    assert list(left.roster) == [ann]
    expected = [kind.left("free", group.id, bob, "Bob", *kind.seat(1), "left")]
    for topic in (kind.topic(group.id), kind.list_topic("free"), topics.player(bob)):
        assert table.events(kind.left, topic) == expected


@for_each_kind
def test_leaving_host_closes_the_group_after_member_left(table, kind):
    ann, bob = table.make_guest(), table.make_guest()
    group = kind.create(table, ann, bob)
    table.clear_events()
    left = table.execute(members.leave, kind=kind.cls, id=group.id, player_id=ann)
    assert left.close_reason is CloseReason.HOST_LEFT
    names = kind.event_types("MemberLeft", "Closed")
    assert table.event_names() == table.event_names(kind.topic(group.id)) == names
    assert table.events(kind.closed) == [kind.closed("free", group.id, "host_left")]


@for_each_kind
def test_leaving_host_with_host_transfer_emits_host_changed(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, bob, transfer_host=True)
    table.execute(members.leave, kind=kind.cls, id=group.id, player_id=ann)
    assert table.events(kind.host_changed) == [kind.host_changed("free", group.id, bob, "Bob")]


@for_each_kind
def test_bound_player_who_left_can_create_another_group(table, kind):
    pat = table.make_player()
    group = kind.create(table, pat, transfer_host=True)
    table.execute(members.leave, kind=kind.cls, id=group.id, player_id=pat)
    kind.create(table, pat)


@for_each_kind
def test_player_without_a_seat_cannot_leave(table, kind):
    group = kind.create(table, table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(members.leave, kind=kind.cls, id=group.id, player_id=table.make_guest())


# Kicking


@for_each_kind
def test_kick_emits_member_left_with_reason_kicked(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, bob)
    table.execute(members.kick, kind=kind.cls, id=group.id, by=ann, player_id=bob)
    assert table.events(kind.left) == [
        kind.left("free", group.id, bob, "Bob", *kind.seat(1), "kicked")
    ]


@for_each_kind
@pytest.mark.parametrize(
    ("by", "player", "code"),
    [
        ("bob", "ann", ErrorCode.NOT_HOST),
        ("eve", "bob", ErrorCode.NOT_MEMBER),
        ("ann", "ann", ErrorCode.CANNOT_KICK_SELF),
        ("ann", "eve", ErrorCode.TARGET_NOT_MEMBER),
    ],
)
def test_impossible_kick_is_refused(table, kind, by, player, code):
    players = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    group = kind.create(table, players["ann"], players["bob"])
    kick = {"kind": kind.cls, "id": group.id, "by": players[by], "player_id": players[player]}
    with raises_code(code):
        table.execute(members.kick, **kick)


# Closing


@for_each_kind
def test_host_closes_the_group(table, kind):
    ann = table.make_guest()
    group = kind.create(table, ann, table.make_guest())
    closed = table.execute(members.close, kind=kind.cls, id=group.id, by=ann)
    assert closed.close_reason is CloseReason.CLOSED
    with raises_code(kind.ended):
        closed.check_not_closed()
    assert table.events(kind.closed) == [kind.closed("free", group.id, "closed")]


@for_each_kind
@pytest.mark.parametrize(
    ("by", "code"), [("bob", ErrorCode.NOT_HOST), ("eve", ErrorCode.NOT_MEMBER)]
)
def test_only_the_host_closes_the_group(table, kind, by, code):
    players = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    group = kind.create(table, players["ann"], players["bob"])
    with raises_code(code):
        table.execute(members.close, kind=kind.cls, id=group.id, by=players[by])


@for_each_kind
@pytest.mark.parametrize("open_only", [True, False])
def test_closed_group_cannot_be_closed_again(table, kind, open_only):
    ann = table.make_guest()
    group = kind.create(table, ann)
    table.execute(members.leave, kind=kind.cls, id=group.id, player_id=ann)
    with raises_code(kind.ended):
        table.execute(members.close, kind=kind.cls, id=group.id, by=ann, open_only=open_only)


# Passwords and chat


@for_each_kind
def test_event_of_a_new_password_does_not_contain_it(table, kind):
    ann = table.make_guest()
    group = kind.create(table, ann)
    table.execute(members.set_join_password, kind=kind.cls, id=group.id, by=ann, password="hunter2")
    with raises_code(ErrorCode.WRONG_PASSWORD):
        kind.join(table, group.id, table.make_guest())
    assert table.events(kind.password_changed) == [
        kind.password_changed("free", group.id, True, ann)
    ]


@for_each_kind
def test_empty_password_removes_the_password(table, kind):
    ann = table.make_guest()
    group = kind.create(table, ann, password="hunter2")
    table.execute(members.set_join_password, kind=kind.cls, id=group.id, by=ann, password="")
    kind.join(table, group.id, table.make_guest())
    assert table.events(kind.password_changed) == [
        kind.password_changed("free", group.id, False, ann)
    ]


@for_each_kind
def test_member_cannot_set_a_password(table, kind):
    ann, bob = table.make_guest(), table.make_guest()
    group = kind.create(table, ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(members.set_join_password, kind=kind.cls, id=group.id, by=bob, password="")


@for_each_kind
def test_chat_is_emitted_for_members_only(table, kind):
    ann = table.make_guest("Ann")
    group = kind.create(table, ann)
    entry = table.execute(members.chat, kind=kind.cls, id=group.id, player_id=ann, text="hi")
    assert entry.topics == (kind.chat_topic(group.id),)
    assert entry.event == kind.chat("free", group.id, ann, "Ann", "hi")


@for_each_kind
def test_player_without_a_seat_cannot_chat(table, kind):
    group = kind.create(table, table.make_guest())
    stranger = table.make_guest()
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(members.chat, kind=kind.cls, id=group.id, player_id=stranger, text="hi")
