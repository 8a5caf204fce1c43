"""Players, their tokens and their bans."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.player import ban_expiry
from tests.domain.builders import NOW, make_ban, make_player, make_token, raises_code


def test_a_player_of_a_game_plays_it_open_or_not():
    make_player(game="chess").check_can_play("chess", False)
    make_player(game="chess").check_can_play("chess", True)


def test_a_player_of_no_game_plays_those_that_are_open():
    make_player().check_can_play("chess", True)


def test_a_player_of_no_game_does_not_play_those_that_are_not():
    with raises_code(ErrorCode.GAME_CLOSED):
        make_player().check_can_play("chess", False)


@pytest.mark.parametrize("open_to_all", [True, False])
def test_a_player_of_one_game_plays_no_other(open_to_all):
    with raises_code(ErrorCode.GAME_CLOSED):
        make_player(game="chess").check_can_play("go", open_to_all)


def test_a_player_is_known_to_his_game_and_to_those_he_sat_in():
    assert make_player(game="chess").has_joined("chess")
    assert make_player().with_game("go").has_joined("go")
    assert not make_player().has_joined("go")


def test_sitting_down_again_changes_nothing():
    seated = make_player().with_game("go")
    assert seated.with_game("go") is seated


def test_a_player_of_one_game_need_not_be_remembered_there():
    assert make_player(game="chess").with_game("chess").other_games == ()


def test_a_new_name_is_news():
    renamed = make_player(updated=NOW - 50).rename("Bo", NOW)
    assert (renamed.name, renamed.updated) == ("Bo", NOW)


def test_what_is_kept_for_a_player_is_replaced_whole():
    kept = make_player(data=b'{"level":1}').update_data(b'{"gold":2}', None, NOW)
    assert (kept.data, kept.data_version, kept.updated) == (b'{"gold":2}', 1, NOW)


def test_who_has_seen_the_present_version_may_replace_it():
    assert make_player(data_version=4).update_data(b"{}", 4, NOW).data_version == 5


def test_who_has_seen_an_older_version_may_not():
    with raises_code(ErrorCode.VERSION_CONFLICT, version=4):
        make_player(data_version=4).update_data(b"{}", 3, NOW)


def test_a_token_lasts_from_its_making():
    token = make_token(created=NOW, lifetime=100)
    assert not token.is_expired(0, NOW + 100)
    assert token.is_expired(0, NOW + 101)


def test_a_sign_of_life_makes_a_token_last_longer():
    assert not make_token(created=NOW, lifetime=100).is_expired(NOW + 50, NOW + 150)


def test_a_fixed_token_ends_whatever_its_player_does():
    assert make_token(created=NOW, lifetime=100, fixed_lifetime=True).is_expired(
        NOW + 50, NOW + 101
    )


def test_a_token_that_ended_can_be_renewed_for_a_while():
    token = make_token(created=NOW, lifetime=100, fixed_lifetime=True, refresh_seconds=50)
    assert token.is_expired(0, NOW + 150)
    assert not token.is_fully_expired(0, NOW + 150)
    assert token.is_fully_expired(0, NOW + 151)


def test_a_token_that_cannot_be_renewed_is_spent_when_it_ends():
    assert make_token(created=NOW, lifetime=100).is_fully_expired(0, NOW + 101)


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
    assert ban_expiry(duration, NOW) == NOW + seconds


def test_a_ban_for_ever_never_ends():
    assert ban_expiry("forever", NOW) is None


def test_a_duration_without_a_name_is_refused():
    with raises_code(ErrorCode.INVALID_REQUEST):
        ban_expiry("fortnight", NOW)


def test_a_ban_holds_until_its_time_has_come():
    ban = make_ban(until=NOW + 10)
    assert ban.is_active(NOW + 9)
    assert not ban.is_active(NOW + 10)


def test_a_ban_for_ever_always_holds():
    assert make_ban(until=None).is_active(1e12)
