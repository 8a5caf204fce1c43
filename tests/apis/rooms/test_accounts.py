"""Accounts: login, logout, registration, tokens, and the rooms and sessions of a user."""

import asyncio
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp, make_session

MINNIE = {"email": "minnie@example.org", "password": "hunter2hunter2", "username": "Minnie"}


async def register(test_app: TestApp, **changes: Any) -> dict[str, Any]:
    """Register Minnie and return the user."""
    answer = await test_app.anonymous.post("/accounts/register", {**MINNIE, **changes})
    assert answer.status == 200, answer.raw
    return answer.json["user"]  # type: ignore[no-any-return]


async def log_in(test_app: TestApp, **changes: Any) -> Any:
    """Log in as Minnie and return the answer."""
    body = {"credentialType": "password", **MINNIE, **changes}
    return await test_app.anonymous.post("/accounts/login", body)


async def test_guest_gets_the_requested_name(test_app: TestApp) -> None:
    answer = await test_app.anonymous.post(
        "/accounts/login", {"credentialType": "guest", "username": "Goofy"}
    )
    assert answer.json["user"]["username"] == "Goofy"
    assert answer.json["creationTime"] == int(test_app.clock() * 1000)


@pytest.mark.parametrize("name", [None, "", "   "])
async def test_guest_without_name_gets_a_default_name(test_app: TestApp, name: str | None) -> None:
    answer = await test_app.anonymous.post(
        "/accounts/login", {"credentialType": "guest", "username": name}
    )
    user = answer.json["user"]
    assert user["username"] == f"Guest {user['userId']}"


async def test_guests_with_the_same_name_are_different_users(test_app: TestApp) -> None:
    first, second = await test_app.sign_in_guests("Goofy", "Goofy")
    assert first.id != second.id and first.token != second.token


async def test_registered_user_can_log_in_at_once(test_app: TestApp) -> None:
    user = await register(test_app)
    answer = await log_in(test_app)
    assert answer.json["user"] == user == {"userId": user["userId"], "username": "Minnie"}


async def test_email_ignores_case_and_surrounding_spaces(test_app: TestApp) -> None:
    await register(test_app)
    assert (await log_in(test_app, email="  Minnie@Example.ORG ")).status == 200


async def test_two_tokens_of_one_account_identify_the_same_user(test_app: TestApp) -> None:
    user = await register(test_app)
    tokens = [(await log_in(test_app)).json["token"] for _ in "ab"]
    first, second = (ApiClient(test_app, token, user["userId"], "Minnie") for token in tokens)
    room = await first.create_room()
    assert (await second.get(room)).json["host"] == user
    assert (await first.post("/accounts/logout")).status == 204
    assert (await second.get(room)).status == 200


@pytest.mark.parametrize(
    "wrong", [{"password": "hunter2hunter3"}, {"email": "daisy@example.org"}, {"password": ""}]
)
async def test_wrong_email_or_password_is_bad_credentials(
    test_app: TestApp, wrong: dict[str, str]
) -> None:
    await register(test_app)
    assert (await log_in(test_app, **wrong)).status_and_error == (400, "login.bad_credentials")


@pytest.mark.parametrize("kind", ["token", "", "Guest", "x" * 40])
async def test_unknown_credential_type_is_rejected(test_app: TestApp, kind: str) -> None:
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
async def test_invalid_registration_is_rejected(
    test_app: TestApp, wrong: dict[str, str], error: str
) -> None:
    await register(test_app)
    answer = await test_app.anonymous.post("/accounts/register", {**MINNIE, **wrong})
    assert answer.status_and_error == (400, error)


async def test_two_accounts_can_have_the_same_username(test_app: TestApp) -> None:
    first = await register(test_app)
    second = await register(test_app, email="other@example.org")
    assert first["username"] == second["username"] and first["userId"] != second["userId"]


