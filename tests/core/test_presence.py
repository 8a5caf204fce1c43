"""Presence: who was heard of lately, who has gone silent, and who may not while something of his is open."""

from coalserver.core.presence import Presence

WITHIN = 30.0


def make_presence(**heard):
    """Players 1, 2, … last heard of at these times, in this order."""
    presence = Presence()
    for name, at in heard.items():
        presence.touch(int(name.removeprefix("player")), at)
    return presence


def test_who_was_heard_of_lately_is_online():
    presence = make_presence(player1=100.0)
    assert presence.online(1, 129.0, WITHIN)
    assert not presence.online(1, 130.0, WITHIN)


def test_who_was_never_heard_of_is_not_online():
    assert not Presence().online(1, 1000.0, WITHIN)


def test_the_last_sign_is_known():
    presence = make_presence(player1=100.0)
    presence.touch(1, 110.0)
    assert presence.last_seen_at(1) == 110.0
    assert presence.last_seen_at(2, default=5.0) == 5.0


def test_signs_from_before_a_restart_are_known():
    assert Presence({1: 100.0}).last_seen_at(1) == 100.0


def test_who_gives_no_sign_goes_silent_once():
    presence = make_presence(player1=100.0, player2=120.0)
    assert presence.expire(135.0, WITHIN) == [1]
    assert presence.expire(136.0, WITHIN) == []
    assert presence.away(1)
    assert not presence.away(2)


def test_who_gives_a_sign_in_time_does_not_go_silent():
    presence = make_presence(player1=100.0, player2=101.0)
    presence.touch(1, 125.0)
    assert presence.expire(135.0, WITHIN) == [2]


def test_who_comes_back_is_back_once():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, WITHIN)
    assert presence.touch(1, 140.0)
    assert not presence.touch(1, 141.0)
    assert not presence.away(1)


def test_who_came_back_may_go_silent_again():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, WITHIN)
    presence.touch(1, 140.0)
    assert presence.expire(180.0, WITHIN) == [1]


def test_who_has_something_open_does_not_go_silent():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    assert presence.expire(1000.0, WITHIN) == []
    assert presence.online(1, 1000.0, WITHIN)


def test_silence_counts_from_the_moment_the_last_thing_was_closed():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    presence.hold(1)
    presence.release(1, 200.0)
    assert presence.expire(300.0, WITHIN) == []
    presence.release(1, 300.0)
    assert presence.expire(329.0, WITHIN) == []
    assert presence.expire(330.0, WITHIN) == [1]


def test_who_has_something_open_hides_nobody_elses_silence():
    presence = make_presence(player1=100.0, player2=101.0)
    presence.hold(1)
    assert presence.expire(200.0, WITHIN) == [2]


def test_the_silent_are_named_until_nothing_more_happens_to_them():
    presence = make_presence(player1=100.0, player2=100.0)
    presence.expire(135.0, WITHIN)
    presence.stop_pending(1)
    assert list(presence.away_players()) == [2]
    assert presence.away(1)


def test_who_comes_back_after_all_was_settled_is_back():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, WITHIN)
    presence.stop_pending(1)
    assert presence.touch(1, 140.0)


def test_who_is_forgotten_is_watched_no_more_and_remembered():
    presence = make_presence(player1=100.0, player2=100.0)
    presence.expire(135.0, WITHIN)
    presence.unwatch(1)
    assert list(presence.away_players()) == [2]
    assert presence.last_seen_at(1) == 100.0


def test_a_restart_counts_as_a_sign_of_life():
    presence = Presence({1: 100.0, 2: 100.0})
    presence.resume(1, False, 1000.0)
    presence.resume(2, True, 1000.0)
    assert presence.expire(1029.0, WITHIN) == []
    assert presence.expire(1030.0, WITHIN) == [1]
    assert presence.last_seen_at(2) == 1000.0


def test_who_was_away_before_a_restart_comes_back_with_the_next_sign():
    presence = Presence({1: 100.0})
    presence.resume(1, True, 1000.0)
    assert list(presence.away_players()) == [1]
    assert presence.touch(1, 1001.0)


def test_who_says_that_he_goes_is_silent_at_once():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    assert not presence.online(1, 100.0, WITHIN)
    assert list(presence.away_players()) == [1]


def test_what_is_closed_after_its_player_has_gone_is_no_sign_of_him():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    presence.leave(1)
    presence.release(1, 101.0)
    assert not presence.online(1, 101.0, WITHIN)


def test_who_has_gone_stays_so_when_he_is_watched_no_more():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    presence.unwatch(1)
    assert not presence.online(1, 101.0, WITHIN)


def test_who_has_gone_may_come_back():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    assert presence.touch(1, 110.0)
    assert presence.online(1, 111.0, WITHIN)


def test_who_is_given_a_seat_while_nobody_watched_him_is_silent_at_once():
    presence = make_presence(player1=100.0, player2=190.0)
    presence.expire(170.0, WITHIN)
    presence.unwatch(1)
    presence.watch(1, 200.0)
    assert presence.expire(200.0, WITHIN) == [1]


def test_who_was_never_heard_of_is_watched_from_his_seat_on():
    presence = Presence()
    presence.watch(1, 200.0)
    assert presence.expire(200.0 + WITHIN - 1, WITHIN) == []
    assert presence.expire(200.0 + WITHIN, WITHIN) == [1]
