"""Registration and configuration of clients."""

import json

import pytest

from coalserver.config import Config
from coalserver.core.commands.oauth import get_client_credentials
from coalserver.core.queries.oauth import client_by_code
from tests.apis.app import run_test_app
from tests.apis.oauth.clients import DOCUMENT, HOME, REGISTER, UPDATE, make_client_app, update_of

TYPES = {
    "client_id": str,
    "redirect_uris": list,
    "scope": str,
    "client_secret": str,
    "client_secret_expires_at": int,
    "registration_access_token": str,
    "registration_client_uri": str,
    "client_name": str,
    "client_uri": str,
    "logo_uri": str,
}


def is_configuration(document, *absent):
    expected = {name: kind for name, kind in TYPES.items() if name not in absent}
    return {name: type(value) for name, value in document.items()} == expected


async def test_documented_registration_matches(test_app):
    answer = await test_app.anonymous.post(REGISTER, DOCUMENT)
    assert answer.status == 201 and is_configuration(answer.json)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    document = answer.json
    assert {name: document[name] for name in DOCUMENT} == DOCUMENT
    assert document["client_secret_expires_at"] == 0
    assert document["registration_client_uri"].endswith("/oauth/v1/clients/my_example_app")
    for secret in (document["client_secret"], document["registration_access_token"]):
        assert len(secret) == 40 and secret.isalnum() and secret.isascii()


async def test_registration_requires_only_redirect_uris(test_app):
    for more in (
        {},
        {"client_name": None, "client_uri": None, "logo_uri": None, "client_id": None},
    ):
        answer = await test_app.anonymous.post(REGISTER, {"redirect_uris": [HOME], **more})
        assert answer.status == 201
        assert is_configuration(answer.json, "client_name", "client_uri", "logo_uri")
        assert len(answer.json["client_id"]) == 10


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "invalid_request"),
        ({"redirect_uris": []}, "invalid_request"),
        ({"client_id": "x"}, "invalid_request"),
        ({"redirect_uris": HOME}, "invalid_request"),
        ({"redirect_uris": [1]}, "invalid_request"),
        ({"redirect_uris": [None]}, "invalid_request"),
        ({"redirect_uris": [""]}, "invalid_request"),
        ({"redirect_uris": [HOME, "/"]}, "invalid_request"),
        ({"redirect_uris": [HOME + "#fragment"]}, "invalid_request"),
        ({"redirect_uris": ["javascript://x/%0aalert(1)"]}, "invalid_request"),
        ({"redirect_uris": ["http://a@b.example/"]}, "invalid_request"),
        ({"redirect_uris": [f"{HOME}/{n}" for n in range(21)]}, "invalid_request"),
        ({"redirect_uris": [HOME], "client_id": 5}, "invalid_request"),
        ({"redirect_uris": [HOME], "client_id": ""}, "invalid_request"),
        ({"redirect_uris": [HOME], "client_name": ["x"]}, "invalid_request"),
        ({"redirect_uris": [HOME], "client_uri": "javascript://x/%0aalert(1)"}, "invalid_request"),
        ({"redirect_uris": [HOME], "client_uri": "http://"}, "invalid_request"),
        ({"redirect_uris": [HOME], "logo_uri": {"a": 1}}, "invalid_request"),
        (b"", "server_error"),
        (b"not json", "server_error"),
        (b"\xff\xfe", "server_error"),
        (b"[" * 100_000, "server_error"),
        ([], "server_error"),
        ([{}], "server_error"),
        (5, "server_error"),
        ("text", "server_error"),
        (b"redirect_uris=http%3A%2F%2Fexample.com", "server_error"),
    ],
    ids=str,
)
async def test_invalid_registration_has_its_error_code(test_app, body, error):
    answer = await test_app.anonymous.post(REGISTER, body)
    assert (answer.status, answer.json) == (400, {"error": error})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_content_type_of_a_registration_is_ignored(test_app):
    body = json.dumps(DOCUMENT).encode()
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
        assert (await test_app.anonymous.post(REGISTER, body, Content_Type=media)).status == 201


async def test_taken_client_id_gets_a_suffix(test_app, app):
    again = await make_client_app(test_app)
    assert again.id[:-3] == "my_example_app-" and again.id[-3:].isalnum()
    assert (await again.owner.get(again.record)).status == 200


async def test_registered_scope_is_always_data(test_app):
    app = await make_client_app(test_app, scope="agent controller data", more=["x"])
    assert app.registration["scope"] == "data" and "more" not in app.registration


