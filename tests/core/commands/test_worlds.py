"""Worlds: creation, names, run state, pings, console commands and chat."""

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.cleanup import (
    ECHO_SECONDS,
    delete_expired_sent_chats,
    mark_silent_worlds,
)
from coalserver.core.commands.consoles import finish_console_commands
from coalserver.core.commands.worlds import (
    MAX_QUEUED_COMMANDS,
    MAX_SENT_CHATS,
    archive_world,
    create_world,
    display_name_in_world,
    queue_console_command,
    record_ping,
    send_chat,
    update_world,
)
from coalserver.core.queries.worlds import (
    active_worlds,
    get_world,
    queued_commands,
    visitors_of_world,
    world_by_short_name,
)
from coalserver.core.topics import world as topic
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.visitor import ConsoleCommand, SentChat, Visitor
from coalserver.domain.minecraft.world import Ping, WorldStatus
from tests.core.worlds import DAY, chat, current_world, ingest, log_line, login, make_world
from tests.domain.builders import raises_code

RUNNING, STOPPED = Ping(running=True), Ping(running=False)


@pytest.fixture(autouse=True)
def set_noon(table):
    table.now = DAY + 12 * 3600


def statuses(table):
    return [event.status for event in table.events(at=("worlds", "")) if hasattr(event, "status")]


def deliver(table, world):
    return [line.text for line in table.execute(record_ping, world_id=world.id, ping=RUNNING)]


def make_account(table, email="ada@example.com", **kwargs):
    account = table.execute(create_account, email=email, password="hash", active=True)
    return account if not kwargs else table.execute(_with, account=account, **kwargs)


def _with(uow: UnitOfWork, *, account, **kwargs):
    return uow.save(account.with_changes(uow.now, **kwargs))


def test_new_world_is_unknown_and_emits_world_added(table):
    world = make_world(table, name=" My World ")
    assert (world.name, world.status, world.hosted) == ("My World", WorldStatus.UNKNOWN, False)
    assert world.created == world.updated == table.now
    assert table.event_names(topic(world.id)) == table.event_names(("worlds", "")) == ["WorldAdded"]


def test_world_requires_a_name_which_may_be_that_of_another(table):
    assert make_world(table).id != make_world(table).id
    with raises_code(ErrorCode.INVALID_REQUEST):
        make_world(table, name=" ")


def test_active_worlds_are_listed_oldest_first(table):
    worlds = [make_world(table, short_name=f"w{number}") for number in range(3)]
    table.execute(archive_world, world_id=worlds[1].id)
    assert [world.id for world in table.query(active_worlds)] == [worlds[0].id, worlds[2].id]
    for query in (
        lambda: table.query(get_world, id=worlds[1].id),
        lambda: table.query(world_by_short_name, short_name="w1"),
    ):
        with raises_code(ErrorCode.WORLD_NOT_FOUND):
            query()


def test_short_name_is_unique_among_active_worlds(table):
    one, other = make_world(table, short_name="home"), make_world(table)
    with raises_code(ErrorCode.SHORT_NAME_TAKEN):
        table.execute(update_world, world_id=other.id, short_name="home")
    table.execute(update_world, world_id=one.id, short_name="home")
    table.execute(update_world, world_id=one.id, short_name="")
    table.execute(update_world, world_id=other.id, short_name="home")
    table.execute(archive_world, world_id=other.id)
    assert make_world(table, short_name="home").short_name == "home"


@pytest.mark.parametrize("name", ["My World", "a--b", "-a", "ä", "a/b", "x" * 51])
def test_invalid_short_name_is_refused(table, name):
    with raises_code(ErrorCode.INVALID_REQUEST):
        make_world(table, short_name=name)


def test_archived_world_accepts_no_commands(table):
    world = make_world(table)
    table.execute(queue_console_command, world_id=world.id, text="stop")
    table.execute(archive_world, world_id=world.id)
    assert table.query(queued_commands, world=world.id) == []
    for command, kwargs in (
        (record_ping, {"ping": RUNNING}),
        (update_world, {}),
        (archive_world, {}),
    ):
        with raises_code(ErrorCode.WORLD_NOT_FOUND):
            table.execute(command, world_id=world.id, **kwargs)


def test_ping_emits_visible_changes_only(table):
    world = make_world(table)
    table.execute(record_ping, world_id=world.id, ping=RUNNING)
    table.now += 30
    table.execute(record_ping, world_id=world.id, ping=RUNNING)
    table.execute(record_ping, world_id=world.id, ping=Ping(running=True, day=3, time=1000))
    table.execute(record_ping, world_id=world.id, ping=STOPPED)
    assert statuses(table) == ["running", "stopped"]
    assert current_world(table, world).updated == table.now


