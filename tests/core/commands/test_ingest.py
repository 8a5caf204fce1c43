"""Ingested log lines: events, visitors, visits, batches and username claims."""

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.claims import CLAIM_SECONDS, create_claim, set_usernames
from coalserver.core.commands.cleanup import delete_expired_claims
from coalserver.core.commands.ingest import LATE_SECONDS, MAX_LINES, log_batch, stored_sequence
from coalserver.core.commands.worlds import archive_world, record_ping
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.core.queries.worlds import claim_of_account, online_visitors, visitors_of_world
from coalserver.core.topics import world as topic
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.events import LineLogged, UsernameClaimed
from coalserver.domain.minecraft.world import Ping, WorldStatus
from tests.core.worlds import (
    DAY,
    chat,
    current_world,
    ingest,
    log_line,
    login,
    logout,
    make_world,
    parse_all,
    visitor,
)
from tests.domain.builders import raises_code

NOON = DAY + 12 * 3600


@pytest.fixture(autouse=True)
def set_noon(table):
    table.now = NOON


@pytest.fixture
def world(table):
    return make_world(table)


def tags(table):
    return [event.line.tags[-1] for event in table.events(LineLogged)]


def batch(table, world, first, *lines, source="latest.log"):
    numbers = range(first, first + len(lines))
    params = {"world_id": world.id, "source": source, "sequences": numbers}
    return table.execute(log_batch, parsed_lines=parse_all(lines), **params)


def test_each_line_is_logged_once(table, world):
    table.clear_events()
    assert ingest(table, world, chat("12:00:00", "hi"), chat("12:00:00", "hi")) == [True, False]
    assert ingest(table, world, chat("12:00:00", "hi"), chat("12:00:01", "hi")) == [False, True]
    logged = table.events(LineLogged, topic(world.id))
    assert [(event.line.id, event.line.chat) for event in logged] == [(1, "hi"), (2, "hi")]
    assert logged[0].line.created == NOON


def test_equal_line_of_another_world_is_logged(table, world):
    other = make_world(table)
    assert ingest(table, world, chat("12:00:00", "hi")) == [True]
    assert ingest(table, other, chat("12:00:00", "hi")) == [True]


def test_archived_world_accepts_no_lines(table, world):
    table.execute(archive_world, world_id=world.id)
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        ingest(table, world, chat("12:00:00", "hi"))
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        batch(table, world, 1, chat("12:00:00", "hi"))


def test_outdated_digests_require_a_new_query_of_the_history(table, world):
    written = table.state.recent.written
    table.state.recent.add(b"%d" % number for number in range(30_000))
    assert not table.state.recent.covers(written)
    assert ingest(table, world, chat("12:00:00", "hi")) is None
    table.state.recent.written = 30_000
    assert ingest(table, world, chat("12:00:00", "hi")) == [True]


def test_lines_create_visitors(table, world):
    ingest(
        table,
        world,
        chat("12:00:00", "hi"),
        login("12:00:01", "Bob"),
        log_line("12:00:02", "[Server] <a@b.c> hi"),
    )
    assert [one.name for one in table.query(visitors_of_world, world=world.id)] == ["Ada", "Bob"]
    assert [one.name for one in table.query(online_visitors, world=world.id)] == ["Bob"]
    assert visitor(table, world).last_login is None


def test_visit_lasts_from_login_to_logout(table, world):
    ingest(table, world, login("11:00:00"), log_line("11:00:00", "Ada joined the game"))
    assert visitor(table, world).online
    ingest(table, world, logout("11:30:00"), log_line("11:30:00", "Ada left the game"))
    latest = visitor(table, world).latest_visit
    assert (latest.login.at, latest.duration(NOON)) == (DAY + 11 * 3600, 1800)
    assert tags(table) == ["login", "connection", "logout", "connection"]


def test_start_and_stop_of_the_server_end_all_visits(table, world):
    ingest(
        table, world, login("11:56:00"), log_line("11:57:00", "Stopping server"), login("11:58:00")
    )
    ingest(table, world, log_line("11:59:00", "Starting minecraft server version 1.21.4"))
    # The last line before the start is the login.
    assert visitor(table, world).latest_visit.ended_at == DAY + 12 * 3600 - 120
    assert current_world(table, world).version == "1.21.4"
    assert current_world(table, world).status is WorldStatus.RUNNING


