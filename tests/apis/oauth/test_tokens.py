"""Token requests and the validity of tokens."""

import asyncio
import base64
import hashlib
import json

import pytest

from coalserver.config import Config
from coalserver.core.unit_of_work import Limits
from coalserver.server.admin import build_core_context
from coalserver.storage.data_directory import DataDirectory
from tests.apis.app import run_test_app
from tests.apis.browser import FORM, make_signed_in_browser
from tests.apis.oauth.clients import (
    HOME,
    INVALID_GRANT,
    INVALID_REQUEST,
    TOKEN,
    is_valid,
    make_client_app,
    token_pair_of,
)

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)


async def test_code_and_refresh_token_return_token_pairs(test_app, ann, app):
    first = token_pair_of(await app.request_tokens_with_code(code=await app.code(ann)))
    assert await is_valid(test_app, first["access_token"])
    second = token_pair_of(await app.refresh_tokens(first["refresh_token"]))
    assert await is_valid(test_app, second["access_token"])
    assert not await is_valid(test_app, first["access_token"])


async def test_token_request_can_be_json(test_app, ann, app):
    fields = app.token_fields("authorization_code", redirect_uri=HOME, refresh_token=None)
    for headers in ({"Content_Type": "application/json; charset=utf-8"}, {}):
        body = json.dumps({**fields, "code": await app.code(ann)}).encode()
        token_pair_of(await test_app.anonymous.request("POST", TOKEN, body, **headers))


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
    ({"scope": " "}, "invalid_scope"),
    ({"scope": "agent"}, "invalid_scope"),
    ({"scope": "data agent"}, "invalid_scope"),
    ({"code_verifier": VERIFIER}, "invalid_request"),
]


@pytest.mark.parametrize(("changed", "error"), CODE_ROWS, ids=str)
async def test_rejected_request_leaves_the_code_valid(ann, app, changed, error):
    code = await app.code(ann)
    answer = await app.request_tokens_with_code(**{"code": code, **changed})
    assert (answer.status, answer.json) == (400, {"error": error})
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert "WWW-Authenticate" not in answer.headers
    token_pair_of(await app.request_tokens_with_code(code=code))


REFRESH_ROWS = [
    ({"client_id": None}, "invalid_request"),
    ({"client_secret": None}, "invalid_request"),
    ({"grant_type": None}, "invalid_request"),
    ({"refresh_token": ""}, "invalid_request"),
    ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"client_secret": "wrong", "scope": None}, "invalid_client"),
    ({"scope": "agent"}, "invalid_scope"),
    ({"refresh_token": "wrong", "scope": "agent"}, "invalid_scope"),
    ({"refresh_token": "wrong", "scope": None}, "invalid_grant"),
    ({"refresh_token": "wrong"}, "invalid_grant"),
    ({"refresh_token": "é"}, "invalid_grant"),
]


@pytest.mark.parametrize(("changed", "error"), REFRESH_ROWS, ids=str)
async def test_rejected_request_leaves_the_refresh_token_valid(test_app, ann, app, changed, error):
    tokens = await app.tokens(ann)
    if changed.get("grant_type") == "authorization_code":
        changed = {**changed, "code": "x", "redirect_uri": HOME}
    answer = await app.refresh_tokens(**{"token": tokens["refresh_token"], **changed})
    assert (answer.status, answer.json) == (400, {"error": error})
    assert await is_valid(test_app, tokens["access_token"])
    token_pair_of(
        await app.refresh_tokens(tokens["refresh_token"], redirect_uri="http://nowhere.example/")
    )


@pytest.mark.parametrize("scope", [None, ""])
async def test_token_request_without_scope_is_for_the_granted_scope(test_app, ann, app, scope):
    code = await app.code(ann)
    first = token_pair_of(await app.request_tokens_with_code(code=code, scope=scope))
    second = token_pair_of(await app.refresh_tokens(first["refresh_token"], scope=scope))
    assert await is_valid(test_app, second["access_token"])