def test_silent_world_becomes_unknown(table):
    world = make_world(table)
    table.execute(record_ping, world_id=world.id, ping=RUNNING)
    table.now += 301
    assert table.execute(mark_silent_worlds) == 1
    assert current_world(table, world).status is WorldStatus.UNKNOWN
    assert table.execute(mark_silent_worlds) == 0


def test_console_commands_are_delivered_once_to_a_running_world(table):
    world = make_world(table)
    for text in ("one", "two"):
        table.execute(queue_console_command, world_id=world.id, text=text, username="Ada")
    assert table.execute(record_ping, world_id=world.id, ping=STOPPED) == []
    assert table.execute(record_ping, world_id=world.id, ping=Ping()) == []
    delivered = table.execute(record_ping, world_id=world.id, ping=RUNNING)
    assert [(line.text, line.username) for line in delivered] == [("one", "Ada"), ("two", "Ada")]
    assert deliver(table, world) == []


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x00", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
)
def test_console_command_is_a_single_line(table, end):
    world = make_world(table)
    table.execute(
        queue_console_command, world_id=world.id, text=f"say hi{end}stop", username=f"A{end}B"
    )
    (line,) = table.execute(record_ping, world_id=world.id, ping=RUNNING)
    assert (line.text, line.username) == ("say hi stop", "A B")
    assert ConsoleCommand(1, 1, f"a{end}b", 0.0).text == "a b"


@pytest.mark.parametrize("text", ["", " ", "\n\r\t"])
def test_blank_text_is_not_sent(table, text):
    world = make_world(table)
    account = make_account(table)
    assert table.execute(queue_console_command, world_id=world.id, text=text) is None
    assert table.execute(send_chat, world_id=world.id, account_id=account.id, text=text) is None
    assert deliver(table, world) == []


def test_queue_of_console_commands_drops_the_oldest(table):
    world = make_world(table)
    for number in range(MAX_QUEUED_COMMANDS + 2):
        table.execute(queue_console_command, world_id=world.id, text=f"{number}")
    waiting = table.query(queued_commands, world=world.id)
    assert (len(waiting), waiting[0].text) == (MAX_QUEUED_COMMANDS, "2")


def test_chat_is_sent_under_the_display_name(table):
    world = make_world(table)
    ingest(table, world, login("11:59:00", "Grace"), login("11:59:00", "Ace"))
    account = make_account(table)
    assert send_chat_as(table, world, account) == "ada@example.com"
    account = make_account(table, "a@b.c", nickname="Ace")
    assert send_chat_as(table, world, account) == "*Ace"
    account = make_account(table, "b@b.c", nickname="Countess")
    assert send_chat_as(table, world, account) == "Countess"
    account = make_account(table, "c@b.c", nickname="Countess", usernames=("Nobody", "Grace"))
    assert send_chat_as(table, world, account) == "Grace"


@pytest.mark.parametrize(
    ("nickname", "email", "name"),
    [
        ("Grace> I quit. <x", "a@b.c", "Grace› I quit. ‹x"),
        ("", "<grace>@b.c", "‹grace›@b.c"),
        ("Gra\u200dce", "a@b.c", "*Gra\u200dce"),
        ("\U0001f9d1\u200d\U0001f680", "a@b.c", "\U0001f9d1\u200d\U0001f680"),
    ],
)
def test_display_name_cannot_impersonate_another_player(table, nickname, email, name):
    world = make_world(table)
    ingest(table, world, login("11:59:00", "Grace"))
    assert send_chat_as(table, world, make_account(table, email, nickname=nickname)) == name


def send_chat_as(table, world, account):
    table.execute(send_chat, world_id=world.id, account_id=account.id, text="hi")
    (text,) = deliver(table, world)
    name = table.execute(display_name_in_world, world_id=world.id, account=account)
    assert text == f"/say <{name}> hi"
    return name


def test_chat_under_a_username_requires_its_claim(table):
    world = make_world(table)
    ingest(table, world, login("11:59:00", "Grace"))
    account = make_account(table, usernames=("Grace", "Elsewhere"))
    table.execute(
        send_chat, world_id=world.id, account_id=account.id, text="hi\nstop", username="Grace"
    )
    assert deliver(table, world) == ["/say <Grace> hi stop"]
    other = make_account(table, "b@b.c")
    with raises_code(ErrorCode.PERMISSION_DENIED):
        table.execute(
            send_chat, world_id=world.id, account_id=other.id, text="hi", username="Grace"
        )
    with raises_code(ErrorCode.VISITOR_NOT_FOUND):
        table.execute(
            send_chat, world_id=world.id, account_id=account.id, text="hi", username="Elsewhere"
        )


