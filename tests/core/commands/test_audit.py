"""Deeds: what an admin does is done and kept together, or neither."""

import pytest

from coalserver.core.commands.account_admin import add_account, change_account, sign_up
from coalserver.core.commands.audit import Asked, note, noted, noted_together
from coalserver.core.commands.games import add_game
from coalserver.core.commands.pairing import open_pairing, pair_agent
from coalserver.core.commands.worlds import add_world
from coalserver.core.queries.deeds import deeds
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import COMMAND_LINE, What
from coalserver.domain.errors import Why
from coalserver.domain.play.game import Game
from tests.domain.builders import refused


def an_admin(table, email="ann@example.org", **parts):
    parts = {"admin": True, **parts}
    return table.do(add_account, email=email, password="hash", **parts)


def done(table):
    return [(one.name, one.what, one.about, one.detail) for one in table.see(deeds, limit=100)[0]]


def adds_a_game(table, by, tag="chess"):
    return table.do(noted, by=by, what=What.GAME_ADDED, about=tag, act=add_game, tag=tag)


def unmakes(table, by, other):
    about = {"by": by, "what": What.ADMIN_UNMADE, "about": "x"}
    table.do(noted, **about, act=change_account, account=other, admin=False)


def test_what_an_admin_does_is_kept_with_his_name(table):
    ann = an_admin(table, nickname="Ann")
    table.now += 7
    assert adds_a_game(table, ann.id)["tag"] == "chess"
    [deed], total = table.see(deeds, limit=5)
    assert (deed.by, deed.name, deed.what, deed.about) == (ann.id, "Ann", What.GAME_ADDED, "chess")
    assert (deed.at, total) == (table.now, 1)


def test_the_command_line_needs_no_account(table):
    adds_a_game(table, COMMAND_LINE)
    assert done(table) == [("", What.GAME_ADDED, "chess", "")]


def test_what_was_refused_is_not_kept(table):
    ann = an_admin(table)
    adds_a_game(table, ann.id)
    with refused(Why.GAME_EXISTS):
        adds_a_game(table, ann.id)
    assert len(done(table)) == 1


@pytest.mark.parametrize("parts", [{"admin": False, "active": True}, {"admin": False}])
def test_who_is_no_admin_does_nothing(table, parts):
    eve = an_admin(table, **parts)
    for by in (eve.id, 99):
        with refused(Why.NOT_ADMIN):
            adds_a_game(table, by)
    assert table.state.one(Game, "tag", "chess") is None and done(table) == []


def test_of_two_admins_who_unmake_each_other_the_first_stays(table):
    ann, bob = an_admin(table), an_admin(table, "bob@example.org")
    unmakes(table, ann.id, bob.id)
    with refused(Why.NOT_ADMIN):
        unmakes(table, bob.id, ann.id)
    with refused(Why.LAST_ADMIN):
        unmakes(table, ann.id, ann.id)
    assert [one.admin for one in table.state.all(Account)] == [True, False]


def test_the_newest_comes_first_and_the_rest_on_other_pages(table):
    for number in range(5):
        table.do(note, by=COMMAND_LINE, what=What.BACKUP_MADE, about=str(number))
    page, total = table.see(deeds, limit=2, offset=2)
    assert ([one.about for one in page], total) == (["2", "1"], 5)


def test_the_first_admin_and_a_paired_agent_are_kept_too(table):
    ann = table.do(sign_up, email="ann@example.org", password="hash", first=True)
    world = table.do(add_world, name="Overworld").id
    table.do(pair_agent, code=table.do(open_pairing, world=world, admin=ann.id))
    assert done(table) == [
        ("ann@example.org", What.AGENT_PAIRED, "Overworld", ""),
        ("ann@example.org", What.FIRST_ADMIN, "ann@example.org", ""),
    ]


def test_a_long_text_is_cut(table):
    table.do(note, by=COMMAND_LINE, what=What.CONSOLE_TOLD, about="w", detail="x" * 1000)
    assert len(done(table)[0][3]) == 300


def test_of_several_deeds_all_are_done_or_none(table):
    ann = an_admin(table)
    games = [
        Asked(What.GAME_ADDED, tag, add_game, {"tag": tag}) for tag in ("chess", "go", "chess")
    ]
    with refused(Why.GAME_EXISTS):
        table.do(noted_together, by=ann.id, deeds=games)
    assert done(table) == [] and table.state.one(Game, "tag", "go") is None
    table.do(noted_together, by=ann.id, deeds=games[:2])
    assert [about for _, _, about, _ in done(table)] == ["go", "chess"]