async def test_used_code_is_rejected_and_its_tokens_stay_valid(test_app, ann, app):
    code = await app.code(ann)
    tokens = token_pair_of(await app.request_tokens_with_code(code=code))
    assert (await app.request_tokens_with_code(code=code)).status_and_error == INVALID_GRANT
    assert await is_valid(test_app, tokens["access_token"])


async def test_used_refresh_token_is_rejected(test_app, ann, app):
    first = await app.tokens(ann)
    second = token_pair_of(await app.refresh_tokens(first["refresh_token"]))
    assert (await app.refresh_tokens(first["refresh_token"])).status_and_error == INVALID_GRANT
    assert await is_valid(test_app, second["access_token"])


async def test_concurrent_token_requests_succeed_once(test_app, ann, app):
    code = await app.code(ann)
    answers = await asyncio.gather(*(app.request_tokens_with_code(code=code) for _ in range(8)))
    successes = [answer for answer in answers if answer.status == 200]
    assert len(successes) == 1
    assert {answer.error for answer in answers if answer not in successes} == {"invalid_grant"}
    token = successes[0].json["refresh_token"]
    answers = await asyncio.gather(*(app.refresh_tokens(token) for _ in range(8)))
    successes = [answer for answer in answers if answer.status == 200]
    assert len(successes) == 1
    assert {answer.error for answer in answers if answer not in successes} == {"invalid_grant"}
    assert await is_valid(test_app, successes[0].json["access_token"])


async def test_code_and_refresh_token_are_valid_for_their_client_only(test_app, ann, app):
    other = await make_client_app(test_app)
    code, tokens = await app.code(ann), await app.tokens(ann)
    assert (await other.request_tokens_with_code(code=code)).status_and_error == INVALID_GRANT
    assert (await other.refresh_tokens(tokens["refresh_token"])).status_and_error == INVALID_GRANT
    assert (await app.request_tokens_with_code(code=code)).status == 200


async def test_code_is_bound_to_its_redirect_uri(test_app, ann):
    app = await make_client_app(test_app, redirect_uris=[HOME, HOME + "2"])
    code = await app.code(ann)
    assert (
        await app.request_tokens_with_code(code=code, redirect_uri=HOME + "2")
    ).status_and_error == INVALID_GRANT


async def test_code_expires_after_ten_minutes(test_app, ann, app):
    first, second = await app.code(ann), await app.code(ann)
    test_app.clock.advance(599)
    token_pair_of(await app.request_tokens_with_code(code=first))
    test_app.clock.advance(1)
    assert (await app.request_tokens_with_code(code=second)).status_and_error == INVALID_GRANT


async def test_access_token_expires_after_an_hour_and_refresh_token_after_ninety_days(
    test_app, ann, app
):
    tokens = await app.tokens(ann)
    test_app.clock.advance(3599)
    assert await is_valid(test_app, tokens["access_token"])
    test_app.clock.advance(1)
    assert not await is_valid(test_app, tokens["access_token"])
    await test_app.advance(89 * 86400)
    tokens = token_pair_of(await app.refresh_tokens(tokens["refresh_token"]))
    await test_app.advance(90 * 86400)
    assert (await app.refresh_tokens(tokens["refresh_token"])).status_and_error == INVALID_GRANT


async def test_access_token_lifetime_is_configurable(tmp_path):
    home = DataDirectory(tmp_path)
    with home.lock():
        limits = build_core_context(Config(access_token_seconds=0), home).limits
    async with run_test_app(limits=limits) as test_app:
        app = await make_client_app(test_app)
        tokens = token_pair_of(
            await app.request_tokens_with_code(
                code=await app.code(await make_signed_in_browser(test_app))
            ),
            0,
        )
        assert not await is_valid(test_app, tokens["access_token"])


