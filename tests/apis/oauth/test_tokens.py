"""What buys tokens, what does not, and what tokens prove."""

import asyncio
import base64
import hashlib
import json

import pytest

from coalserver.config import Config
from coalserver.core.unit_of_work import Limits
from coalserver.server.admin import setting_for
from coalserver.storage.data_directory import DataDirectory
from tests.apis.app import a_house
from tests.apis.browser import FORM, signed_in
from tests.apis.oauth.parties import HOME, TOKEN, an_app, good, is_a_pair

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)


async def test_the_documents_code_buys_a_pair_and_the_pair_the_next(house, ann, app):
    first = is_a_pair(await app.buys(code=await app.code(ann)))
    assert await good(house, first["access_token"])
    second = is_a_pair(await app.renews(first["refresh_token"]))
    assert await good(house, second["access_token"])
    assert not await good(house, first["access_token"])


async def test_json_is_as_good_as_a_form_also_without_a_type(house, ann, app):
    said = {
        "client_id": app.id,
        "client_secret": app.told["client_secret"],
        "grant_type": "authorization_code",
        "redirect_uri": HOME,
        "scope": "data",
        "refresh_token": None,
    }
    for headers in ({"Content_Type": "application/json; charset=utf-8"}, {}):
        body = json.dumps({**said, "code": await app.code(ann)}).encode()
        is_a_pair(await house.stranger.ask("POST", TOKEN, body, **headers))


CODE_ROWS = [
    ({"grant_type": None}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"client_id": None}, "invalid_request"),
    ({"client_secret": None}, "invalid_request"),
    ({"client_secret": ""}, "invalid_request"),
    ({"redirect_uri": None}, "invalid_request"),
    ({"redirect_uri": ""}, "invalid_request"),
    ({"code": None}, "invalid_request"),
    ({"refresh_token": ""}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "password", "code": None}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token", "code": None}, "invalid_request"),
    ({"grant_type": 'é"\\'}, "unsupported_grant_type"),
    ({"grant_type": "password", "client_id": "nobody"}, "unsupported_grant_type"),
    ({"client_id": "nobody"}, "invalid_client"),
    ({"client_id": 'é"\\'}, "invalid_client"),
    ({"client_secret": "wrong"}, "invalid_client"),
    ({"client_secret": "é"}, "invalid_client"),
    ({"client_secret": "wrong", "code": "wrong", "scope": "agent"}, "invalid_client"),
    ({"code": "wrong"}, "invalid_grant"),
    ({"code": "é"}, "invalid_grant"),
    ({"code": "wrong", "scope": "agent"}, "invalid_grant"),
    ({"redirect_uri": HOME + "/"}, "invalid_grant"),
    ({"redirect_uri": "http://elsewhere.example/", "scope": None}, "invalid_grant"),
    ({"redirect_uri": 'http://"é\\'}, "invalid_grant"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": ""}, "invalid_scope"),
    ({"scope": "agent"}, "invalid_scope"),
    ({"scope": "data agent"}, "invalid_scope"),
    ({"code_verifier": VERIFIER}, "invalid_request"),
]


@pytest.mark.parametrize(("changed", "error"), CODE_ROWS, ids=str)
async def test_what_a_code_does_not_buy_leaves_it_good(ann, app, changed, error):
    code = await app.code(ann)
    answer = await app.buys(**{"code": code, **changed})
    assert (answer.status, answer.json) == (400, {"error": error})
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert "WWW-Authenticate" not in answer.headers
    is_a_pair(await app.buys(code=code))


RENEWAL_ROWS = [
    ({"client_id": None}, "invalid_request"),
    ({"client_secret": None}, "invalid_request"),
    ({"grant_type": None}, "invalid_request"),
    ({"refresh_token": ""}, "invalid_request"),
    ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"client_secret": "wrong", "scope": None}, "invalid_client"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": "agent"}, "invalid_scope"),
    ({"refresh_token": "wrong", "scope": None}, "invalid_scope"),
    ({"refresh_token": "wrong"}, "invalid_grant"),
    ({"refresh_token": "é"}, "invalid_grant"),
]


