"""Players, their tokens and their bans."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.player import ban_expiry
from tests.domain.builders import NOW, make_ban, make_player, make_token, raises_code


def test_bound_player_may_play_their_game():
    make_player(game="chess").check_can_play("chess", False)
    make_player(game="chess").check_can_play("chess", True)


def test_unbound_player_may_play_an_open_game():
    make_player().check_can_play("chess", True)


def test_unbound_player_may_not_play_a_closed_game():
    with raises_code(ErrorCode.GAME_CLOSED):
        make_player().check_can_play("chess", False)


@pytest.mark.parametrize("open_to_all", [True, False])
def test_bound_player_may_not_play_another_game(open_to_all):
    with raises_code(ErrorCode.GAME_CLOSED):
        make_player(game="chess").check_can_play("go", open_to_all)


def test_player_has_joined_their_game_and_games_with_a_seat():
    assert make_player(game="chess").has_joined("chess")
    assert make_player().with_game("go").has_joined("go")
    assert not make_player().has_joined("go")


def test_with_game_again_changes_nothing():
    seated = make_player().with_game("go")
    assert seated.with_game("go") is seated


def test_bound_player_does_not_list_their_game():
    assert make_player(game="chess").with_game("chess").other_games == ()


def test_rename_sets_name_and_time():
    renamed = make_player(updated=NOW - 50).rename("Bo", NOW)
    assert (renamed.name, renamed.updated) == ("Bo", NOW)


def test_update_data_replaces_the_data():
    updated_player = make_player(data=b'{"level":1}').update_data(b'{"gold":2}', None, NOW)
    assert (updated_player.data, updated_player.data_version, updated_player.updated) == (
        b'{"gold":2}',
        1,
        NOW,
    )


def test_update_data_with_the_current_version_succeeds():
    assert make_player(data_version=4).update_data(b"{}", 4, NOW).data_version == 5


def test_update_data_with_an_old_version_is_refused():
    with raises_code(ErrorCode.VERSION_CONFLICT, version=4):
        make_player(data_version=4).update_data(b"{}", 3, NOW)


def test_token_expires_after_its_lifetime():
    token = make_token(created=NOW, lifetime=100)
    assert not token.is_expired(0, NOW + 100)
    assert token.is_expired(0, NOW + 101)


def test_activity_extends_a_token():
    assert not make_token(created=NOW, lifetime=100).is_expired(NOW + 50, NOW + 150)


def test_activity_does_not_extend_a_fixed_lifetime():
    assert make_token(created=NOW, lifetime=100, fixed_lifetime=True).is_expired(
        NOW + 50, NOW + 101
    )


def test_expired_token_can_be_refreshed_for_a_while():
    token = make_token(created=NOW, lifetime=100, fixed_lifetime=True, refresh_seconds=50)
    assert token.is_expired(0, NOW + 150)
    assert not token.is_fully_expired(0, NOW + 150)
    assert token.is_fully_expired(0, NOW + 151)


def test_token_without_refresh_fully_expires_at_once():
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
def test_ban_expires_after_its_named_duration(duration, seconds):
    assert ban_expiry(duration, NOW) == NOW + seconds


def test_permanent_ban_has_no_expiry():
    assert ban_expiry("forever", NOW) is None


def test_unknown_duration_is_refused():
    with raises_code(ErrorCode.INVALID_REQUEST):
        ban_expiry("fortnight", NOW)


def test_ban_is_active_until_it_expires():
    ban = make_ban(until=NOW + 10)
    assert ban.is_active(NOW + 9)
    assert not ban.is_active(NOW + 10)


def test_permanent_ban_is_always_active():
    assert make_ban(until=None).is_active(1e12)