async def test_client_id_is_made_url_safe(test_app):
    app = await make_client_app(test_app, client_id="Mine & Yours/..")
    assert app.id == "Mine-Yours"
    assert (await app.owner.get(app.record)).json["client_id"] == app.id


async def test_configuration_uri_uses_the_base_url():
    async with run_test_app(base_url="https://coal.example") as test_app:
        uri = (await make_client_app(test_app)).registration["registration_client_uri"]
        assert uri == "https://coal.example/oauth/v1/clients/my_example_app"


async def test_registrations_from_one_address_are_limited():
    async with run_test_app(config=Config(oauth_clients_per_hour=1)) as test_app:
        assert (await test_app.anonymous.post(REGISTER, {})).status == 400
        await make_client_app(test_app)
        answer = await test_app.anonymous.post(REGISTER, DOCUMENT)
        assert (answer.status, answer.error) == (429, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) > 0


async def test_configuration_equals_the_registration(app):
    answer = await app.owner.get(app.record)
    assert (answer.status, answer.json) == (200, app.registration)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_documented_update_matches(app):
    answer = await app.owner.put(app.record, update_of(app))
    assert answer.status == 200 and is_configuration(answer.json)
    document = answer.json
    assert {name: document[name] for name in UPDATE} == UPDATE
    same = ("client_secret", "registration_access_token", "registration_client_uri")
    assert [document[name] for name in same] == [app.registration[name] for name in same]
    assert (await app.owner.get(app.record)).json == document


async def test_update_removes_omitted_members(app):
    names = ("client_name", "client_uri", "logo_uri")
    document = update_of(app, scope=..., **dict.fromkeys(names, ...))
    answer = await app.owner.put(app.record, document)
    assert is_configuration(answer.json, *names) and answer.json["scope"] == "data"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "another"}, "invalid_client_id"),
        ({"client_id": ...}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": 5}, "invalid_request"),
        ({"redirect_uris": ...}, "invalid_request"),
        ({"redirect_uris": []}, "invalid_request"),
        ({"redirect_uris": ["javascript://x/"]}, "invalid_request"),
        ({"client_secret": ...}, "invalid_request"),
        ({"client_secret": None}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_request"),
        ({"client_secret": 7}, "invalid_request"),
        ({"scope": "data agent"}, "invalid_request"),
        ({"scope": "agent"}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
    ],
    ids=str,
)
async def test_invalid_update_changes_nothing(app, changed, error):
    answer = await app.owner.put(app.record, update_of(app, **changed))
    assert (answer.status, answer.json) == (400, {"error": error})
    assert (await app.owner.get(app.record)).json == app.registration


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"null{", b"5"])
async def test_update_that_is_not_an_object_is_a_server_error(app, body):
    answer = await app.owner.put(app.record, body)
    assert (answer.status, answer.json) == (400, {"error": "server_error"})


async def test_client_secrets_are_not_stored_in_plain_text(persistent_test_app):
    app = await make_client_app(persistent_test_app)
    path = persistent_test_app.store.path
    await persistent_test_app.restart()
    assert (await app.owner.get(app.record)).json == {
        **app.registration,
        "registration_client_uri": (await app.owner.get(app.record)).json[
            "registration_client_uri"
        ],
    }
    stored = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    for name in ("client_secret", "registration_access_token"):
        assert app.registration[name].encode() not in stored
    client = persistent_test_app.core.query(client_by_code, code=app.id)
    credentials = await persistent_test_app.core.execute(get_client_credentials, client=client.id)
    assert credentials.secret == app.registration["client_secret"]


async def test_wrong_methods_and_paths_are_rejected(test_app, app):
    answer = await test_app.anonymous.get(REGISTER)
    assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    for path in ("/oauth/v1", "/oauth/v2/auth"):
        assert (await test_app.anonymous.post(path, {})).status == 404


async def test_trailing_slash_is_ignored(test_app, app):
    assert (await test_app.anonymous.post(REGISTER + "/", DOCUMENT)).status == 201
    assert (await app.owner.get(app.record + "/")).json == app.registration


async def test_cors_allows_registration_but_not_the_consent_page(test_app, ann):
    answer = await test_app.anonymous.request("OPTIONS", REGISTER, Origin="https://a.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for path in ("/oauth/v1/auth", "/oauth/v1/show"):
        for method in ("GET", "OPTIONS"):
            answer = await ann.request(method, path, Origin="https://a.example")
            assert "Access-Control-Allow-Origin" not in answer.headers