async def test_codes_tokens_and_grants_survive_a_restart(persistent_test_app):
    test_app = persistent_test_app
    ann = await make_signed_in_browser(test_app)
    app = await make_client_app(test_app)
    code, tokens = await app.code(ann), await app.tokens(ann)
    path = test_app.store.path
    await test_app.restart()
    assert await is_valid(test_app, tokens["access_token"])
    token_pair_of(await app.request_tokens_with_code(code=code))
    refreshed = token_pair_of(await app.refresh_tokens(tokens["refresh_token"]))
    assert (await ann.get(app.consent_path())).status == 302
    await test_app.restart()
    assert await is_valid(test_app, refreshed["access_token"])
    assert (await app.request_tokens_with_code(code=code)).status_and_error == INVALID_GRANT
    assert (await app.refresh_tokens(tokens["refresh_token"])).status_and_error == INVALID_GRANT
    stored = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    for secret in (code, *tokens.values(), *refreshed.values()):
        assert isinstance(secret, int) or secret == "Bearer" or secret.encode() not in stored


@pytest.mark.parametrize(
    ("method", "challenge"), [("S256", CHALLENGE), ("plain", VERIFIER), (None, VERIFIER)]
)
async def test_code_with_challenge_requires_its_verifier(ann, app, method, challenge):
    code = await app.code(ann, code_challenge=challenge, code_challenge_method=method)
    for verifier, error in (
        (None, "invalid_request"),
        ("short", "invalid_request"),
        ("x" * 43, "invalid_grant"),
        (CHALLENGE if method == "S256" else VERIFIER[::-1], "invalid_grant"),
    ):
        assert (
            await app.request_tokens_with_code(code=code, code_verifier=verifier)
        ).status_and_error == (
            400,
            error,
        )
    token_pair_of(await app.request_tokens_with_code(code=code, code_verifier=VERIFIER))


async def test_http_basic_authentication_is_accepted(test_app, ann, app):
    fields = {"grant_type": "authorization_code", "redirect_uri": HOME, "scope": "data"}

    async def request_tokens_with_code(credentials, code):
        body = "&".join(f"{name}={value}" for name, value in {**fields, "code": code}.items())
        header = "Basic " + base64.b64encode(credentials.encode()).decode()
        return await test_app.anonymous.post(
            TOKEN, body.encode(), Content_Type=FORM, Authorization=header
        )

    code = await app.code(ann)
    answer = await request_tokens_with_code(f"{app.id}:wrong", code)
    assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
    assert answer.headers["WWW-Authenticate"] == "Basic"
    token_pair_of(
        await request_tokens_with_code(f"{app.id}:{app.registration['client_secret']}", code)
    )
    for header in ("Basic", "Basic !", "Basic /w==", "basic Og==", "Digest x"):
        answer = await test_app.anonymous.post(
            TOKEN,
            b"grant_type=authorization_code&code=x&redirect_uri=x",
            Content_Type=FORM,
            Authorization=header,
        )
        assert answer.status_and_error == INVALID_REQUEST


async def test_repeated_parameter_is_rejected(test_app, ann, app):
    code = await app.code(ann)
    body = (
        f"client_id={app.id}&client_secret={app.registration['client_secret']}&grant_type=authorization_code"
        f"&code={code}&redirect_uri={HOME}&scope=data"
    ).encode()
    answer = await test_app.anonymous.post(TOKEN, body + b"&code=other", Content_Type=FORM)
    assert answer.status_and_error == INVALID_REQUEST
    token_pair_of(await test_app.anonymous.post(TOKEN, body, Content_Type=FORM))


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
async def test_invalid_body_is_an_invalid_request(test_app, body, media):
    answer = await test_app.anonymous.post(TOKEN, body, Content_Type=media)
    assert (answer.status, answer.json) == (400, {"error": "invalid_request"})


def test_default_lifetimes_match_the_document():
    limits = Limits()
    assert (limits.access_token, limits.refresh_token) == (3600, 90 * 86400)
    assert limits.agent_token == 2_592_000
