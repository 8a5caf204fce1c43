"""Accounts: sign in and out, register, what one is in, and who a token proves."""

import asyncio
from typing import Any

import pytest

from tests.apis.app import Asker, House, a_session

MINNIE = {"email": "minnie@example.org", "password": "hunter2hunter2", "username": "Minnie"}


async def registered(house: House, **other: Any) -> dict[str, Any]:
    answer = await house.stranger.post("/accounts/register", {**MINNIE, **other})
    assert answer.status == 200, answer.raw
    return answer.json["user"]  # type: ignore[no-any-return]


async def signed_in(house: House, **other: Any) -> Any:
    body = {"credentialType": "password", **MINNIE, **other}
    return await house.stranger.post("/accounts/login", body)


async def test_a_guest_is_called_as_he_asks(house: House) -> None:
    answer = await house.stranger.post(
        "/accounts/login", {"credentialType": "guest", "username": "Goofy"}
    )
    assert answer.json["user"]["username"] == "Goofy"
    assert answer.json["creationTime"] == int(house.clock() * 1000)


@pytest.mark.parametrize("name", [None, "", "   "])
async def test_a_guest_without_a_name_is_given_one(house: House, name: str | None) -> None:
    answer = await house.stranger.post(
        "/accounts/login", {"credentialType": "guest", "username": name}
    )
    user = answer.json["user"]
    assert user["username"] == f"Guest {user['userId']}"


async def test_two_guests_of_one_name_are_two_users(house: House) -> None:
    one, other = await house.guests("Goofy", "Goofy")
    assert one.id != other.id and one.token != other.token


async def test_whoever_registers_may_sign_in_at_once(house: House) -> None:
    user = await registered(house)
    answer = await signed_in(house)
    assert answer.json["user"] == user == {"userId": user["userId"], "username": "Minnie"}


async def test_an_address_is_the_same_in_any_case_and_between_blanks(house: House) -> None:
    await registered(house)
    assert (await signed_in(house, email="  Minnie@Example.ORG ")).status == 200


async def test_two_tokens_of_one_account_are_the_same_user(house: House) -> None:
    user = await registered(house)
    tokens = [(await signed_in(house)).json["token"] for _ in "ab"]
    first, second = (Asker(house, token, user["userId"], "Minnie") for token in tokens)
    room = await first.opens()
    assert (await second.get(room)).json["host"] == user
    assert (await first.post("/accounts/logout")).status == 204
    assert (await second.get(room)).status == 200


@pytest.mark.parametrize(
    "wrong", [{"password": "hunter2hunter3"}, {"email": "daisy@example.org"}, {"password": ""}]
)
async def test_a_wrong_word_is_bad_credentials(house: House, wrong: dict[str, str]) -> None:
    await registered(house)
    assert (await signed_in(house, **wrong)).refused == (400, "login.bad_credentials")


@pytest.mark.parametrize("kind", ["token", "", "Guest", "x" * 40])
async def test_a_credential_type_nobody_knows_is_said_so(house: House, kind: str) -> None:
    answer = await house.stranger.post("/accounts/login", {"credentialType": kind})
    assert answer.refused == (400, "login.bad_credential_type")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"email": "MINNIE@example.org"}, "register.email_already_exists"),
        ({"email": "minnie"}, "register.email_not_valid"),
        ({"email": "minnie@"}, "register.email_not_valid"),
        ({"email": "a@b@c"}, "register.email_not_valid"),
        ({"email": "a@" + "b" * 300}, "register.email_not_valid"),
        ({"email": "", "password": "hunter2hunter2"}, "register.email_not_valid"),
        ({"email": "new@example.org", "password": "hunter2"}, "register.password_too_short"),
        ({"email": "new@example.org", "username": "  "}, "request.malformed"),
        ({"email": "new@example.org", "username": "x" * 51}, "request.malformed"),
        ({"email": "new@example.org", "password": "x" * 1001}, "request.malformed"),
    ],
)
async def test_a_registration_that_cannot_be_says_why(
    house: House, wrong: dict[str, str], error: str
) -> None:
    await registered(house)
    answer = await house.stranger.post("/accounts/register", {**MINNIE, **wrong})
    assert answer.refused == (400, error)


async def test_two_may_have_the_same_user_name(house: House) -> None:
    one = await registered(house)
    other = await registered(house, email="other@example.org")
    assert one["username"] == other["username"] and one["userId"] != other["userId"]


