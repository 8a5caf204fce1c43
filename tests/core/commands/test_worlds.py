"""Worlds: made, named, asked to run, heard from, spoken to."""

import pytest

from coalserver.core.commands.account_admin import add_account
from coalserver.core.commands.worlds import (
    MOST_WAITING,
    add_world,
    change_properties,
    change_world,
    end_world,
    name_in_world,
    notice_silence,
    pause_world,
    ping_world,
    play_world,
    say_in_world,
    tell_console,
    world_on_its_way,
    world_put_away,
)
from coalserver.core.queries.worlds import (
    active_worlds,
    visitors_of,
    visitors_there,
    waiting_for,
    world_called,
    world_with,
)
from coalserver.core.topics import world as topic
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.visitor import ConsoleLine
from coalserver.domain.minecraft.world import Ping, Status
from tests.core.worlds import DAY, a_world, chat, log, login, now, visitor
from tests.domain.builders import refused

RUNS, STANDS = Ping(running=True), Ping(running=False)


@pytest.fixture(autouse=True)
def today(table):
    table.now = DAY + 12 * 3600


def statuses(table):
    return [event.status for event in table.said(at=("worlds", "")) if hasattr(event, "status")]


def told(table, world):
    return [line.text for line in table.do(ping_world, world_id=world.id, ping=RUNS)]


def an_account(table, email="ada@example.com", **parts):
    account = table.do(add_account, email=email, password="hash", active=True)
    return account if not parts else table.do(_with, account=account, **parts)


def _with(unit: Unit, *, account, **parts):
    return unit.put(account.changed(unit.now, **parts))


def test_a_new_world_is_unknown_and_said(table):
    world = a_world(table, name=" My World ")
    assert (world.name, world.status, world.hosted) == ("My World", Status.UNKNOWN, False)
    assert world.created == world.updated == table.now
    assert table.names(topic(world.id)) == table.names(("worlds", "")) == ["WorldAdded"]


def test_names_of_worlds_need_not_differ_but_must_be_some(table):
    assert a_world(table).id != a_world(table).id
    with refused(Why.MALFORMED):
        a_world(table, name=" ")


def test_worlds_are_listed_oldest_first_while_they_are_ours(table):
    worlds = [a_world(table, short_name=f"w{number}") for number in range(3)]
    table.do(end_world, world_id=worlds[1].id)
    assert [world.id for world in table.see(active_worlds)] == [worlds[0].id, worlds[2].id]
    for ask in (
        lambda: table.see(world_with, id=worlds[1].id),
        lambda: table.see(world_called, short_name="w1"),
    ):
        with refused(Why.WORLD_NOT_FOUND):
            ask()


def test_a_short_name_is_one_worlds_until_it_is_free(table):
    one, other = a_world(table, short_name="home"), a_world(table)
    with refused(Why.SHORT_NAME_TAKEN):
        table.do(change_world, world_id=other.id, short_name="home")
    table.do(change_world, world_id=one.id, short_name="home")
    table.do(change_world, world_id=one.id, short_name="")
    table.do(change_world, world_id=other.id, short_name="home")
    table.do(end_world, world_id=other.id)
    assert a_world(table, short_name="home").short_name == "home"


@pytest.mark.parametrize("name", ["My World", "a--b", "-a", "ä", "a/b", "x" * 51])
def test_a_short_name_is_a_slug(table, name):
    with refused(Why.MALFORMED):
        a_world(table, short_name=name)


def test_a_world_that_is_not_ours_any_more_takes_nothing(table):
    world = a_world(table)
    table.do(tell_console, world_id=world.id, text="stop")
    table.do(end_world, world_id=world.id)
    assert table.see(waiting_for, world=world.id) == []
    for command, asked in ((ping_world, {"ping": RUNS}), (change_world, {}), (end_world, {})):
        with refused(Why.WORLD_NOT_FOUND):
            table.do(command, world_id=world.id, **asked)


