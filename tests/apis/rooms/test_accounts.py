"""Accounts: sign in and out, register, what one is in, and who a token proves."""

import asyncio
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp, make_session

MINNIE = {"email": "minnie@example.org", "password": "hunter2hunter2", "username": "Minnie"}


async def registered(test_app: TestApp, **other: Any) -> dict[str, Any]:
    answer = await test_app.anonymous.post("/accounts/register", {**MINNIE, **other})
    assert answer.status == 200, answer.raw
    return answer.json["user"]  # type: ignore[no-any-return]


async def signed_in(test_app: TestApp, **other: Any) -> Any:
    body = {"credentialType": "password", **MINNIE, **other}
    return await test_app.anonymous.post("/accounts/login", body)


async def test_a_guest_is_called_as_he_asks(test_app: TestApp) -> None:
    answer = await test_app.anonymous.post(
        "/accounts/login", {"credentialType": "guest", "username": "Goofy"}
    )
    assert answer.json["user"]["username"] == "Goofy"
    assert answer.json["creationTime"] == int(test_app.clock() * 1000)


@pytest.mark.parametrize("name", [None, "", "   "])
async def test_a_guest_without_a_name_is_given_one(test_app: TestApp, name: str | None) -> None:
    answer = await test_app.anonymous.post(
        "/accounts/login", {"credentialType": "guest", "username": name}
    )
    user = answer.json["user"]
    assert user["username"] == f"Guest {user['userId']}"


async def test_two_guests_of_one_name_are_two_users(test_app: TestApp) -> None:
    one, other = await test_app.sign_in_guests("Goofy", "Goofy")
    assert one.id != other.id and one.token != other.token


async def test_whoever_registers_may_sign_in_at_once(test_app: TestApp) -> None:
    user = await registered(test_app)
    answer = await signed_in(test_app)
    assert answer.json["user"] == user == {"userId": user["userId"], "username": "Minnie"}


async def test_an_address_is_the_same_in_any_case_and_between_blanks(test_app: TestApp) -> None:
    await registered(test_app)
    assert (await signed_in(test_app, email="  Minnie@Example.ORG ")).status == 200


async def test_two_tokens_of_one_account_are_the_same_user(test_app: TestApp) -> None:
    user = await registered(test_app)
    tokens = [(await signed_in(test_app)).json["token"] for _ in "ab"]
    first, second = (ApiClient(test_app, token, user["userId"], "Minnie") for token in tokens)
    room = await first.create_room()
    assert (await second.get(room)).json["host"] == user
    assert (await first.post("/accounts/logout")).status == 204
    assert (await second.get(room)).status == 200


@pytest.mark.parametrize(
    "wrong", [{"password": "hunter2hunter3"}, {"email": "daisy@example.org"}, {"password": ""}]
)
async def test_a_wrong_word_is_bad_credentials(test_app: TestApp, wrong: dict[str, str]) -> None:
    await registered(test_app)
    assert (await signed_in(test_app, **wrong)).status_and_error == (400, "login.bad_credentials")


@pytest.mark.parametrize("kind", ["token", "", "Guest", "x" * 40])
async def test_a_credential_type_nobody_knows_is_said_so(test_app: TestApp, kind: str) -> None:
    answer = await test_app.anonymous.post("/accounts/login", {"credentialType": kind})
    assert answer.status_and_error == (400, "login.bad_credential_type")


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
    test_app: TestApp, wrong: dict[str, str], error: str
) -> None:
    await registered(test_app)
    answer = await test_app.anonymous.post("/accounts/register", {**MINNIE, **wrong})
    assert answer.status_and_error == (400, error)


async def test_two_may_have_the_same_user_name(test_app: TestApp) -> None:
    one = await registered(test_app)
    other = await registered(test_app, email="other@example.org")
    assert one["username"] == other["username"] and one["userId"] != other["userId"]


