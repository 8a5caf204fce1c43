"""Presence: last activity, silence, and players held online by open requests."""

from coalserver.core.presence import RESUME_SIZE, Presence

TIMEOUT = 30.0


def make_presence(**activity):
    """Return the presence of players 1, 2, … last active at these times."""
    presence = Presence()
    for name, at in activity.items():
        presence.touch(int(name.removeprefix("player")), at)
    return presence


def test_player_is_online_until_the_timeout():
    presence = make_presence(player1=100.0)
    assert presence.online(1, 129.0, TIMEOUT)
    assert not presence.online(1, 130.0, TIMEOUT)


def test_unknown_player_is_not_online():
    assert not Presence().online(1, 1000.0, TIMEOUT)


def test_last_seen_is_the_latest_activity():
    presence = make_presence(player1=100.0)
    presence.touch(1, 110.0)
    assert presence.last_seen_at(1) == 110.0
    assert presence.last_seen_at(2, default=5.0) == 5.0


def test_last_seen_is_known_after_a_restart():
    assert Presence({1: 100.0}).last_seen_at(1) == 100.0


def test_silent_player_expires_once():
    presence = make_presence(player1=100.0, player2=120.0)
    assert presence.expire(135.0, TIMEOUT) == [1]
    assert presence.expire(136.0, TIMEOUT) == []
    assert presence.away(1)
    assert not presence.away(2)


def test_active_player_does_not_expire():
    presence = make_presence(player1=100.0, player2=101.0)
    presence.touch(1, 125.0)
    assert presence.expire(135.0, TIMEOUT) == [2]


def test_returning_player_is_reported_once():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, TIMEOUT)
    assert presence.touch(1, 140.0)
    assert not presence.touch(1, 141.0)
    assert not presence.away(1)


def test_returned_player_can_expire_again():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, TIMEOUT)
    presence.touch(1, 140.0)
    assert presence.expire(180.0, TIMEOUT) == [1]


def test_held_player_does_not_expire():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    assert presence.expire(1000.0, TIMEOUT) == []
    assert presence.online(1, 1000.0, TIMEOUT)


def test_silence_counts_from_the_last_release():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    presence.hold(1)
    presence.release(1, 200.0)
    assert presence.expire(300.0, TIMEOUT) == []
    presence.release(1, 300.0)
    assert presence.expire(329.0, TIMEOUT) == []
    assert presence.expire(330.0, TIMEOUT) == [1]


def test_held_player_does_not_hide_other_silent_players():
    presence = make_presence(player1=100.0, player2=101.0)
    presence.hold(1)
    assert presence.expire(200.0, TIMEOUT) == [2]


def test_away_player_is_listed_until_nothing_is_pending():
    presence = make_presence(player1=100.0, player2=100.0)
    presence.expire(135.0, TIMEOUT)
    presence.stop_pending(1)
    assert list(presence.away_players()) == [2]
    assert presence.away(1)


def test_settled_away_player_can_return():
    presence = make_presence(player1=100.0)
    presence.expire(135.0, TIMEOUT)
    presence.stop_pending(1)
    assert presence.touch(1, 140.0)


def test_unwatched_player_keeps_last_seen():
    presence = make_presence(player1=100.0, player2=100.0)
    presence.expire(135.0, TIMEOUT)
    presence.unwatch(1)
    assert list(presence.away_players()) == [2]
    assert presence.last_seen_at(1) == 100.0


def test_restart_counts_as_activity():
    presence = Presence({1: 100.0, 2: 100.0})
    presence.resume(1, False, 1000.0)
    presence.resume(2, True, 1000.0)
    assert presence.expire(1029.0, TIMEOUT) == []
    assert presence.expire(1030.0, TIMEOUT) == [1]
    assert presence.last_seen_at(2) == 1000.0


def test_player_away_before_a_restart_returns_with_the_next_activity():
    presence = Presence({1: 100.0})
    presence.resume(1, True, 1000.0)
    assert list(presence.away_players()) == [1]
    assert presence.touch(1, 1001.0)


def test_leaving_player_is_away_at_once():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    assert not presence.online(1, 100.0, TIMEOUT)
    assert list(presence.away_players()) == [1]


