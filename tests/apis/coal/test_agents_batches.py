"""Batches of numbered log lines, and pairing of agents."""

import asyncio
import threading
from typing import Any

import pytest

from coalserver.apis.coal import agent_schemas
from coalserver.apis.coal.params import MAX_PARAMS_BYTES
from coalserver.core.commands.agents import create_pairing_code
from coalserver.core.ports import LineQuery
from coalserver.domain.minecraft.log import parser
from coalserver.domain.minecraft.log.parser import parse_lines
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from coalserver.web.body import LARGE_BODY_BYTES
from coalserver.web.schemas import MAX_PLAIN_BYTES
from tests.apis.app import Answer, TestApp, run_test_app
from tests.apis.coal.clients import FORM, User, WorldFixture, make_world

BATCH, LAST, PAIR = (f"/api/v1/agents/{name}" for name in ("loglines", "lastline", "pair"))
NOON = 1_699_963_200.0


def numbered(*lines: Any, first: int = 1, **more: str) -> list[dict[str, Any]]:
    return [{"sequence": number, "line": line, **more} for number, line in enumerate(lines, first)]


async def send_batch(
    world: WorldFixture, lines: Any, source: Any = "latest.log", zone: Any = "UTC"
) -> Answer:
    return await world.agent.post(BATCH, {"source": source, "zone": zone, "lines": lines})


async def stored_and_new(world: WorldFixture, lines: Any, **more: Any) -> tuple[int, int]:
    answer = await send_batch(world, lines, **more)
    assert answer.status == 200 and set(answer.json) == {"stored", "new"}, answer.raw
    return answer.json["stored"], answer.json["new"]


async def chats(world: WorldFixture) -> list[tuple[str, float | None]]:
    found = await world.test_app.core.history.lines(LineQuery(world.id, ascending=True), 2000)
    return [(line.chat, line.at) for line in found]


def chat_line(clock: str, text: str) -> str:
    return f"[{clock}] [Server thread/INFO]: <Ada> {text}"


async def test_repeated_batch_lines_are_stored_once(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    lines = numbered(*(chat_line("22:13:00", f"{number}") for number in range(1, 8)))
    assert await stored_and_new(world, lines[:3]) == (3, 3)
    assert await stored_and_new(world, lines[:3]) == (3, 0)
    await persistent_test_app.restart()
    assert await stored_and_new(world, lines[1:5]) == (5, 2)
    both = await asyncio.gather(stored_and_new(world, lines), stored_and_new(world, lines))
    assert sorted(both) == [(7, 0), (7, 2)]
    assert [chat for chat, _ in await chats(world)] == [*"1234567"]


async def test_equal_lines_with_distinct_sequences_are_both_stored(test_app: TestApp):
    world = await make_world(test_app)
    equal_lines = [
        {"sequence": number, "line": chat_line("22:13:00", "hi")} for number in (7, 4000)
    ]
    assert await stored_and_new(world, equal_lines) == (4000, 2)
    assert len(await chats(world)) == 2


async def test_lastline_returns_the_stored_sequence_of_each_source(
    persistent_test_app: TestApp,
):
    world = await make_world(persistent_test_app)
    await stored_and_new(world, numbered("a", "b"), source="one")
    await stored_and_new(world, numbered("a", first=9), source="two")
    await persistent_test_app.restart()
    for source, stored in (("one", 2), ("two", 9), ("three", 0)):
        answer = await world.agent.get(f"{LAST}?source={source}")
        assert answer.json == {"lastline": None, "stored": stored}
    assert await stored_and_new(world, [], source="two") == (9, 0)


async def test_batch_is_not_stored_before_lines_that_a_restore_took_away(test_app: TestApp):
    world = await make_world(test_app)
    lines = numbered(chat_line("22:13:01", "a"), first=6)
    body = {"source": "s", "zone": "UTC", "lines": lines}
    answer = await world.agent.post("/api/v1/agents/loglines?after=5", body)
    assert (answer.status, answer.json) == (200, {"stored": 0, "new": 0})
    ping = await world.agent.send("/api/v1/agents/ping", server_name="x", source="s")
    assert ping.json == {"commands": [], "stored": 0}
    for after in ("0", "x", ""):
        answer = await world.agent.post(f"/api/v1/agents/loglines?after={after}", body)
        assert answer.json["stored"] == 6
    ping = await world.agent.send("/api/v1/agents/ping", server_name="x", source="s")
    assert ping.json == {"commands": [], "stored": 6}


async def test_batch_of_more_than_a_thousand_lines_is_rejected(test_app: TestApp):
    world = await make_world(test_app)
    lines = numbered(*(chat_line("22:13:00", f"{number}") for number in range(1001)))
    assert (await send_batch(world, lines)).json["errors"] == "lines: More than 1000 at once."
    assert await stored_and_new(world, lines[:1000]) == (1000, 1000)


async def test_too_large_batch_is_413_and_long_line_is_accepted():
    async with run_test_app(body_limit=100_000) as test_app:
        world = await make_world(test_app)
        assert (await send_batch(world, numbered("x" * 100_000))).status == 413
        assert await stored_and_new(world, numbered(chat_line("22:13:00", "x" * 90_000))) == (1, 1)


async def test_batch_that_consists_of_numbers_is_rejected(test_app: TestApp):
    world = await make_world(test_app)
    answer = await send_batch(world, [{"sequence": 1, "line": "x", "x": [0.5] * 80_000}])
    assert (answer.status, answer.json["errors"]) == (400, "The body holds too many numbers.")
    assert await stored_and_new(world, numbered("0.5," * 80_000)) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        (None, "lines: This field is required."),
        ("x", "lines: Not a list."),
        (["x"], "lines: Each is an object."),
        ([{"line": "x"}], "lines: Each has a sequence, a whole number."),
        ([{"sequence": True, "line": "x"}], "lines: Each has a sequence, a whole number."),
        ([{"sequence": "1", "line": "x"}], "lines: Each has a sequence, a whole number."),
        ([{"sequence": 1}], "lines: Each has a line, a text."),
        ([{"sequence": 1, "line": 7}], "lines: Each has a line, a text."),
        (
            numbered("x", first=0),
            "lines: Each sequence is a whole number above the one before, from 1.",
        ),
        (
            numbered("x", first=2**63),
            "lines: Each sequence is a whole number above the one before, from 1.",
        ),
        (numbered("x") * 2, "lines: Each sequence is a whole number above the one before, from 1."),
        (
            numbered("x", date="2014-02-30"),
            "lines: A date is a day of the calendar, as in 2026-09-25.",
        ),
        (
            numbered("x", date="0001-01-01"),
            "lines: A date is a day of the calendar, as in 2026-09-25.",
        ),
        (numbered("x", date=7), "lines: A date is a day of the calendar, as in 2026-09-25."),
    ],
)
async def test_invalid_batch_stores_no_line(test_app: TestApp, lines: Any, errors: str):
    world = await make_world(test_app)
    answer = await send_batch(world, lines)
    assert (answer.status, answer.json) == (400, {"errors": errors})
    assert (await world.agent.get(f"{LAST}?source=latest.log")).json["stored"] == 0


