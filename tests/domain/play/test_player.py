"""Players, their tokens and their bans."""

import pytest

from coalserver.domain.errors import Why
from coalserver.domain.play.player import ban_until
from tests.domain.builders import NOW, a_ban, a_player, a_token, refused


def test_a_player_of_a_game_plays_it_open_or_not():
    a_player(game="chess").plays("chess", False)
    a_player(game="chess").plays("chess", True)


def test_a_player_of_no_game_plays_those_that_are_open():
    a_player().plays("chess", True)


def test_a_player_of_no_game_does_not_play_those_that_are_not():
    with refused(Why.GAME_CLOSED):
        a_player().plays("chess", False)


@pytest.mark.parametrize("open_to_all", [True, False])
def test_a_player_of_one_game_plays_no_other(open_to_all):
    with refused(Why.GAME_CLOSED):
        a_player(game="chess").plays("go", open_to_all)


def test_a_player_is_known_to_his_game_and_to_those_he_sat_in():
    assert a_player(game="chess").known_to("chess")
    assert a_player().seated("go").known_to("go")
    assert not a_player().known_to("go")


def test_sitting_down_again_changes_nothing():
    seated = a_player().seated("go")
    assert seated.seated("go") is seated


def test_a_player_of_one_game_need_not_be_remembered_there():
    assert a_player(game="chess").seated("chess").played == ()


def test_a_new_name_is_news():
    renamed = a_player(updated=NOW - 50).rename("Bo", NOW)
    assert (renamed.name, renamed.updated) == ("Bo", NOW)


def test_what_is_kept_for_a_player_is_replaced_whole():
    kept = a_player(data=b'{"level":1}').keep(b'{"gold":2}', None, NOW)
    assert (kept.data, kept.data_version, kept.updated) == (b'{"gold":2}', 1, NOW)


def test_who_has_seen_the_present_version_may_replace_it():
    assert a_player(data_version=4).keep(b"{}", 4, NOW).data_version == 5


def test_who_has_seen_an_older_version_may_not():
    with refused(Why.DATA_CHANGED, version=4):
        a_player(data_version=4).keep(b"{}", 3, NOW)


def test_a_token_lasts_from_its_making():
    token = a_token(created=NOW, lasts=100)
    assert not token.ended(0, NOW + 100)
    assert token.ended(0, NOW + 101)


def test_a_sign_of_life_makes_a_token_last_longer():
    assert not a_token(created=NOW, lasts=100).ended(NOW + 50, NOW + 150)


def test_a_fixed_token_ends_whatever_its_player_does():
    assert a_token(created=NOW, lasts=100, fixed=True).ended(NOW + 50, NOW + 101)


def test_a_token_that_ended_can_be_renewed_for_a_while():
    token = a_token(created=NOW, lasts=100, fixed=True, renewal=50)
    assert token.ended(0, NOW + 150)
    assert not token.spent(0, NOW + 150)
    assert token.spent(0, NOW + 151)


def test_a_token_that_cannot_be_renewed_is_spent_when_it_ends():
    assert a_token(created=NOW, lasts=100).spent(0, NOW + 101)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("hour", 3600),
        ("day", 86400),
        ("week", 604800),
        ("month", 30 * 86400),
        ("quarter", 90 * 86400),
        ("year", 365 * 86400),
    ],
)
def test_a_ban_lasts_as_long_as_its_name_says(duration, seconds):
    assert ban_until(duration, NOW) == NOW + seconds


def test_a_ban_for_ever_never_ends():
    assert ban_until("forever", NOW) is None


def test_a_duration_without_a_name_is_refused():
    with refused(Why.MALFORMED):
        ban_until("fortnight", NOW)


def test_a_ban_holds_until_its_time_has_come():
    ban = a_ban(until=NOW + 10)
    assert ban.holds(NOW + 9)
    assert not ban.holds(NOW + 10)


def test_a_ban_for_ever_always_holds():
    assert a_ban(until=None).holds(1e12)