@pytest.mark.parametrize(("changed", "error"), RENEWAL_ROWS, ids=str)
async def test_what_a_refresh_token_does_not_buy_leaves_it_good(house, ann, app, changed, error):
    tokens = await app.tokens(ann)
    if changed.get("grant_type") == "authorization_code":
        changed = {**changed, "code": "x", "redirect_uri": HOME}
    answer = await app.renews(**{"token": tokens["refresh_token"], **changed})
    assert (answer.status, answer.json) == (400, {"error": error})
    assert await good(house, tokens["access_token"])
    is_a_pair(await app.renews(tokens["refresh_token"], redirect_uri="http://nowhere.example/"))


async def test_a_code_buys_once_and_its_second_coming_harms_nobody(house, ann, app):
    code = await app.code(ann)
    tokens = is_a_pair(await app.buys(code=code))
    assert (await app.buys(code=code)).refused == (400, "invalid_grant")
    assert await good(house, tokens["access_token"])


async def test_a_refresh_token_buys_once(house, ann, app):
    first = await app.tokens(ann)
    second = is_a_pair(await app.renews(first["refresh_token"]))
    assert (await app.renews(first["refresh_token"])).refused == (400, "invalid_grant")
    assert await good(house, second["access_token"])


async def test_of_two_that_come_at_once_one_gets_tokens(house, ann, app):
    code = await app.code(ann)
    answers = await asyncio.gather(*(app.buys(code=code) for _ in range(8)))
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert {answer.error for answer in answers if answer not in won} == {"invalid_grant"}
    token = won[0].json["refresh_token"]
    answers = await asyncio.gather(*(app.renews(token) for _ in range(8)))
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert {answer.error for answer in answers if answer not in won} == {"invalid_grant"}
    assert await good(house, won[0].json["access_token"])


async def test_codes_and_refresh_tokens_are_their_clients(house, ann, app):
    other = await an_app(house)
    code, tokens = await app.code(ann), await app.tokens(ann)
    assert (await other.buys(code=code)).refused == (400, "invalid_grant")
    assert (await other.renews(tokens["refresh_token"])).refused == (400, "invalid_grant")
    assert (await app.buys(code=code)).status == 200


async def test_a_code_is_bound_to_the_address_it_was_sent_to(house, ann):
    app = await an_app(house, redirect_uris=[HOME, HOME + "2"])
    code = await app.code(ann)
    assert (await app.buys(code=code, redirect_uri=HOME + "2")).refused == (400, "invalid_grant")


async def test_a_code_lasts_ten_minutes(house, ann, app):
    first, second = await app.code(ann), await app.code(ann)
    house.clock.forward(599)
    is_a_pair(await app.buys(code=first))
    house.clock.forward(1)
    assert (await app.buys(code=second)).refused == (400, "invalid_grant")


async def test_an_access_token_lasts_an_hour_and_a_refresh_token_ninety_days(house, ann, app):
    tokens = await app.tokens(ann)
    house.clock.forward(3599)
    assert await good(house, tokens["access_token"])
    house.clock.forward(1)
    assert not await good(house, tokens["access_token"])
    await house.after(89 * 86400)
    tokens = is_a_pair(await app.renews(tokens["refresh_token"]))
    await house.after(90 * 86400)
    assert (await app.renews(tokens["refresh_token"])).refused == (400, "invalid_grant")


async def test_the_setting_says_how_long_an_access_token_lasts(tmp_path):
    home = DataDirectory(tmp_path)
    with home.lock():
        limits = setting_for(Config(access_token_seconds=0), home).limits
    async with a_house(limits=limits) as house:
        app = await an_app(house)
        tokens = is_a_pair(await app.buys(code=await app.code(await signed_in(house))), 0)
        assert not await good(house, tokens["access_token"])