def test_release_after_leaving_is_no_activity():
    presence = make_presence(player1=100.0)
    presence.hold(1)
    presence.leave(1)
    presence.release(1, 101.0)
    assert not presence.online(1, 101.0, TIMEOUT)


def test_unwatched_player_who_left_stays_offline():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    presence.unwatch(1)
    assert not presence.online(1, 101.0, TIMEOUT)


def test_player_who_left_may_return():
    presence = make_presence(player1=100.0)
    presence.leave(1)
    assert presence.touch(1, 110.0)
    assert presence.online(1, 111.0, TIMEOUT)


def test_silent_player_who_is_watched_again_expires_at_once():
    presence = make_presence(player1=100.0, player2=190.0)
    presence.expire(170.0, TIMEOUT)
    presence.unwatch(1)
    presence.watch(1, 200.0)
    assert presence.expire(200.0, TIMEOUT) == [1]


def test_unknown_player_is_silent_from_the_start_of_watching():
    presence = Presence()
    presence.watch(1, 200.0)
    assert presence.expire(200.0 + TIMEOUT - 1, TIMEOUT) == []
    assert presence.expire(200.0 + TIMEOUT, TIMEOUT) == [1]


class Poll:
    """A holder that counts how often its player went away."""

    def __init__(self, there: bool = True) -> None:
        self.there = there
        self.absences = 0

    def absent(self) -> None:
        self.absences += 1


def test_player_is_present_while_any_holder_says_so():
    presence = make_presence(player1=100.0)
    polls = [Poll(False), Poll(True), Poll(False)]
    for poll in polls:
        presence.attach(1, poll)
    assert presence.online(1, 1000.0, TIMEOUT)
    polls[1].there = False
    assert not presence.online(1, 1000.0, TIMEOUT)


def test_detached_holders_are_not_asked():
    presence = make_presence(player1=100.0)
    polls = [Poll(), Poll(), Poll()]
    for poll in polls:
        presence.attach(1, poll)
    for poll in polls:
        assert presence.online(1, 1000.0, TIMEOUT)
        presence.detach(1, poll)
    assert not presence.online(1, 1000.0, TIMEOUT)
    assert not presence._holders


def test_held_player_does_not_expire_and_is_silent_from_the_last_check():
    presence, poll = make_presence(player1=100.0), Poll()
    presence.attach(1, poll)
    assert presence.expire(200.0, TIMEOUT) == []
    poll.there = False
    assert presence.expire(229.0, TIMEOUT) == [] and presence.expire(230.0, TIMEOUT) == [1]
    assert poll.absences == 1


def test_sign_is_activity_of_those_only_who_are_not_away():
    presence = make_presence(player1=100.0, player2=100.0, player3=100.0)
    presence.expire(130.0, TIMEOUT)
    presence.touch(2, 131.0)
    presence.leave(3)
    presence.unwatch(3)
    assert [presence.sign(player, 140.0) for player in (1, 2, 3)] == [False, True, False]
    assert [presence.last_seen_at(player) for player in (1, 2, 3)] == [100.0, 140.0, 100.0]
    assert presence.away(1) and not presence.online(3, 140.0, TIMEOUT)


def test_leaving_player_is_away_although_a_poll_is_open():
    presence, polls = make_presence(player1=100.0), [Poll(), Poll()]
    for poll in polls:
        presence.attach(1, poll)
    presence.leave(1)
    assert not presence.online(1, 100.0, TIMEOUT)
    assert [poll.absences for poll in polls] == [1, 1]


def test_all_are_resumed_in_pieces_between_which_others_act():
    presence = Presence()
    for player in range(3 * RESUME_SIZE):
        presence.touch(player, 100.0)
    presence.leave(5)
    pieces = presence.resume_all(500.0)
    next(pieces)
    # One of the first piece is active again, one of a later piece leaves.
    presence.touch(7, 501.0)
    presence.leave(3 * RESUME_SIZE - 3)
    assert len(list(pieces)) == 2
    assert not presence.expire(574.0, 75.0)
    assert presence.last_seen_at(1) == presence.last_seen_at(5) == 500.0
    assert presence.last_seen_at(7) == 501.0
    assert len(presence.expire(576.5, 75.0)) == 3 * RESUME_SIZE - 2