async def test_batch_of_too_many_values_is_refused(world: WorldFixture):
    answer = await send_batch(world, [[]] * 40_000)
    assert answer.status == 400
    assert answer.json == {"errors": "The body holds more than 32,768 lists and objects."}
    assert await chats(world) == []


async def test_brackets_and_quotes_in_lines_do_not_count(world: WorldFixture):
    lines = numbered(*[chat_line("22:13:00", '[{"' * 40 + str(number)) for number in range(900)])
    assert await stored_and_new(world, lines) == (900, 900)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            {},
            "zone: This field is required. source: This field is required. lines: This field is required.",
        ),
        (
            {"source": "x" * 201, "zone": "UTC", "lines": []},
            "source: Field cannot be longer than 200 characters.",
        ),
        ({"source": " ", "zone": "UTC", "lines": []}, "source: This field is required."),
        (b"[]", "The body must be a JSON object."),
        (b"[" * 30_000, "The body is not valid JSON: "),
        (b'{"lines": ' + b"9" * 5000 + b"}", "The body is not valid JSON: "),
    ],
)
async def test_batch_without_source_zone_or_lines_is_rejected(
    test_app: TestApp, body: Any, errors: str
):
    answer = await (await make_world(test_app)).agent.post(BATCH, body)
    assert answer.status == 400 and answer.json["errors"].startswith(errors)


async def test_unusual_lines_do_not_block_a_batch(test_app: TestApp):
    world = await make_world(test_app)
    unusual = (
        "", "   ", "a\0b", "\ud800", "\x1b[0m", "x" * 100_000, "2014-02-30 10:00:00 [INFO] <Ada> hi",
        "\tat net.minecraft.Thing.tick(Thing.java:7)", chat_line("22:13:00", "hi"),
    )  # fmt: skip
    assert await stored_and_new(world, numbered(*unusual)) == (len(unusual), len(unusual))
    assert await stored_and_new(world, numbered(*unusual)) == (len(unusual), 0)
    assert await chats(world) == [("hi", test_app.clock() - 20)]


async def test_line_without_date_gets_the_present_day(test_app: TestApp):
    world = await make_world(test_app)
    await stored_and_new(world, numbered(chat_line("16:13:19", "hi")), zone="America/Chicago")
    assert await chats(world) == [("hi", test_app.clock() - 1)]


async def test_dated_lines_after_midnight_get_the_next_day(
    test_app: TestApp,
):
    world = await make_world(test_app)
    dated = numbered(chat_line("23:59:00", "a"), chat_line("00:01:00", "b"), date="2023-10-31")
    later = numbered(chat_line("12:00:00", "c"), first=3, date="2023-11-14")
    live = numbered(chat_line("22:13:00", "d"), first=4)
    assert await stored_and_new(world, dated + later + live) == (4, 4)
    halloween = NOON - 14 * 86400 + 43200
    assert await chats(world) == [
        ("a", halloween - 60), ("b", halloween + 60), ("c", NOON), ("d", test_app.clock() - 20),
    ]  # fmt: skip


