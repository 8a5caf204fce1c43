"""Error codes that other tests do not cover, and the message table."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from coalserver.apis.rooms.errors import ERROR_MESSAGES, SESSION_ERROR_MESSAGES
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.players import register_player
from coalserver.core.commands.rooms import open_room
from coalserver.domain.errors import DomainError, ErrorCode
from tests.apis import sample_rules
from tests.apis.app import Answer, ApiClient, TestApp, make_session

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

Case = Callable[[TestApp, ApiClient, ApiClient], Awaitable[Answer]]
CASES: dict[str, Case] = {}


def expect_error(code: str) -> Callable[[Case], Case]:
    """Register a case that is answered with `status code`."""

    def register(case: Case) -> Case:
        CASES[f"{code} {case.__name__}"] = case
        return case

    return register


@expect_error("403 auth.banned")
async def banned_player_joins(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    room = await ann.create_room()
    await bob.create_room()
    await test_app.core.execute(ban, game="noughts", player_id=bob.id, duration="hour")
    return await bob.post(room + "/join")


@expect_error("403 auth.banned")
async def banned_player_creates_a_room(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    await bob.create_room()
    await test_app.core.execute(ban, game="noughts", player_id=bob.id, duration="forever")
    return await bob.post("/games/noughts/rooms", {"name": "x"})


@expect_error("403 auth.banned")
async def banned_player_quick_joins(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    await bob.create_room()
    await test_app.core.execute(ban, game="noughts", player_id=bob.id, duration="week")
    return await bob.post("/games/noughts/rooms/quick-join")


@expect_error("403 game.closed")
async def guest_creates_a_room_in_a_closed_game(
    test_app: TestApp, ann: ApiClient, bob: ApiClient
) -> Answer:
    await test_app.create_game("club", open=False)
    return await ann.post("/games/club/rooms", {"name": "x"})


@expect_error("403 game.closed")
async def guest_joins_a_room_of_a_closed_game(
    test_app: TestApp, ann: ApiClient, bob: ApiClient
) -> Answer:
    await test_app.create_game("club", open=False)
    member, _ = await test_app.core.execute(register_player, game="club", name="M")
    await test_app.core.execute(open_lobby, game="club", player_id=member.id, name="x")
    return await ann.post("/games/club/rooms/1/join")


@expect_error("400 room.needs_approval")
async def join_requires_approval(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    await test_app.core.execute(
        open_lobby, game="noughts", player_id=ann.id, name="x", requires_approval=True
    )
    return await bob.post("/games/noughts/rooms/1/join")


@expect_error("400 room.too_few_players")
async def start_requires_a_full_room(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    await test_app.create_game("free")
    await test_app.core.execute(
        open_lobby, game="free", player_id=ann.id, name="x", strict_full=True
    )
    return await ann.post("/games/free/rooms/1/start")


@expect_error("400 session.cannot_leave")
async def session_cannot_be_left(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    await test_app.create_game("free")
    params = {"name": "x", "capacity": 4, "can_leave": False}
    await test_app.core.execute(open_room, game="free", player_id=ann.id, **params)
    await bob.post("/games/free/sessions/1/join")
    return await bob.post("/games/free/sessions/1/leave")


@expect_error("400 session.not_in_session")
async def spectator_takes_a_turn(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    cid = await test_app.sign_in_guest("Cid")
    session = await make_session("noughts", ann, bob)
    return await cid.post(session + "/turn", {"cell": 0})


@expect_error("400 session.not_in_session")
async def spectator_stops_a_session(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    cid = await test_app.sign_in_guest("Cid")
    return await cid.post(await make_session("noughts", ann, bob) + "/stop")


@expect_error("400 session.full")
async def session_with_rules_rejects_join(
    test_app: TestApp, ann: ApiClient, bob: ApiClient
) -> Answer:
    cid = await test_app.sign_in_guest("Cid")
    return await cid.post(await make_session("noughts", ann, bob) + "/join")


@expect_error("400 cards.own_code")
async def rules_reject_a_turn(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    def legal(state: object, seat: int, turn: object) -> None:
        raise DomainError(ErrorCode.TURN_REFUSED, code="own_code")

    test_app.core.context.rules["cards"] = replace(sample_rules.CARDS, legal=legal)
    return await ann.post(await make_session("cards", ann, bob) + "/turn", {})


@expect_error("400 request.malformed")
async def cursor_is_above_the_newest(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    return await ann.get("/games/noughts/rooms/events?after-event-id=77")


@expect_error("400 room.not_in_room")
async def non_member_starts_a_room(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    return await bob.post(await ann.create_room() + "/start")


@expect_error("400 room.not_in_room")
async def non_member_changes_options(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    return await bob.put(await ann.create_room() + "/options", {})


@expect_error("400 room.not_in_room")
async def non_member_sets_ready(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    return await bob.post(await ann.create_room() + "/ready", {"ready": True})


@expect_error("410 room.gone")
async def options_of_a_closed_room(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    room = await ann.create_room()
    await ann.post(room + "/leave")
    return await ann.put(room + "/options", {})


@expect_error("410 room.gone")
async def chat_in_a_started_room(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    room = await ann.create_room()
    await bob.join(room)
    await ann.start(room)
    return await bob.post(room + "/chat", {"text": "x"})


@expect_error("400 room.bad_options")
async def room_is_created_with_bad_options(
    test_app: TestApp, ann: ApiClient, bob: ApiClient
) -> Answer:
    return await ann.post("/games/noughts/rooms", {"name": "x", "options": {"first": 1}})


@expect_error("400 room.bad_options")
async def quick_join_with_bad_options(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> Answer:
    return await ann.post("/games/noughts/rooms/quick-join", {"options": {"first": 1}})


@pytest.mark.parametrize("case", CASES)
async def test_error_code_is_returned(test_app: TestApp, case: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    answer = await CASES[case](test_app, ann, bob)
    assert f"{answer.status} {answer.error}" == " ".join(case.split()[:2])
    details = {"reason", "sessionId"} if answer.error == "room.gone" else set()
    assert {"error", "description"} <= set(answer.json) <= {"error", "description"} | details
    assert answer.json["description"].endswith(".")


def test_documented_codes_have_their_status() -> None:
    """Each code that the README or the document promises has its status."""
    promised = {
        "room.not_found": 404, "room.gone": 410, "room.full": 400, "room.wrong_password": 400,
        "room.not_in_room": 400, "room.not_host": 403, "room.not_ready": 400,
        "room.too_few_players": 400, "room.too_many_players": 400,
        "room.cannot_kick_self": 400, "room.user_not_in_room": 400, "game.not_found": 404,
        "session.not_found": 404, "session.not_current_player": 400, "session.over": 400,
        "request.malformed": 400, "auth.missing": 401, "auth.invalid": 403,
        "rate.limited": 429, "room.needs_approval": 400, "room.cannot_leave": 400,
        "room.too_many": 400, "auth.banned": 403, "request.key_reused": 422,
        "login.bad_credentials": 400, "login.bad_credential_type": 400,
        "login.account_unverified": 400, "register.email_already_exists": 400,
        "register.email_not_valid": 400,
    }  # fmt: skip
    used = {
        code: status
        for status, code, _ in [*ERROR_MESSAGES.values(), *SESSION_ERROR_MESSAGES.values()]
    }
    assert promised.items() <= used.items()


def test_every_error_code_has_a_message() -> None:
    assert set(ERROR_MESSAGES) == set(ErrorCode)
