"""The APIs below a base path: addresses in their answers, sockets, and programs that follow the addresses."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.apis.app import TestApp, run_test_app
from tests.apis.browser import make_signed_in_browser
from tests.apis.coal.clients import make_user, make_world
from tests.apis.coal.test_screenshots import create_screenshot, path_of
from tests.apis.hosts.clients import make_host, make_hosted_session
from tests.apis.multiplayer.scene import make_scene
from tests.apis.multiplayer.socket_client import connect_socket
from tests.apis.oauth.clients import REGISTER
from tests.apis.oauth.libraries import METADATA_PATH, make_registration
from tests.apis.oauth.test_libraries import AuthlibSession, use_authlib
from tests.apis.oauth.test_node_libraries import run_program

BASE_PATH = "/coal"
BASE_URL = f"https://play.example{BASE_PATH}"
#: Paths before those of the APIs: of a proxy that removes the base path, and of one that keeps it.
PREFIXES = pytest.mark.parametrize("prefix", ["", BASE_PATH])


@pytest.fixture
async def app() -> AsyncIterator[TestApp]:
    async with run_test_app(base_url=BASE_URL) as test_app:
        yield test_app


@pytest.fixture
async def reachable_app(app: TestApp, monkeypatch: pytest.MonkeyPatch) -> TestApp:
    """An application whose base URL is its own address, so that programs can follow its addresses."""
    app.app_context.base_url = f"{str(app.url('/')).rstrip('/')}{BASE_PATH}"
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    return app


@PREFIXES
async def test_location_of_the_rooms_api(app: TestApp, prefix: str) -> None:
    ann = await app.sign_in_guest()
    rooms = f"{prefix}/games/noughts/rooms"
    created = await ann.post(rooms, {"name": "Friday"})
    location = f"{BASE_PATH}/games/noughts/rooms/{created.json['roomId']}"
    assert created.headers["Location"] == location
    assert (await ann.get(location)).json["name"] == "Friday"
    bob = await app.sign_in_guest("Bob")
    assert (await bob.post(f"{rooms}/quick-join")).headers["Location"] == location
    started = await ann.post(f"{prefix}{location.removeprefix(BASE_PATH)}/start")
    session = f"{BASE_PATH}/games/noughts/sessions/{started.json['id']}"
    assert started.headers["Location"] == session
    body = {"email": "cem@example.org", "password": "correct horse", "username": "Cem"}
    registered = await app.anonymous.post(f"{prefix}/accounts/register", body)
    assert registered.headers["Location"].startswith(f"{BASE_PATH}/accounts/user/")


async def test_idempotency_key_holds_with_and_without_the_base_path(app: TestApp) -> None:
    ann = await app.sign_in_guest()
    answers = [
        await ann.post(f"{prefix}/games/noughts/rooms", {"name": "x"}, Idempotency_Key="k")
        for prefix in ("", BASE_PATH)
    ]
    assert answers[0].raw == answers[1].raw
    assert answers[0].headers["Location"] == answers[1].headers["Location"]


@PREFIXES
async def test_hosts_location_and_sync_socket(app: TestApp, prefix: str) -> None:
    host = await make_host(app)
    answer = await host.post(f"{prefix}/sessions", {"host": host.uuid})
    session = answer.json["session_id"]
    assert answer.headers["Location"] == f"wss://play.example/coal/sync/{session}"
    async with app.http.ws_connect(app.url(f"{prefix}/sync/{session}")) as socket:
        assert not socket.closed


async def test_hosts_session_is_played_below_the_base_path(app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(app)
    assert (await session.connect(guest)).accepted["host"] == session.host.uuid


async def test_image_urls_of_a_screenshot(app: TestApp) -> None:
    thomas, world = await make_user(app), await make_world(app)
    screenshot = await create_screenshot(thomas, world)
    for name in ("original_url", "blurred_url"):
        assert screenshot[name].startswith(f"{BASE_URL}/api/v1/servers/")
        assert (await app.anonymous.get(path_of(screenshot[name]))).status == 200


@PREFIXES
async def test_openapi_document_names_the_base_path(app: TestApp, prefix: str) -> None:
    document = (await app.anonymous.get(f"{prefix}/openapi.json")).json
    assert document["servers"] == [{"url": BASE_PATH}] and "/hosts" in document["paths"]


async def test_openapi_document_without_a_base_path_names_no_server(test_app: TestApp) -> None:
    assert "servers" not in (await test_app.anonymous.get("/openapi.json")).json


@pytest.mark.parametrize("path", ["/", "/coal", "/coal/"])
async def test_realtime_socket_of_multiplayer_is_at_the_base_path(app: TestApp, path: str) -> None:
    scene = await make_scene(app)
    await scene.fill_room(realtime=True)
    host, guest = [await connect_socket(one, path=path) for one in (scene.host, scene.guest)]
    await host.send(data=1)
    assert (await guest.receive_message())["command"] == "move"


@PREFIXES
async def test_multiplayer_errors_name_the_path_of_the_api(app: TestApp, prefix: str) -> None:
    answers = [
        await app.anonymous.get(f"{start}/api/unknown.php", Origin="https://game.example")
        for start in ("", prefix)
    ]
    assert answers[0].raw == answers[1].raw
    assert answers[1].headers["Access-Control-Allow-Origin"] == "*"


@PREFIXES
async def test_issuer_and_endpoints_of_oauth(app: TestApp, prefix: str) -> None:
    for place in (prefix + METADATA_PATH, METADATA_PATH + BASE_PATH):
        metadata = (await app.anonymous.get(place)).json
        assert metadata["issuer"] == BASE_URL
        for name in ("authorization", "token", "registration", "revocation"):
            assert metadata[f"{name}_endpoint"].startswith(f"{BASE_URL}/oauth/v1/")
    assert (await app.anonymous.get(f"{METADATA_PATH}/other")).status == 404
    client = await app.anonymous.post(prefix + REGISTER, {"redirect_uris": ["https://app.example"]})
    assert client.json["registration_client_uri"].startswith(f"{BASE_URL}/oauth/v1/clients/")


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
async def test_authlib_runs_the_code_flow(reachable_app: TestApp, method: str) -> None:
    ann = await make_signed_in_browser(reachable_app)
    registration = await make_registration(reachable_app, ann, method)
    assert registration.origin.endswith(BASE_PATH)
    await asyncio.to_thread(use_authlib, AuthlibSession, registration, True)


@pytest.mark.parametrize("register", [False, True])
async def test_openid_client_finds_the_metadata_and_runs_the_code_flow(
    reachable_app: TestApp, register: bool
) -> None:
    ann = await make_signed_in_browser(reachable_app)
    await run_program(
        reachable_app, ann, "openid-client", "client_secret_post", pkce=True, register=register
    )
