"""Error codes: each one that a client of this API can meet, and how."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from coalserver.apis.rooms.errors import SESSION, WORDS
from coalserver.core.commands.bans import ban
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.players import register_player
from coalserver.core.commands.rooms import open_room
from coalserver.domain.errors import Refusal, Why
from tests.apis import sample_rules
from tests.apis.app import Answer, Asker, House, a_session

Case = Callable[[House, Asker, Asker], Awaitable[Answer]]
CASES: dict[str, Case] = {}


def meets(code: str) -> Callable[[Case], Case]:
    """This is how one meets the code: `status code`."""

    def note(case: Case) -> Case:
        CASES[f"{code} {case.__name__}"] = case
        return case

    return note


@meets("403 auth.banned")
async def who_is_banned_joins(house: House, ann: Asker, bob: Asker) -> Answer:
    room = await ann.opens()
    await bob.opens()
    await house.core.do(ban, game="noughts", player=bob.id, duration="hour")
    return await bob.post(room + "/join")


@meets("403 auth.banned")
async def who_is_banned_opens(house: House, ann: Asker, bob: Asker) -> Answer:
    await bob.opens()
    await house.core.do(ban, game="noughts", player=bob.id, duration="forever")
    return await bob.post("/games/noughts/rooms", {"name": "x"})


@meets("403 auth.banned")
async def who_is_banned_joins_quickly(house: House, ann: Asker, bob: Asker) -> Answer:
    await bob.opens()
    await house.core.do(ban, game="noughts", player=bob.id, duration="week")
    return await bob.post("/games/noughts/rooms/quick-join")


@meets("403 game.closed")
async def a_game_is_not_open_to_all(house: House, ann: Asker, bob: Asker) -> Answer:
    await house.game("club", open=False)
    return await ann.post("/games/club/rooms", {"name": "x"})


@meets("403 game.closed")
async def a_room_of_a_game_that_is_not_open(house: House, ann: Asker, bob: Asker) -> Answer:
    await house.game("club", open=False)
    member, _ = await house.core.do(register_player, game="club", name="M")
    await house.core.do(open_lobby, game="club", player=member.id, name="x")
    return await ann.post("/games/club/rooms/1/join")


@meets("400 room.needs_approval")
async def a_room_whose_host_approves(house: House, ann: Asker, bob: Asker) -> Answer:
    await house.core.do(open_lobby, game="noughts", player=ann.id, name="x", by_request=True)
    return await bob.post("/games/noughts/rooms/1/join")


@meets("400 room.too_few_players")
async def a_room_that_starts_only_full(house: House, ann: Asker, bob: Asker) -> Answer:
    await house.game("free")
    await house.core.do(open_lobby, game="free", player=ann.id, name="x", strict_full=True)
    return await ann.post("/games/free/rooms/1/start")


@meets("400 session.cannot_leave")
async def a_session_members_may_not_leave(house: House, ann: Asker, bob: Asker) -> Answer:
    await house.game("free")
    asked = {"name": "x", "capacity": 4, "can_leave": False}
    await house.core.do(open_room, game="free", player=ann.id, **asked)
    await bob.post("/games/free/sessions/1/join")
    return await bob.post("/games/free/sessions/1/leave")


@meets("400 session.not_in_session")
async def a_turn_of_one_who_does_not_play(house: House, ann: Asker, bob: Asker) -> Answer:
    cid = await house.guest("Cid")
    session = await a_session("noughts", ann, bob)
    return await cid.post(session + "/turn", {"cell": 0})


@meets("400 session.not_in_session")
async def a_stranger_stops_a_session(house: House, ann: Asker, bob: Asker) -> Answer:
    cid = await house.guest("Cid")
    return await cid.post(await a_session("noughts", ann, bob) + "/stop")


@meets("400 session.full")
async def a_session_with_rules_takes_nobody(house: House, ann: Asker, bob: Asker) -> Answer:
    cid = await house.guest("Cid")
    return await cid.post(await a_session("noughts", ann, bob) + "/join")


@meets("400 cards.own_word")
async def a_turn_the_rules_refuse(house: House, ann: Asker, bob: Asker) -> Answer:
    def legal(state: object, seat: int, turn: object) -> None:
        raise Refusal(Why.TURN_REFUSED, code="own_word")

    house.core.setting.rules["cards"] = replace(sample_rules.CARDS, legal=legal)
    return await ann.post(await a_session("cards", ann, bob) + "/turn", {})


@meets("400 request.malformed")
async def a_cursor_above_the_newest(house: House, ann: Asker, bob: Asker) -> Answer:
    return await ann.get("/games/noughts/rooms/events?after-event-id=77")


@meets("400 room.not_in_room")
async def a_stranger_starts_a_room(house: House, ann: Asker, bob: Asker) -> Answer:
    return await bob.post(await ann.opens() + "/start")


@meets("400 room.not_in_room")
async def a_stranger_changes_options(house: House, ann: Asker, bob: Asker) -> Answer:
    return await bob.put(await ann.opens() + "/options", {})


@meets("400 room.not_in_room")
async def a_stranger_is_ready(house: House, ann: Asker, bob: Asker) -> Answer:
    return await bob.post(await ann.opens() + "/ready", {"ready": True})


@meets("410 room.gone")
async def options_of_a_room_that_is_gone(house: House, ann: Asker, bob: Asker) -> Answer:
    room = await ann.opens()
    await ann.post(room + "/leave")
    return await ann.put(room + "/options", {})


@meets("410 room.gone")
async def chat_in_a_room_that_has_started(house: House, ann: Asker, bob: Asker) -> Answer:
    room = await ann.opens()
    await bob.joins(room)
    await ann.starts(room)
    return await bob.post(room + "/chat", {"text": "x"})


@meets("400 room.bad_options")
async def a_room_opened_with_bad_options(house: House, ann: Asker, bob: Asker) -> Answer:
    return await ann.post("/games/noughts/rooms", {"name": "x", "options": {"first": 1}})


@meets("400 room.bad_options")
async def a_quick_join_with_bad_options(house: House, ann: Asker, bob: Asker) -> Answer:
    return await ann.post("/games/noughts/rooms/quick-join", {"options": {"first": 1}})


@pytest.mark.parametrize("case", CASES)
async def test_a_code_is_met(house: House, case: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    answer = await CASES[case](house, ann, bob)
    assert f"{answer.status} {answer.error}" == " ".join(case.split()[:2])
    assert set(answer.json) == {"error", "description"}
    assert answer.json["description"].endswith(".")


def test_the_codes_of_the_facts_are_the_ones_we_use() -> None:
    """The list in our facts: code -> status."""
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
    used = {code: status for status, code, _ in [*WORDS.values(), *SESSION.values()]}
    assert promised.items() <= used.items()


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Why)