def test_visit_to_a_killed_world_ends_with_the_last_sign_of_life(table, world):
    start = log_line("11:50:00", "Starting minecraft server version 1.21.4")
    ingest(table, world, login("11:00:00"), chat("11:30:00", "hi"), start)
    assert visitor(table, world).latest_visit.ended_at == DAY + 11.5 * 3600
    # Lines before the start that arrive later.
    ingest(table, world, chat("11:40:00", "hi"))
    assert visitor(table, world).latest_visit.ended_at == DAY + 11 * 3600 + 2400
    assert visitor(table, world).latest_visit.has_inferred_end


def test_visits_to_a_world_that_does_not_run_are_suspended(table, world):
    up, down = Ping(running=True), Ping(running=False)
    table.execute(record_ping, world_id=world.id, ping=up)
    ingest(table, world, login("11:59:00"))
    table.now = NOON + 30
    table.execute(record_ping, world_id=world.id, ping=down, last_line_at=NOON - 30)
    assert not visitor(table, world).online
    assert visitor(table, world).latest_visit.ended_at == NOON
    table.execute(record_ping, world_id=world.id, ping=down)
    table.execute(record_ping, world_id=world.id, ping=up)
    assert visitor(table, world).online
    table.execute(record_ping, world_id=world.id, ping=down)
    table.execute(record_ping, world_id=world.id, ping=up)
    ingest(table, world, logout("12:00:20"))
    assert visitor(table, world).latest_visit.duration(0) == 80


def test_old_line_does_not_change_newer_facts(table, world):
    table.execute(record_ping, world_id=world.id, ping=Ping(running=True, address="192.0.2.1"))
    ingest(table, world, log_line("11:50:00", "Starting minecraft server version 1.21.4"))
    ingest(table, world, login("11:59:00"))
    before = current_world(table, world), visitor(table, world)
    table.clear_events()
    ingest(
        table,
        world,
        log_line("09:00:00", "Starting minecraft server version 1.2.5"),
        login("09:01:00"),
        logout("09:30:00"),
        log_line("10:00:00", "Stopping server"),
    )
    after = current_world(table, world)
    assert (after.status, after.version, after.address) == (
        WorldStatus.RUNNING,
        "1.21.4",
        "192.0.2.1",
    )
    assert visitor(table, world).latest_visit == before[1].latest_visit
    assert [event.live for event in table.events(LineLogged)] == [False] * 4
    assert table.event_names(("worlds", "")) == []


def test_recent_line_is_live(table, world):
    table.now = NOON + LATE_SECONDS
    ingest(table, world, chat("11:59:59", "old"), chat("12:00:00", "new"), "  at some.java(1)")
    assert [event.live for event in table.events(LineLogged)] == [False, True, True]


def test_logout_received_before_its_login_ends_the_visit(table, world):
    ingest(table, world, logout("11:30:00"))
    ingest(table, world, login("09:00:00"))
    assert visitor(table, world).latest_visit.ended_at == DAY + 11.5 * 3600


def test_clock_set_back_gives_no_negative_duration(table, world):
    ingest(table, world, login("02:50:00"), logout("02:10:00"))
    latest = visitor(table, world).latest_visit
    assert (latest.logout.at, latest.duration(NOON)) == (DAY + 2 * 3600 + 600, 0)


def test_batch_is_identified_by_its_sequence_numbers(table, world):
    lines = [chat(f"12:00:0{number}", "hi") for number in range(5)]
    assert batch(table, world, 1, *lines[:3]) == (3, 3)
    assert batch(table, world, 2, *lines[1:]) == (5, 2)
    assert batch(table, world, 1, *lines) == (5, 0)
    assert batch(table, world, 9, chat("12:00:00", "hi")) == (9, 1)
    assert [event.line.sequence for event in table.events(LineLogged)] == [1, 2, 3, 4, 5, 9]
    assert table.execute(stored_sequence, world_id=world.id, source="latest.log") == 9
    assert table.execute(stored_sequence, world_id=world.id, source="other.log") == 0


def test_empty_batch_returns_the_stored_sequence(table, world):
    assert batch(table, world, 1) == (0, 0)
    batch(table, world, 1, chat("12:00:00", "hi"))
    assert batch(table, world, 1) == (1, 0)


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1), (0,), (-1,), (2**63,)])
def test_sequence_numbers_must_ascend_within_64_bits(table, world, numbers):
    lines = parse_all(chat("12:00:00", f"{number}") for number in numbers)
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(
            log_batch, world_id=world.id, source="log", parsed_lines=lines, sequences=numbers
        )