async def make_pairing_code(test_app: TestApp, world: WorldFixture) -> str:
    return await test_app.core.execute(create_pairing_code, world_id=world.id, admin_id=0)


async def test_pairing_code_returns_working_credentials_once(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app, "Overworld")
    code = await make_pairing_code(persistent_test_app, world)
    await persistent_test_app.restart()
    answers = await asyncio.gather(
        *(persistent_test_app.anonymous.post(PAIR, {"code": code}) for _ in range(2))
    )
    first, second = sorted(answers, key=lambda answer: answer.status)
    assert (first.status, second.status) == (200, 400) and "errors" in second.json
    credentials = first.json
    assert set(credentials) == {"client_id", "client_secret", "server_key", "server_name"}
    key = persistent_test_app.app_context.service(OpaqueKeys).of(SERVER, world.id)
    assert (credentials["server_key"], credentials["server_name"]) == (key, "Overworld")
    assert first.headers["Cache-Control"] == "no-store"
    issued = await User(persistent_test_app).send(
        "/oauth/v1/token", client_id=credentials["client_id"], client_secret=credentials["client_secret"],
        code=credentials["client_secret"], grant_type="authorization_code", scope="agent", redirect_uri="/",
    )  # fmt: skip
    agent = User(persistent_test_app, issued.json["access_token"])
    assert (await agent.get(LAST)).json == {"lastline": None}


async def test_pairing_code_can_be_sent_as_form(test_app: TestApp):
    code = await make_pairing_code(test_app, await make_world(test_app))
    assert (await User(test_app).send(PAIR, code=f" {code}\n")).status == 200


async def test_pairing_code_expires_after_fifteen_minutes(test_app: TestApp):
    code = await make_pairing_code(test_app, await make_world(test_app))
    await test_app.advance(15 * 60)
    answer = await test_app.anonymous.post(PAIR, {"code": code})
    assert (answer.status, answer.json) == (400, {"errors": "The code is invalid or has expired."})


async def test_wrong_pairing_codes_are_limited(test_app: TestApp):
    code = await make_pairing_code(test_app, await make_world(test_app))
    for number in range(10):
        assert (await test_app.anonymous.post(PAIR, {"code": f"guess{number}"})).status == 400
    answer = await test_app.anonymous.post(PAIR, {"code": code})
    assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 60
    assert "errors" in answer.json


@pytest.mark.parametrize(
    "body", [{}, {"code": ""}, {"code": 7}, {"code": ["x"]}, {"code": "x" * 201}, b"{", b"[]"]
)
async def test_invalid_pairing_request_is_rejected(test_app: TestApp, body: Any):
    assert (await test_app.anonymous.post(PAIR, body)).status == 400


async def test_body_with_more_names_than_lines_need_is_refused(world: WorldFixture):
    lines = [{"sequence": n, "line": "x" * 10, "a": 1, "b": 2} for n in range(1, 1001)]
    assert (await send_batch(world, lines)).status == 200
    more = [{**line, **{f"n{name}": 1 for name in range(5)}} for line in lines]
    answer = await send_batch(world, more)
    expected = {"errors": "The body holds more than 8,000 names."}
    assert (answer.status, answer.json) == (400, expected)


@pytest.mark.parametrize(("path", "most"), [("pair", MAX_PLAIN_BYTES), ("ping", MAX_PARAMS_BYTES)])
async def test_body_is_limited_to_what_its_route_needs(world: WorldFixture, path: str, most: int):
    for more, refused in ((0, False), (1, True)):
        raw = b"{}" + b" " * (most - 2 + more)
        answer = await world.agent.post(f"/api/v1/agents/{path}", raw)
        assert (answer.status == 413) is refused


async def test_large_form_of_an_agent_is_read_beside_other_work(
    world: WorldFixture, monkeypatch: pytest.MonkeyPatch
):
    threads: list[int] = []
    parse = agent_schemas._parse_form

    def parse_form(text: str) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return parse(text)

    monkeypatch.setattr(agent_schemas, "_parse_form", parse_form)
    for size in (1, LARGE_BODY_BYTES):
        raw = b"zone=UTC&line=%5B12%3A00%3A00%5D+" + b"%41" * size
        answer = await world.agent.post("/api/v1/agents/logline", raw, Content_Type=FORM)
        assert answer.status == 201
    assert threads[0] == threading.get_ident() != threads[1]


async def test_other_requests_run_while_a_batch_is_parsed(
    world: WorldFixture, monkeypatch: pytest.MonkeyPatch
):
    turns, seen, counting = 0, [], True

    async def count() -> None:
        nonlocal turns
        while counting:
            await asyncio.sleep(0)
            turns += 1

    def counted(*given: Any) -> Any:
        seen.append(turns)
        return parse_lines(*given)

    monkeypatch.setattr(parser, "parse_lines", counted)
    counter = asyncio.create_task(count())
    text = "Steve was slain by Zombie using [" + "[" * 900
    lines = numbered(*(f"[22:13:00] [Server thread/INFO]: {text}{n}" for n in range(1000)))
    assert await stored_and_new(world, lines) == (1000, 1000)
    counting = False
    await counter
    assert len(set(seen)) >= 10
