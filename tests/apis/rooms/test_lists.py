"""Lists: limit, offset, totals and filters."""

import pytest

from tests.apis.app import ApiClient, TestApp, make_session
from tests.apis.rooms.factories import room_row

ROOMS = "/games/noughts/rooms"


async def names(client: ApiClient, query: str = "") -> list[str]:
    """Return the names of the listed rooms."""
    answer = await client.get(f"{ROOMS}?{query}")
    assert answer.status == 200, answer.raw
    return [row["name"] for row in answer.json]


async def test_row_has_the_documented_members(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await ann.create_room("noughts", "x", password="p", options={"a": [1]})
    row = room_row(ann, options={"a": [1]})
    assert (await ann.get(ROOMS)).json == [row | {"userInRoom": True}]
    assert (await bob.get(ROOMS)).json == [row | {"userInRoom": False}]


async def test_user_in_room_is_only_in_the_list(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    assert "userInRoom" not in (await ann.get(room)).json
    [created] = await ann.poll_events(room)
    assert created["event"]["room"].items() <= (await ann.get(ROOMS)).json[0].items()
    assert "userInRoom" not in created["event"]["room"]


async def test_list_starts_with_the_newest_and_returns_the_total(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    for number in range(25):
        await ann.create_room("noughts", str(number))
    answer = await ann.get(ROOMS)
    assert [row["name"] for row in answer.json] == [str(n) for n in range(24, 4, -1)]
    assert answer.headers["X-Total-Results"] == "25"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=2", ["4", "3"]),
        ("limit=2&offset=2", ["2", "1"]),
        ("limit=100&offset=4", ["0"]),
        ("offset=5", []),
        ("offset=1000000000000000", []),
    ],
)
async def test_limit_and_offset_select_a_page(
    test_app: TestApp, query: str, expected: list[str]
) -> None:
    ann = await test_app.sign_in_guest()
    for number in range(5):
        await ann.create_room("noughts", str(number))
    answer = await ann.get(f"{ROOMS}?{query}")
    assert [row["name"] for row in answer.json] == expected
    assert answer.headers["X-Total-Results"] == "5"


INVALID_QUERIES = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=abc",
    "limit=",
    "limit=1.0",
    "limit=--1",
]
INVALID_QUERIES += [
    "limit=+1",
    "limit=%C2%B2",
    "limit=" + "9" * 5000,
    "limit=1%00",
    "offset=-1",
    "offset=x",
]
INVALID_QUERIES += ["private=1", "full=yes", "active=", "search=" + "x" * 201]


@pytest.mark.parametrize("query", INVALID_QUERIES)
async def test_invalid_query_value_is_malformed_and_named(test_app: TestApp, query: str) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.get(f"{ROOMS}?{query}")
    assert answer.status_and_error == (400, "request.malformed")
    assert query.split("=")[0] in answer.json["description"]


async def test_unknown_query_parameters_are_ignored(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room("noughts", "x")
    assert await names(ann, "colour=red&%00=%ff&limit=5&limit=1") == ["x"]


FILTERS: list[tuple[str, list[str]]] = [
    ("search=BLITZ", ["Blitz 2", "blitz 1"]),
    ("search=blitz+1", ["blitz 1"]),
    ("search=%C3%9Cbung", ["übung"]),
    ("search=%25", []),
    ("private=true", ["Blitz 2"]),
    ("private=false", ["übung", "blitz 1"]),
    ("full=true", ["blitz 1"]),
    ("full=false", ["übung", "Blitz 2"]),
    ("full=false&private=false", ["übung"]),
    ("active=true", ["übung", "Blitz 2", "blitz 1"]),
    ("active=false", ["gone"]),
    ("active=false&search=blitz", []),
    ("option.level=3", ["Blitz 2"]),
    ("option.level=%223%22", []),
    ("option.first=host", ["übung", "Blitz 2"]),
    ("option.first=host&option.level=3", ["Blitz 2"]),
    ("option.rated=true", ["übung"]),
    ("option.rated=null", ["Blitz 2"]),
    ("option.clock=[1,2]", ["übung"]),
    ("option.none=1", []),
    ("option.=1", []),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=[query for query, _ in FILTERS])
async def test_filters_select_rooms(test_app: TestApp, query: str, expected: list[str]) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await bob.post(await bob.create_room("noughts", "gone") + "/leave")
    await bob.join(await ann.create_room("noughts", "blitz 1"))
    strong = {"level": 3, "first": "host", "rated": None}
    await ann.create_room("noughts", "Blitz 2", password="p", options=strong)
    await ann.create_room(
        "noughts", "übung", options={"first": "host", "rated": True, "clock": [1, 2]}
    )
    answer = await ann.get(f"{ROOMS}?{query}")
    assert [row["name"] for row in answer.json] == expected
    assert answer.headers["X-Total-Results"] == str(len(expected))


async def test_list_has_only_rooms_of_its_game(test_app: TestApp) -> None:
    await test_app.create_game("chess", 2, 2)
    ann = await test_app.sign_in_guest()
    await ann.create_room("chess", "chess")
    assert await names(ann) == []
    assert (await ann.get("/games/go/rooms")).status_and_error == (404, "game.not_found")


async def test_session_list_has_the_callers_sessions_newest_first(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    first = await make_session("noughts", ann, bob)
    await make_session("noughts", bob, cid)
    third = await make_session("noughts", cid, ann)
    answer = await ann.get("/games/noughts/sessions")
    ids = [row["sessionId"] for row in answer.json]
    assert ids == [third.split("/")[-1], first.split("/")[-1]]
    assert answer.headers["X-Total-Results"] == "2"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "2", "1"]),
        ("active=true", ["3", "1"]),
        ("active=false", ["2"]),
        ("limit=1", ["3"]),
        ("limit=1&offset=1", ["2"]),
        ("open=false", ["3", "2", "1"]),
    ],
)
async def test_session_list_filters_by_active(
    test_app: TestApp, query: str, expected: list[str]
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    sessions = [await make_session("noughts", ann, bob) for _ in range(3)]
    await bob.post(sessions[1] + "/leave")
    answer = await ann.get(f"/games/noughts/sessions?{query}")
    assert [row["sessionId"] for row in answer.json] == expected


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "active=x", "open=1"])
async def test_session_list_rejects_invalid_query_values(test_app: TestApp, query: str) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.get(f"/games/noughts/sessions?{query}")
    assert answer.status_and_error == (400, "request.malformed")


async def test_open_sessions_have_a_free_seat(test_app: TestApp) -> None:
    await test_app.create_game("free", 1, 3)
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    joinable = await make_session("free", ann)
    await make_session("free", ann, bob, cid)
    found = (await cid.get("/games/free/sessions?open=true")).json
    assert [row["sessionId"] for row in found] == [joinable.split("/")[-1]]


async def test_session_with_rules_is_never_open(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob, cid)
    await cid.post(session + "/leave")
    assert (await cid.post(session + "/join")).status_and_error == (400, "session.full")
    assert (await cid.get("/games/cards/sessions?open=true")).json == []


async def test_list_cursor_continues_without_a_gap(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room("noughts", "seen")
    cursor = (await ann.get(ROOMS)).cursor
    await ann.create_room("noughts", "new")
    [entry] = await ann.poll_events(ROOMS, cursor)
    assert entry["event"]["room"]["name"] == "new"
