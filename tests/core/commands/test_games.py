"""Games: creation, tokens and storage items of players."""

import hashlib

import pytest

from coalserver.core.commands.games import add_game, rotate_game_tokens, save_storage_item
from coalserver.core.commands.moderation import ban
from coalserver.core.queries.games import storage_item
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from tests.domain.builders import make_rules, raises_code


def find_game(table, tag):
    return table.state.first(Game, "tag", tag)


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def test_game_has_tag_limits_and_a_name_from_its_tag(table):
    table.execute(add_game, tag="four-in_a-row", min_players=2, max_players=4)
    game = find_game(table, "four-in_a-row")
    assert (game.name, game.min_players, game.max_players) == ("Four In A Row", 2, 4)


def test_game_may_have_another_name(table):
    table.execute(add_game, tag="chess", name="Queen's game")
    assert find_game(table, "chess").name == "Queen's game"


def test_tokens_are_returned_once_and_stored_as_digests(table):
    result = table.execute(add_game, tag="chess")
    game = find_game(table, "chess")
    assert game.api_token == digest(result["api_token"])
    assert game.private_token == digest(result["private_token"])
    assert (result["game_id"], result["tag"]) == (game.id, "chess")


@pytest.mark.parametrize("tag", ["", "Chess", "-chess", "a b", "ö", "a" * 33, "chess\n"])
def test_invalid_tag_is_refused(table, tag):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(add_game, tag=tag)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (3, 2), (1, 1001)])
def test_impossible_player_limits_are_refused(table, low, high):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(add_game, tag="chess", min_players=low, max_players=high)


def test_tag_of_another_game_is_refused(table):
    with raises_code(ErrorCode.GAME_EXISTS, tag="free"):
        table.execute(add_game, tag="free")


def test_rotation_replaces_both_tokens(table):
    old = find_game(table, "free")
    result = table.execute(rotate_game_tokens, tag="free")
    new = find_game(table, "free")
    assert new.api_token == digest(result["api_token"]) != old.api_token
    assert new.private_token == digest(result["private_token"]) != old.private_token


def test_tokens_of_an_unknown_game_cannot_be_rotated(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(rotate_game_tokens, tag="chess")


def save_item(table, player, by=None, **params):
    params = {"game": "free", "storage_key": "deck", "value": b"[1,2]", **params}
    return table.execute(save_storage_item, player_id=player, by=by or player, **params)


def find_item(table, player):
    return table.query(storage_item, game="free", player=player, storage_key="deck")


def test_storage_item_is_saved_for_a_player(table):
    ann = table.make_guest()
    save_item(table, ann)
    assert find_item(table, ann) == b"[1,2]"


def test_saving_again_replaces_the_storage_item(table):
    ann = table.make_guest()
    first = save_item(table, ann)
    assert save_item(table, ann, value=b"3").id == first.id
    assert find_item(table, ann) == b"3"


def test_storage_items_belong_to_one_player(table):
    ann, bob = table.make_guest(), table.make_guest()
    save_item(table, ann)
    with raises_code(ErrorCode.STORAGE_ITEM_NOT_FOUND):
        find_item(table, bob)


def test_storage_item_of_another_player_cannot_be_saved(table):
    ann, bob = table.make_guest(), table.make_guest()
    with raises_code(ErrorCode.PERMISSION_DENIED):
        save_item(table, ann, by=bob)


def test_rules_may_refuse_a_storage_item(table):
    def refuse(key, value):
        raise DomainError(ErrorCode.STORAGE_ITEM_REFUSED)

    table.set_rules("free", make_rules(datum=refuse))
    with raises_code(ErrorCode.STORAGE_ITEM_REFUSED):
        save_item(table, table.make_guest())


def test_failing_rules_save_no_storage_item(table):
    table.set_rules("free", make_rules(datum=lambda key, value: value["x"]))
    ann = table.make_guest()
    with raises_code(ErrorCode.RULES_FAILED):
        save_item(table, ann)
    with raises_code(ErrorCode.STORAGE_ITEM_NOT_FOUND):
        find_item(table, ann)


def test_banned_player_cannot_save_a_storage_item(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED):
        save_item(table, pat)


def test_player_of_another_game_cannot_save_a_storage_item(table):
    with raises_code(ErrorCode.GAME_CLOSED):
        save_item(table, table.make_player("noughts"))


def test_unknown_player_or_game_is_not_found(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        save_item(table, 99)
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        save_item(table, table.make_guest(), game="chess")