async def test_of_two_registrations_with_one_address_one_wins(test_app: TestApp) -> None:
    answers = await asyncio.gather(
        *(test_app.anonymous.post("/accounts/register", MINNIE) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert {answer.error for answer in answers} == {"200", "register.email_already_exists"}


async def test_two_sign_ins_at_once_give_two_good_tokens(test_app: TestApp) -> None:
    user = await registered(test_app)
    answers = await asyncio.gather(signed_in(test_app), signed_in(test_app))
    tokens = {answer.json["token"] for answer in answers}
    assert len(tokens) == 2
    for token in tokens:
        asker = ApiClient(test_app, token, user["userId"])
        assert (await asker.get("/games")).status == 200


async def test_guessing_ends_after_ten_wrong_passwords(test_app: TestApp) -> None:
    await registered(test_app)
    for _ in range(10):
        assert (await signed_in(test_app, password="wrong wrong")).status == 400
    limited = await signed_in(test_app)
    assert limited.status_and_error == (429, "rate.limited")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60


async def test_guessing_all_at_once_is_no_way_around(test_app: TestApp) -> None:
    await registered(test_app)
    tries = [signed_in(test_app, password=f"wrong wrong {n}") for n in range(40)]
    answers = await asyncio.gather(*tries, signed_in(test_app))
    assert [answer.status for answer in answers].count(400) == 10
    assert answers[-1].status == 429


async def test_a_token_ends_with_its_logout(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    assert (await ann.post("/accounts/logout")).status == 204
    assert (await ann.get("/games")).status_and_error == (403, "auth.invalid")
    assert (await ann.post("/accounts/logout")).status_and_error == (403, "auth.invalid")


async def test_a_guest_who_logs_out_leaves_rooms_and_loses_sessions(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    room = await bob.create_room()
    await ann.join(room)
    await ann.post("/accounts/logout")
    assert (await bob.get(session)).json["outcome"] == {"winner": 1}
    users = (await bob.get(room)).json["users"]
    assert [row["user"] for row in users] == [bob.user]


async def test_a_registered_user_who_logs_out_keeps_his_seats(test_app: TestApp) -> None:
    user = await registered(test_app)
    minnie = ApiClient(
        test_app, (await signed_in(test_app)).json["token"], user["userId"], "Minnie"
    )
    room = await minnie.create_room()
    await minnie.post("/accounts/logout")
    ann = await test_app.sign_in_guest()
    assert (await ann.get(room)).json["host"] == user


async def test_a_guest_s_token_ends_thirty_days_after_its_last_use(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(3):
        test_app.clock.advance(6 * 86400)
        await ann.take_turn(session, card=(await ann.get(session)).json["environment"]["hand"][0])
        await bob.take_turn(session, card=(await bob.get(session)).json["environment"]["hand"][0])
    test_app.clock.advance(31 * 86400)
    assert (await ann.get(session)).status_and_error == (403, "auth.invalid")


async def test_what_i_am_in_names_rooms_and_sessions(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    room = await ann.create_room("noughts", "next", password="secret")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    [mine], [playing] = answer.json["rooms"], answer.json["sessions"]
    assert (mine["type"], mine["game"], mine["roomId"]) == ("room", "noughts", mine["id"])
    assert room.endswith(f"/{mine['id']}") and "secret" not in answer.raw.decode()
    assert (playing["type"], playing["game"]) == ("session", "noughts")
    assert playing["sessionId"] == str(playing["id"]) and session.endswith(playing["sessionId"])


async def test_what_is_over_is_nothing_to_resume(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await bob.post(session + "/leave")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    assert answer.json == {"rooms": [], "sessions": []}


async def test_what_others_are_in_is_theirs(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    answer = await ann.get(f"/accounts/{bob.id}/rooms-and-sessions")
    assert answer.status_and_error == (403, "auth.not_yours")


@pytest.mark.parametrize("id", ["99", "-1", "x", "1.0", "9" * 5000, "%00", "%ff"])
@pytest.mark.parametrize("path", ["/accounts/user/{}", "/accounts/{}/rooms-and-sessions"])
async def test_a_user_who_is_not_there_is_not_found(test_app: TestApp, path: str, id: str) -> None:
    ann = await test_app.sign_in_guest()
    assert (await ann.get(path.format(id))).status_and_error == (404, "user.not_found")


async def test_without_a_token_it_is_401_and_how_to_bring_one(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/games")
    assert answer.status_and_error == (401, "auth.missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer", "Bearer  ", "bearer", "abc", ""])
async def test_what_is_no_bearer_token_counts_as_none(test_app: TestApp, shown: str) -> None:
    answer = await test_app.anonymous.get("/games", Authorization=shown)
    assert answer.status_and_error == (401, "auth.missing")


@pytest.mark.parametrize("shown", ["Bearer x", "bearer 0", "Bearer " + "f" * 4000, "Bearer é"])
async def test_a_token_that_is_none_of_ours_is_403(test_app: TestApp, shown: str) -> None:
    answer = await test_app.anonymous.get("/games", Authorization=shown)
    assert answer.status_and_error == (403, "auth.invalid")


async def test_bearer_may_be_written_in_any_case(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await test_app.anonymous.get("/games", Authorization=f"bEARER   {ann.token} ")
    assert answer.status == 200


async def test_guessing_tokens_ends_and_good_ones_still_pass(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answers = [
        await test_app.anonymous.get("/games", Authorization=f"Bearer {n}") for n in range(11)
    ]
    assert [answer.status for answer in answers] == [403] * 10 + [429]
    assert (await ann.get("/games")).status == 200


async def test_a_ticket_is_shown_once_and_lasts_a_little(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.post("/accounts/ticket")
    assert answer.json["expiresIn"] == 30 and answer.json["ticket"] not in ann.token
