"""Rules that lobbies and rooms share: joining, passwords, kicks and presence."""

import pytest

from coalserver.domain.errors import ErrorCode
from tests.domain.builders import IMPOSSIBLE_KICKS, NOW, make_lobby, make_room, raises_code

for_each_kind = pytest.mark.parametrize(
    "make_group", [make_lobby, make_room], ids=["lobby", "room"]
)


@pytest.mark.parametrize(
    ("make_group", "code"), [(make_lobby, ErrorCode.LOBBY_FULL), (make_room, ErrorCode.ROOM_FULL)]
)
def test_full_group_rejects_join(make_group, code):
    group = make_group(1, 2, capacity=2)
    with raises_code(code):
        group.add_member(3, NOW)
    assert group == make_group(1, 2, capacity=2)


@for_each_kind
def test_member_of_a_full_group_is_already_member(make_group):
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_group(1, 2, capacity=2).add_member(2, NOW)


@for_each_kind
@pytest.mark.parametrize("password", ["", "other"])
def test_wrong_password_is_refused(make_group, password):
    with raises_code(ErrorCode.WRONG_PASSWORD):
        make_group(1, password="digest").add_member(2, NOW, password=password)


@for_each_kind
def test_right_password_admits(make_group):
    assert 2 in make_group(1, password="digest").add_member(2, NOW, password="digest").roster


@for_each_kind
def test_kick_frees_the_seat(make_group):
    assert list(make_group(1, 2).kick(1, 2, NOW).roster) == [1]


@for_each_kind
@pytest.mark.parametrize(("by", "player", "code"), IMPOSSIBLE_KICKS)
def test_impossible_kick_is_refused(make_group, by, player, code):
    with raises_code(code):
        make_group(1, 2).kick(by, player, NOW)


@for_each_kind
def test_host_sets_and_removes_the_password(make_group):
    locked = make_group(1).set_password(1, "digest")
    assert (locked.password, locked.set_password(1, "").password) == ("digest", "")


@for_each_kind
def test_member_cannot_set_a_password(make_group):
    with raises_code(ErrorCode.NOT_HOST):
        make_group(1, 2).set_password(2, "digest")


@for_each_kind
def test_member_is_marked_away_and_back(make_group):
    away = make_group(1, 2).mark_away(2)
    assert (away.roster.get_seat(2).away, away.mark_back(2)) == (True, make_group(1, 2))