async def test_of_two_registrations_with_one_address_one_wins(house: House) -> None:
    answers = await asyncio.gather(
        *(house.stranger.post("/accounts/register", MINNIE) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert {answer.error for answer in answers} == {"200", "register.email_already_exists"}


async def test_two_sign_ins_at_once_give_two_good_tokens(house: House) -> None:
    user = await registered(house)
    answers = await asyncio.gather(signed_in(house), signed_in(house))
    tokens = {answer.json["token"] for answer in answers}
    assert len(tokens) == 2
    for token in tokens:
        asker = Asker(house, token, user["userId"])
        assert (await asker.get("/games")).status == 200


async def test_guessing_ends_after_ten_wrong_passwords(house: House) -> None:
    await registered(house)
    for _ in range(10):
        assert (await signed_in(house, password="wrong wrong")).status == 400
    limited = await signed_in(house)
    assert limited.refused == (429, "rate.limited")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60


async def test_guessing_all_at_once_is_no_way_around(house: House) -> None:
    await registered(house)
    tries = [signed_in(house, password=f"wrong wrong {n}") for n in range(40)]
    answers = await asyncio.gather(*tries, signed_in(house))
    assert [answer.status for answer in answers].count(400) == 10
    assert answers[-1].status == 429


async def test_a_token_ends_with_its_logout(house: House) -> None:
    ann = await house.guest()
    assert (await ann.post("/accounts/logout")).status == 204
    assert (await ann.get("/games")).refused == (403, "auth.invalid")
    assert (await ann.post("/accounts/logout")).refused == (403, "auth.invalid")


async def test_a_guest_who_logs_out_leaves_rooms_and_loses_sessions(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("noughts", ann, bob)
    room = await bob.opens()
    await ann.joins(room)
    await ann.post("/accounts/logout")
    assert (await bob.get(session)).json["outcome"] == {"winner": 1}
    users = (await bob.get(room)).json["users"]
    assert [row["user"] for row in users] == [bob.user]


async def test_a_registered_user_who_logs_out_keeps_his_seats(house: House) -> None:
    user = await registered(house)
    minnie = Asker(house, (await signed_in(house)).json["token"], user["userId"], "Minnie")
    room = await minnie.opens()
    await minnie.post("/accounts/logout")
    ann = await house.guest()
    assert (await ann.get(room)).json["host"] == user


async def test_a_guest_s_token_ends_thirty_days_after_its_last_use(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("cards", ann, bob)
    for _ in range(3):
        house.clock.forward(6 * 86400)
        await ann.plays(session, card=(await ann.get(session)).json["environment"]["hand"][0])
        await bob.plays(session, card=(await bob.get(session)).json["environment"]["hand"][0])
    house.clock.forward(31 * 86400)
    assert (await ann.get(session)).refused == (403, "auth.invalid")


async def test_what_i_am_in_names_rooms_and_sessions(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("noughts", ann, bob)
    room = await ann.opens("noughts", "next", password="secret")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    [mine], [playing] = answer.json["rooms"], answer.json["sessions"]
    assert (mine["type"], mine["game"], mine["roomId"]) == ("room", "noughts", mine["id"])
    assert room.endswith(f"/{mine['id']}") and "secret" not in answer.raw.decode()
    assert (playing["type"], playing["game"]) == ("session", "noughts")
    assert playing["sessionId"] == str(playing["id"]) and session.endswith(playing["sessionId"])


async def test_what_is_over_is_nothing_to_resume(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("noughts", ann, bob)
    await bob.post(session + "/leave")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    assert answer.json == {"rooms": [], "sessions": []}


async def test_what_others_are_in_is_theirs(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    answer = await ann.get(f"/accounts/{bob.id}/rooms-and-sessions")
    assert answer.refused == (403, "auth.not_yours")


@pytest.mark.parametrize("id", ["99", "-1", "x", "1.0", "9" * 5000, "%00", "%ff"])
@pytest.mark.parametrize("path", ["/accounts/user/{}", "/accounts/{}/rooms-and-sessions"])
async def test_a_user_who_is_not_there_is_not_found(house: House, path: str, id: str) -> None:
    ann = await house.guest()
    assert (await ann.get(path.format(id))).refused == (404, "user.not_found")


async def test_without_a_token_it_is_401_and_how_to_bring_one(house: House) -> None:
    answer = await house.stranger.get("/games")
    assert answer.refused == (401, "auth.missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer", "Bearer  ", "bearer", "abc", ""])
async def test_what_is_no_bearer_token_counts_as_none(house: House, shown: str) -> None:
    answer = await house.stranger.get("/games", Authorization=shown)
    assert answer.refused == (401, "auth.missing")


@pytest.mark.parametrize("shown", ["Bearer x", "bearer 0", "Bearer " + "f" * 4000, "Bearer é"])
async def test_a_token_that_is_none_of_ours_is_403(house: House, shown: str) -> None:
    answer = await house.stranger.get("/games", Authorization=shown)
    assert answer.refused == (403, "auth.invalid")


async def test_bearer_may_be_written_in_any_case(house: House) -> None:
    ann = await house.guest()
    answer = await house.stranger.get("/games", Authorization=f"bEARER   {ann.token} ")
    assert answer.status == 200


async def test_guessing_tokens_ends_and_good_ones_still_pass(house: House) -> None:
    ann = await house.guest()
    answers = [await house.stranger.get("/games", Authorization=f"Bearer {n}") for n in range(11)]
    assert [answer.status for answer in answers] == [403] * 10 + [429]
    assert (await ann.get("/games")).status == 200


async def test_a_ticket_is_shown_once_and_lasts_a_little(house: House) -> None:
    ann = await house.guest()
    answer = await ann.post("/accounts/ticket")
    assert answer.json["expiresIn"] == 30 and answer.json["ticket"] not in ann.token