def test_batch_requires_a_source_and_has_a_maximum_size(table, world):
    with raises_code(ErrorCode.INVALID_REQUEST):
        batch(table, world, 1, chat("12:00:00", "hi"), source="")
    with raises_code(ErrorCode.INVALID_REQUEST):
        batch(table, world, 1, *(chat("12:00:00", f"{number}") for number in range(MAX_LINES + 1)))


def test_death_makes_the_player_of_a_normal_account(table, world):
    ingest(table, world, log_line("12:00:00", "Ada was slain by Zombie"))
    ingest(table, world, log_line("12:00:01", "Villager was slain by Zombie"))
    ingest(table, world, log_line("12:00:02", "ab was slain by Zombie"))
    ingest(table, world, log_line("12:00:03", "Ada has made the advancement [Stone Age]"))
    assert tags(table) == ["death", "unknown", "unknown", "achievement"]
    assert [one.name for one in table.query(visitors_of_world, world=world.id)] == ["Ada"]


def make_account(table, email="a@b.c", admin=False):
    return table.execute(create_account, email=email, password="hash", active=True, admin=admin)


def test_username_is_claimed_by_typing_the_code(table, world):
    account = make_account(table)
    claim = table.execute(create_claim, account_id=account.id)
    ingest(table, world, chat("12:00:00", claim.code[:-1]), chat("12:00:01", "hi"))
    assert table.query(find_account_by_username, username="Ada") is None
    ingest(table, world, chat("12:00:02", f" {claim.code.lower()} "))
    assert table.query(find_account_by_username, username="Ada").id == account.id
    assert table.events(UsernameClaimed) == [UsernameClaimed(account.id, "Ada")]
    assert table.query(claim_of_account, account=account.id, now=table.now) is None
    ingest(table, world, chat("12:00:03", claim.code, "Bob"))
    assert table.query(find_account_by_username, username="Bob") is None


def test_username_of_another_account_cannot_be_claimed(table, world):
    one, other = make_account(table), make_account(table, "b@b.c")
    table.execute(set_usernames, account_id=one.id, usernames=("Ada",))
    claim = table.execute(create_claim, account_id=other.id)
    ingest(table, world, chat("12:00:00", claim.code))
    assert table.query(find_account_by_username, username="Ada").id == one.id
    with raises_code(ErrorCode.USERNAME_TAKEN):
        table.execute(set_usernames, account_id=other.id, usernames=("Bob", "Ada"))


def test_claim_expires_after_an_hour_and_ignores_old_lines(table, world):
    account = make_account(table)
    claim = table.execute(create_claim, account_id=account.id)
    ingest(table, world, chat("11:00:00", claim.code))
    table.now += CLAIM_SECONDS
    ingest(table, world, chat("13:00:00", claim.code))
    assert table.query(find_account_by_username, username="Ada") is None
    assert table.execute(delete_expired_claims) == 1


def test_new_claim_replaces_the_previous_one(table):
    account = make_account(table)
    first = table.execute(create_claim, account_id=account.id)
    second = table.execute(create_claim, account_id=account.id)
    assert first.code != second.code
    assert table.query(claim_of_account, account=account.id, now=table.now) == second


def test_event_of_a_claim_is_between_those_of_the_lines(table, world):
    account = make_account(table)
    claim = table.execute(create_claim, account_id=account.id)
    table.clear_events()
    lines = [chat("12:00:00", "a"), chat("12:00:01", claim.code), chat("12:00:02", "b")]
    batch(table, world, 1, *lines)
    assert table.event_names() == ["LineLogged", "UsernameClaimed", "LineLogged", "LineLogged"]
    ids = [entry.id for entry in table.entries]
    assert ids == list(range(ids[0], ids[0] + 4))
    assert [event.line.id for event in table.events(LineLogged)] == [1, 2, 3]


def test_names_of_a_batch_are_looked_up_once_each(table, world, monkeypatch):
    """Not once for each line, and no more state is read for a longer batch."""
    lines = [chat(f"11:{n // 60:02}:{n % 60:02}", "hi", f"Player{n % 7}") for n in range(600)]
    batch(table, world, 1, *lines[:7])
    lookups = []
    first = table.state.first

    def counted(kind, index, key):
        lookups.append(key)
        return first(kind, index, key)

    monkeypatch.setattr(table.state, "first", counted)
    batch(table, world, 8, *lines)
    assert len([key for key in lookups if str(key[1]).startswith("Player")]) == 7
    assert len(lookups) < 12