#: Status before, and what play and pause make of it; None: nothing.
ASKED = [
    (Status.RUNNING, None, Status.QUEUED_STOP),
    (Status.QUEUED_START, None, Status.QUEUED_STOP),
    (Status.LOADING, None, Status.QUEUED_STOP),
    (Status.LOADED, None, Status.QUEUED_STOP),
    (Status.QUEUED_RESTART, Status.QUEUED_START, Status.QUEUED_STOP),
    (Status.QUEUED_STOP, Status.QUEUED_START, None),
    (Status.SAVING, Status.QUEUED_START, None),
    (Status.STOPPED, Status.QUEUED_START, None),
    (Status.UNKNOWN, Status.QUEUED_START, Status.QUEUED_STOP),
]


@pytest.mark.parametrize(("before", "play", "pause"), ASKED)
def test_play_and_pause_ask_for_what_is_not_there_yet(table, before, play, pause):
    for command, after in ((play_world, play), (pause_world, pause)):
        world = a_world(table, hosted=True)
        table.do(world_on_its_way, world_id=world.id, status=before)
        assert table.do(command, world_id=world.id) is (after is not None)
        assert now(table, world).status is (after or before)


def test_only_hosted_worlds_are_played_paused_and_set_up(table):
    world = a_world(table)
    for command, asked in ((play_world, {}), (pause_world, {}), (change_properties, {"given": {}})):
        with refused(Why.WORLD_NOT_FOUND):
            table.do(command, world_id=world.id, **asked)


def test_a_ping_is_said_where_others_see_a_difference(table):
    world = a_world(table)
    table.do(ping_world, world_id=world.id, ping=RUNS)
    table.now += 30
    table.do(ping_world, world_id=world.id, ping=RUNS)
    table.do(ping_world, world_id=world.id, ping=Ping(running=True, day=3, time=1000))
    table.do(ping_world, world_id=world.id, ping=STANDS)
    assert statuses(table) == ["running", "stopped"]
    assert now(table, world).updated == table.now


def test_silence_makes_a_world_unknown(table):
    world = a_world(table)
    table.do(ping_world, world_id=world.id, ping=RUNS)
    table.now += 301
    assert table.do(notice_silence) == 1
    assert now(table, world).status is Status.UNKNOWN
    assert table.do(notice_silence) == 0


def test_console_lines_wait_for_a_world_that_runs_and_go_out_once(table):
    world = a_world(table)
    for text in ("one", "two"):
        table.do(tell_console, world_id=world.id, text=text, username="Ada")
    assert table.do(ping_world, world_id=world.id, ping=STANDS) == []
    assert table.do(ping_world, world_id=world.id, ping=Ping()) == []
    given = table.do(ping_world, world_id=world.id, ping=RUNS)
    assert [(line.text, line.username) for line in given] == [("one", "Ada"), ("two", "Ada")]
    assert told(table, world) == []


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x00", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
)
def test_a_console_line_is_one_line_by_construction(table, end):
    world = a_world(table)
    table.do(tell_console, world_id=world.id, text=f"say hi{end}stop", username=f"A{end}B")
    (line,) = table.do(ping_world, world_id=world.id, ping=RUNS)
    assert (line.text, line.username) == ("say hi stop", "A B")
    assert ConsoleLine(1, 1, f"a{end}b", 0.0).text == "a b"


@pytest.mark.parametrize("text", ["", " ", "\n\r\t"])
def test_what_is_blank_is_not_sent(table, text):
    world = a_world(table)
    account = an_account(table)
    assert table.do(tell_console, world_id=world.id, text=text) is None
    assert table.do(say_in_world, world_id=world.id, account=account.id, text=text) is None
    assert told(table, world) == []


def test_of_too_many_waiting_lines_the_oldest_go(table):
    world = a_world(table)
    for number in range(MOST_WAITING + 2):
        table.do(tell_console, world_id=world.id, text=f"{number}")
    waiting = table.see(waiting_for, world=world.id)
    assert (len(waiting), waiting[0].text) == (MOST_WAITING, "2")


