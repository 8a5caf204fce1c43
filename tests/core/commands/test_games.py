"""Games: making them, their tokens, and what they keep for a player under a key."""

import hashlib

import pytest

from coalserver.core.commands.games import add_game, rotate_game_tokens, save_storage_item
from coalserver.core.commands.moderation import ban
from coalserver.core.queries.games import storage_item
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from tests.domain.builders import make_rules, raises_code


def game(table, tag):
    return table.state.first(Game, "tag", tag)


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def test_a_game_has_a_tag_limits_and_a_name_made_of_the_tag(table):
    table.execute(add_game, tag="four-in_a-row", min_players=2, max_players=4)
    made = game(table, "four-in_a-row")
    assert (made.name, made.min_players, made.max_players) == ("Four In A Row", 2, 4)


def test_a_game_may_be_called_otherwise(table):
    table.execute(add_game, tag="chess", name="Queen's game")
    assert game(table, "chess").name == "Queen's game"


def test_its_tokens_are_shown_once_and_kept_as_digests(table):
    shown = table.execute(add_game, tag="chess")
    made = game(table, "chess")
    assert made.api_token == digest(shown["api_token"])
    assert made.private_token == digest(shown["private_token"])
    assert (shown["game_id"], shown["tag"]) == (made.id, "chess")


@pytest.mark.parametrize("tag", ["", "Chess", "-chess", "a b", "ö", "a" * 33, "chess\n"])
def test_what_is_no_tag_makes_no_game(table, tag):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(add_game, tag=tag)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (3, 2), (1, 1001)])
def test_limits_nobody_can_keep_make_no_game(table, low, high):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(add_game, tag="chess", min_players=low, max_players=high)


def test_a_tag_belongs_to_one_game(table):
    with raises_code(ErrorCode.GAME_EXISTS, tag="free"):
        table.execute(add_game, tag="free")


def test_new_tokens_take_the_place_of_the_old(table):
    old = game(table, "free")
    shown = table.execute(rotate_game_tokens, tag="free")
    new = game(table, "free")
    assert new.api_token == digest(shown["api_token"]) != old.api_token
    assert new.private_token == digest(shown["private_token"]) != old.private_token


def test_a_game_nobody_made_has_no_tokens(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(rotate_game_tokens, tag="chess")


def keep(table, player, by=None, **parts):
    parts = {"game": "free", "storage_key": "deck", "value": b"[1,2]", **parts}
    return table.execute(save_storage_item, player_id=player, by=by or player, **parts)


def kept(table, player):
    return table.query(storage_item, game="free", player=player, storage_key="deck")


def test_a_game_keeps_a_value_for_a_player(table):
    ann = table.make_guest()
    keep(table, ann)
    assert kept(table, ann) == b"[1,2]"


def test_a_value_takes_the_place_of_the_old(table):
    ann = table.make_guest()
    first = keep(table, ann)
    assert keep(table, ann, value=b"3").id == first.id
    assert kept(table, ann) == b"3"


def test_each_player_has_his_own(table):
    ann, bob = table.make_guest(), table.make_guest()
    keep(table, ann)
    with raises_code(ErrorCode.STORAGE_ITEM_NOT_FOUND):
        kept(table, bob)


def test_nobody_keeps_anything_for_another(table):
    ann, bob = table.make_guest(), table.make_guest()
    with raises_code(ErrorCode.PERMISSION_DENIED):
        keep(table, ann, by=bob)


def test_the_rules_may_refuse_a_value(table):
    def cheating(key, value):
        raise DomainError(ErrorCode.STORAGE_ITEM_REFUSED)

    table.set_rules("free", make_rules(datum=cheating))
    with raises_code(ErrorCode.STORAGE_ITEM_REFUSED):
        keep(table, table.make_guest())


def test_rules_that_fail_keep_nothing(table):
    table.set_rules("free", make_rules(datum=lambda key, value: value["x"]))
    ann = table.make_guest()
    with raises_code(ErrorCode.RULES_FAILED):
        keep(table, ann)
    with raises_code(ErrorCode.STORAGE_ITEM_NOT_FOUND):
        kept(table, ann)


def test_who_is_banned_keeps_nothing(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED):
        keep(table, pat)


def test_a_player_of_another_game_keeps_nothing(table):
    with raises_code(ErrorCode.GAME_CLOSED):
        keep(table, table.make_player("noughts"))


def test_nothing_is_kept_for_nobody_nor_in_no_game(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        keep(table, 99)
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        keep(table, table.make_guest(), game="chess")