async def test_concurrent_registrations_with_one_email_create_one_account(
    test_app: TestApp,
) -> None:
    answers = await asyncio.gather(
        *(test_app.anonymous.post("/accounts/register", MINNIE) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert {answer.error for answer in answers} == {"200", "register.email_already_exists"}


async def test_concurrent_logins_return_two_valid_tokens(test_app: TestApp) -> None:
    user = await register(test_app)
    answers = await asyncio.gather(log_in(test_app), log_in(test_app))
    tokens = {answer.json["token"] for answer in answers}
    assert len(tokens) == 2
    for token in tokens:
        client = ApiClient(test_app, token, user["userId"])
        assert (await client.get("/games")).status == 200


async def test_login_is_limited_after_ten_wrong_passwords(test_app: TestApp) -> None:
    await register(test_app)
    for _ in range(10):
        assert (await log_in(test_app, password="wrong wrong")).status == 400
    limited = await log_in(test_app)
    assert limited.status_and_error == (429, "rate.limited")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60


async def test_concurrent_wrong_passwords_are_limited(test_app: TestApp) -> None:
    await register(test_app)
    attempts = [log_in(test_app, password=f"wrong wrong {n}") for n in range(40)]
    answers = await asyncio.gather(*attempts, log_in(test_app))
    assert [answer.status for answer in answers].count(400) == 10
    assert answers[-1].status == 429


async def test_known_address_is_not_locked_out_by_others(test_app: TestApp) -> None:
    await register(test_app)
    assert (await log_in(test_app)).status == 200
    # Failures of other addresses are counted for the account.
    test_app.app_context.failure_limiter.record_failure(*[f"login {MINNIE['email']}"] * 10)
    assert (await log_in(test_app)).status == 200


async def test_logout_revokes_the_token(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    assert (await ann.post("/accounts/logout")).status == 204
    assert (await ann.get("/games")).status_and_error == (403, "auth.invalid")
    assert (await ann.post("/accounts/logout")).status_and_error == (403, "auth.invalid")


async def test_guest_logout_leaves_rooms_and_sessions(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    room = await bob.create_room()
    await ann.join(room)
    await ann.post("/accounts/logout")
    assert (await bob.get(session)).json["outcome"] == {"winner": 1}
    users = (await bob.get(room)).json["users"]
    assert [row["user"] for row in users] == [bob.user]


async def test_registered_user_keeps_seats_after_logout(test_app: TestApp) -> None:
    user = await register(test_app)
    minnie = ApiClient(test_app, (await log_in(test_app)).json["token"], user["userId"], "Minnie")
    room = await minnie.create_room()
    await minnie.post("/accounts/logout")
    ann = await test_app.sign_in_guest()
    assert (await ann.get(room)).json["host"] == user


async def test_guest_token_expires_thirty_days_after_last_use(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(3):
        test_app.clock.advance(6 * 86400)
        await ann.take_turn(session, card=(await ann.get(session)).json["environment"]["hand"][0])
        await bob.take_turn(session, card=(await bob.get(session)).json["environment"]["hand"][0])
    test_app.clock.advance(31 * 86400)
    assert (await ann.get(session)).status_and_error == (403, "auth.invalid")


async def test_rooms_and_sessions_lists_those_of_the_caller(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    room = await ann.create_room("noughts", "next", password="secret")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    [mine], [joined] = answer.json["rooms"], answer.json["sessions"]
    assert (mine["type"], mine["game"], mine["roomId"]) == ("room", "noughts", mine["id"])
    assert room.endswith(f"/{mine['id']}") and "secret" not in answer.raw.decode()
    assert (joined["type"], joined["game"]) == ("session", "noughts")
    assert joined["sessionId"] == str(joined["id"]) and session.endswith(joined["sessionId"])


async def test_rooms_and_sessions_omits_ended_sessions(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await bob.post(session + "/leave")
    answer = await ann.get(f"/accounts/{ann.id}/rooms-and-sessions")
    assert answer.json == {"rooms": [], "sessions": []}


async def test_rooms_and_sessions_of_another_user_is_forbidden(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    answer = await ann.get(f"/accounts/{bob.id}/rooms-and-sessions")
    assert answer.status_and_error == (403, "auth.not_yours")


@pytest.mark.parametrize("id", ["99", "-1", "x", "1.0", "9" * 5000, "%00", "%ff"])
@pytest.mark.parametrize("path", ["/accounts/user/{}", "/accounts/{}/rooms-and-sessions"])
async def test_unknown_user_is_not_found(test_app: TestApp, path: str, id: str) -> None:
    ann = await test_app.sign_in_guest()
    assert (await ann.get(path.format(id))).status_and_error == (404, "user.not_found")


async def test_missing_token_is_401_with_www_authenticate(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/games")
    assert answer.status_and_error == (401, "auth.missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer", "Bearer  ", "bearer", "abc", ""])
async def test_malformed_authorization_counts_as_missing(
    test_app: TestApp, authorization: str
) -> None:
    answer = await test_app.anonymous.get("/games", Authorization=authorization)
    assert answer.status_and_error == (401, "auth.missing")


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "bearer 0", "Bearer " + "f" * 4000, "Bearer é"]
)
async def test_unknown_token_is_403(test_app: TestApp, authorization: str) -> None:
    answer = await test_app.anonymous.get("/games", Authorization=authorization)
    assert answer.status_and_error == (403, "auth.invalid")


async def test_bearer_scheme_is_case_insensitive(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await test_app.anonymous.get("/games", Authorization=f"bEARER   {ann.token} ")
    assert answer.status == 200


async def test_wrong_tokens_are_limited_and_valid_ones_are_accepted(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answers = [
        await test_app.anonymous.get("/games", Authorization=f"Bearer {n}") for n in range(11)
    ]
    assert [answer.status for answer in answers] == [403] * 10 + [429]
    assert (await ann.get("/games")).status == 200


async def test_ticket_expires_in_thirty_seconds(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.post("/accounts/ticket")
    assert answer.json["expiresIn"] == 30 and answer.json["ticket"] not in ann.token