def test_one_speaks_under_the_name_one_has_there(table):
    world = a_world(table)
    log(table, world, login("11:59:00", "Grace"), login("11:59:00", "Ace"))
    account = an_account(table)
    assert said_as(table, world, account) == "ada@example.com"
    account = an_account(table, "a@b.c", nickname="Ace")
    assert said_as(table, world, account) == "a@b.c"
    account = an_account(table, "b@b.c", nickname="Countess")
    assert said_as(table, world, account) == "Countess"
    account = an_account(table, "c@b.c", nickname="Countess", usernames=("Nobody", "Grace"))
    assert said_as(table, world, account) == "Grace"


@pytest.mark.parametrize(
    ("nickname", "email", "name"),
    [
        ("Grace> I quit. <x", "a@b.c", "Grace› I quit. ‹x"),
        ("", "<grace>@b.c", "‹grace›@b.c"),
        ("Gra\u200dce", "a@b.c", "a@b.c"),
        ("\U0001f9d1\u200d\U0001f680", "a@b.c", "\U0001f9d1\u200d\U0001f680"),
    ],
)
def test_nobody_has_a_name_that_puts_words_into_the_mouth_of_another(table, nickname, email, name):
    world = a_world(table)
    log(table, world, login("11:59:00", "Grace"))
    assert said_as(table, world, an_account(table, email, nickname=nickname)) == name


def said_as(table, world, account):
    table.do(say_in_world, world_id=world.id, account=account.id, text="hi")
    (text,) = told(table, world)
    name = table.do(name_in_world, world=world.id, account=account)
    assert text == f"/say <{name}> hi"
    return name


def test_one_speaks_as_another_only_with_a_claim(table):
    world = a_world(table)
    log(table, world, login("11:59:00", "Grace"))
    mine = an_account(table, usernames=("Grace", "Elsewhere"))
    table.do(say_in_world, world_id=world.id, account=mine.id, text="hi\nstop", username="Grace")
    assert told(table, world) == ["/say <Grace> hi stop"]
    other = an_account(table, "b@b.c")
    with refused(Why.NOT_YOURS):
        table.do(say_in_world, world_id=world.id, account=other.id, text="hi", username="Grace")
    with refused(Why.VISITOR_NOT_FOUND):
        table.do(say_in_world, world_id=world.id, account=mine.id, text="hi", username="Elsewhere")


def test_nobody_is_in_a_world_that_was_put_away(table):
    world = a_world(table, hosted=True)
    table.do(ping_world, world_id=world.id, ping=RUNS)
    log(table, world, login("11:59:00"))
    table.do(pause_world, world_id=world.id)
    assert table.do(world_put_away, world_id=world.id).status is Status.STOPPED
    assert table.see(visitors_there, world=world.id) == []
    assert visitor(table, world).latest.ended == table.now


def test_visitors_are_listed_by_name_upper_case_first(table):
    world = a_world(table)
    log(
        table,
        world,
        *(
            chat(f"11:59:0{number}", "hi", name)
            for number, name in enumerate(["bob", "Zoe", "Ada"])
        ),
    )
    assert [one.name for one in table.see(visitors_of, world=world.id)] == ["Ada", "Zoe", "bob"]
    assert [one.name for one in table.see(visitors_of, world=world.id, after="Ada", limit=1)] == [
        "Zoe"
    ]


def test_a_world_is_nobodys_to_read_until_it_is_public(table):
    world = a_world(table)
    assert not world.public
    table.hush()
    assert table.do(change_world, world_id=world.id, public=True).public
    assert table.names(topic(world.id)) == ["WorldChanged"]
    assert table.do(change_world, world_id=world.id, name="Other").public


def test_a_refused_world_leaves_no_trace(table):
    a_world(table, short_name="home")
    with pytest.raises(Refusal):
        table.do(add_world, name="Other", short_name="home")
    assert len(table.see(active_worlds)) == 1