def test_visitors_are_listed_by_name_upper_case_first(table):
    world = make_world(table)
    ingest(
        table,
        world,
        *(
            chat(f"11:59:0{number}", "hi", name)
            for number, name in enumerate(["bob", "Zoe", "Ada"])
        ),
    )
    assert [one.name for one in table.query(visitors_of_world, world=world.id)] == [
        "Ada",
        "Zoe",
        "bob",
    ]
    assert [
        one.name for one in table.query(visitors_of_world, world=world.id, after="Ada", limit=1)
    ] == ["Zoe"]


def test_world_is_private_until_made_public(table):
    world = make_world(table)
    assert not world.public
    table.clear_events()
    assert table.execute(update_world, world_id=world.id, public=True).public
    assert table.event_names(topic(world.id)) == ["WorldChanged"]
    assert table.execute(update_world, world_id=world.id, name="Other").public


def test_refused_world_is_not_created(table):
    make_world(table, short_name="home")
    with pytest.raises(DomainError):
        table.execute(create_world, name="Other", short_name="home")
    assert len(table.query(active_worlds)) == 1


def authors(table, world):
    """Return the accounts of all logged lines that are chats."""
    logged = [one for one in table.events(at=topic(world.id)) if isinstance(one, LineLogged)]
    return [one.line.account for one in logged if "chat" in one.line.tags]


def echo(second: int, text: str, name: str) -> str:
    return log_line(f"12:00:{second:02}", f"[Server] <{name}> {text}")


def test_echo_of_chat_creates_no_player_and_keeps_the_name_free(table):
    world = make_world(table)
    account = make_account(table, nickname="Countess")
    for second in range(3):
        assert send_chat_as(table, world, account) == "Countess"
        ingest(table, world, echo(second, "hi", "Countess"))
    assert table.state.first(Visitor, "name", (world.id, "Countess")) is None


def test_echo_carries_the_account_that_sent_the_message(table):
    world = make_world(table)
    ingest(table, world, login("11:59:00", "Ace"))
    senders = [
        make_account(table, "a@b.c", nickname="Countess"),
        make_account(table, "b@b.c", nickname="Ace"),
        make_account(table, "c@b.c"),
    ]
    names = [send_chat_as(table, world, account) for account in senders]
    assert names == ["Countess", "*Ace", "c@b.c"]
    ingest(table, world, *(echo(second, "hi", name) for second, name in enumerate(names)))
    ingest(table, world, echo(9, "hi", "Countess"))
    assert authors(table, world) == [*(one.id for one in senders), 0]


def test_echo_before_the_acknowledgement_carries_the_account(table):
    world = make_world(table)
    account = make_account(table, nickname="Countess")
    table.execute(send_chat, world_id=world.id, account_id=account.id, text="hi  there")
    [command] = table.execute(record_ping, world_id=world.id, ping=RUNNING, after=0)
    ingest(table, world, echo(1, "hi there", "Countess"))
    assert authors(table, world) == [account.id]
    table.execute(record_ping, world_id=world.id, ping=RUNNING, after=command.id)
    assert not table.state.find(SentChat, "world", world.id)


def test_echo_of_a_long_chat_before_it_is_noted_as_written_carries_the_account(table):
    """A hosted world shows as much of it as it was sent."""
    world = make_world(table)
    account = make_account(table, nickname="Countess")
    text = "hello " + "x" * 400
    table.execute(send_chat, world_id=world.id, account_id=account.id, text=text)
    [queued] = table.state.find(ConsoleCommand, "world", world.id)
    ingest(table, world, echo(1, text[: 256 - len("<Countess> ")], "Countess"))
    assert authors(table, world) == [account.id]
    table.execute(finish_console_commands, world_id=world.id, written=[queued])
    assert not table.state.find(SentChat, "world", world.id)
    ingest(table, world, echo(2, text[: 256 - len("<Countess> ")], "Countess"))
    assert authors(table, world) == [account.id, 0]


def test_delivered_chats_are_bounded_and_expire(table):
    world = make_world(table)
    account = make_account(table, nickname="Countess")
    for number in range(MAX_SENT_CHATS + 5):
        table.execute(send_chat, world_id=world.id, account_id=account.id, text=f"{number}")
    deliver(table, world)
    assert len(table.state.find(SentChat, "world", world.id)) == MAX_SENT_CHATS
    table.now += ECHO_SECONDS
    assert table.execute(delete_expired_sent_chats) == MAX_SENT_CHATS
    assert table.state.find(SentChat, "world", world.id) == []