async def test_everything_holds_through_a_restart(stone_house):
    house = stone_house
    ann = await signed_in(house)
    app = await an_app(house)
    code, tokens = await app.code(ann), await app.tokens(ann)
    path = house.store.path
    await house.restart()
    assert await good(house, tokens["access_token"])
    is_a_pair(await app.buys(code=code))
    renewed = is_a_pair(await app.renews(tokens["refresh_token"]))
    assert (await ann.get(app.asks())).status == 302
    await house.restart()
    assert await good(house, renewed["access_token"])
    assert (await app.buys(code=code)).refused == (400, "invalid_grant")
    assert (await app.renews(tokens["refresh_token"])).refused == (400, "invalid_grant")
    kept = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    for secret in (code, *tokens.values(), *renewed.values()):
        assert isinstance(secret, int) or secret == "Bearer" or secret.encode() not in kept


@pytest.mark.parametrize(
    ("method", "challenge"), [("S256", CHALLENGE), ("plain", VERIFIER), (None, VERIFIER)]
)
async def test_a_code_with_a_challenge_wants_its_verifier(ann, app, method, challenge):
    code = await app.code(ann, code_challenge=challenge, code_challenge_method=method)
    for verifier, error in (
        (None, "invalid_request"),
        ("short", "invalid_request"),
        ("x" * 43, "invalid_grant"),
        (CHALLENGE if method == "S256" else VERIFIER[::-1], "invalid_grant"),
    ):
        assert (await app.buys(code=code, code_verifier=verifier)).refused == (400, error)
    is_a_pair(await app.buys(code=code, code_verifier=VERIFIER))


async def test_http_basic_is_as_good_and_only_it_is_told_so(house, ann, app):
    said = {"grant_type": "authorization_code", "redirect_uri": HOME, "scope": "data"}

    async def buys(word, code):
        sent = "&".join(f"{name}={value}" for name, value in {**said, "code": code}.items())
        header = "Basic " + base64.b64encode(word.encode()).decode()
        return await house.stranger.post(
            TOKEN, sent.encode(), Content_Type=FORM, Authorization=header
        )

    code = await app.code(ann)
    answer = await buys(f"{app.id}:wrong", code)
    assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
    assert answer.headers["WWW-Authenticate"] == "Basic"
    is_a_pair(await buys(f"{app.id}:{app.told['client_secret']}", code))
    for header in ("Basic", "Basic !", "Basic /w==", "basic Og==", "Digest x"):
        answer = await house.stranger.post(
            TOKEN,
            b"grant_type=authorization_code&code=x&redirect_uri=x",
            Content_Type=FORM,
            Authorization=header,
        )
        assert answer.refused == (400, "invalid_request")


async def test_what_comes_twice_is_not_chosen_from(house, ann, app):
    code = await app.code(ann)
    sent = (
        f"client_id={app.id}&client_secret={app.told['client_secret']}&grant_type=authorization_code"
        f"&code={code}&redirect_uri={HOME}&scope=data"
    ).encode()
    answer = await house.stranger.post(TOKEN, sent + b"&code=other", Content_Type=FORM)
    assert answer.refused == (400, "invalid_request")
    is_a_pair(await house.stranger.post(TOKEN, sent, Content_Type=FORM))


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", FORM),
        (b"", "application/json"),
        (b"not json", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"client_id":5}', "application/json"),
        (b'{"client_id":{"a":[]}}', "application/json"),
        (b"[" * 5000, "application/json"),
        (b"\xff", FORM),
        (b"client_id=%ff", FORM),
        (b"client_id=%00", FORM),
        (b"&".join(b"a=b" for _ in range(500)), FORM),
        (b"grant_type=authorization_code", "text/plain"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
    ids=str,
)
async def test_odd_bodies_are_invalid_requests(house, body, media):
    answer = await house.stranger.post(TOKEN, body, Content_Type=media)
    assert (answer.status, answer.json) == (400, {"error": "invalid_request"})


def test_the_usual_limits_are_the_documents():
    limits = Limits()
    assert (limits.access_token, limits.refresh_token) == (3600, 90 * 86400)
    assert limits.agent_token == 2_592_000
