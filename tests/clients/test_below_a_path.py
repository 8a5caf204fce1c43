"""Client libraries behind nginx that serves coalserver below a path, which it keeps or removes."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from tests.apis.app import ApiClient, ClientFactory, TestApp, run_test_app
from tests.apis.hosts.clients import make_hosted_session
from tests.apis.multiplayer.scene import make_scene
from tests.apis.multiplayer.socket_client import make_token
from tests.apis.oauth.libraries import METADATA_PATH
from tests.apis.rooms.factories import make_room_with_chat
from tests.clients.followers import Follower
from tests.clients.following import follow
from tests.clients.nginx import readme_blocks, run_nginx, with_other_lines, with_path_removed
from tests.clients.polls import POLL_CLIENTS, UPDATES_CLIENTS
from tests.clients.sockets import CONVERSATION_CLIENTS, FEED_CLIENTS, converse
from tests.clients.streams import STREAM_CLIENTS

#: The path in the README.
BASE_PATH = "/coal"
SOCKET_WAYS = ("kept", "removed")
EACH_SOCKET_WAY = pytest.mark.parametrize("way", SOCKET_WAYS)
EACH_CLIENT = pytest.mark.parametrize("library", CONVERSATION_CLIENTS)
Origins = Mapping[str, str]


@pytest.fixture
async def test_app(aiohttp_client: ClientFactory) -> AsyncIterator[TestApp]:
    """A server whose public URL has a path."""
    base_url = f"https://play.example{BASE_PATH}"
    async with run_test_app(make_client=aiohttp_client, base_url=base_url) as app:
        yield app


@pytest.fixture
def origins(test_app: TestApp, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The origins of four ways to the server: nginx keeps or removes the path, with defaults or as in the README."""
    kept = readme_blocks()[2]
    removed = with_path_removed(kept)
    servers = {
        "default kept": kept,
        "default removed": removed,
        "kept": with_other_lines(kept),
        "removed": with_other_lines(removed),
    }
    assert test_app.server.port
    with run_nginx(tmp_path, test_app.server.port, servers) as origins:
        yield origins


def below_path(origins: Origins, *ways: str) -> Origins:
    """Return the URLs of some ways, by default of all."""
    return {way: origins[way] + BASE_PATH for way in ways or origins}


async def follow_room(test_app: TestApp, urls: Origins, kind: type[Follower]) -> None:
    """Follow a room through a cut, and check that each event arrives once."""
    ann, room = await make_room_with_chat(test_app)
    path = room.removeprefix(BASE_PATH) + "/events"
    async with follow(test_app, kind, urls, path, ann.bearer) as following:
        await ann.send_chat(room, "first")
        await following.wait_for_texts("first")
        await test_app.cut_connections()
        await ann.send_chat(room, "second")
        await following.wait_for_texts("first", "second")


@pytest.mark.parametrize("kind", STREAM_CLIENTS.values(), ids=STREAM_CLIENTS)
async def test_stream_resumes_after_a_cut(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    await follow_room(test_app, below_path(origins), kind)


@pytest.mark.parametrize("kind", POLL_CLIENTS.values(), ids=POLL_CLIENTS)
async def test_poll_resumes_after_a_cut(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    await follow_room(test_app, below_path(origins), kind)


@pytest.mark.parametrize("kind", FEED_CLIENTS.values(), ids=FEED_CLIENTS)
async def test_feed_socket_resumes_after_a_cut(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    await follow_room(test_app, below_path(origins, *SOCKET_WAYS), kind)


@pytest.mark.parametrize("kind", UPDATES_CLIENTS.values(), ids=UPDATES_CLIENTS)
async def test_updates_arrive_one_by_one(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    scene = await make_scene(test_app)
    await scene.fill_room()
    headers = {"X-API-Token": scene.guest.api, "X-Player-Token": scene.guest.key}
    path, urls = "/api/game_room.php/updates/poll", below_path(origins)
    async with follow(test_app, kind, urls, path, headers, cursor=0) as following:
        await scene.send_update(scene.host, type="first")
        await following.wait_for_texts("first")
        await scene.send_update(scene.host, type="second")
        await following.wait_for_texts("first", "second")


@pytest.mark.parametrize("kind", STREAM_CLIENTS.values(), ids=STREAM_CLIENTS)
async def test_client_sees_the_status_of_a_refusal(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    _, room = await make_room_with_chat(test_app)
    path, unknown = room.removeprefix(BASE_PATH) + "/events", ApiClient(test_app, "nonsense")
    urls = below_path(origins, *SOCKET_WAYS)
    async with follow(test_app, kind, urls, path, unknown.bearer) as following:
        assert await following.statuses() == {403}


@EACH_SOCKET_WAY
@EACH_CLIENT
async def test_realtime_socket_opens(
    test_app: TestApp, origins: Origins, library: str, way: str
) -> None:
    scene = await make_scene(test_app)
    await scene.fill_room(realtime=True)
    url = f"{origins[way]}{BASE_PATH}/?token={await make_token(scene.guest)}"
    async with converse(library, url) as socket:
        assert (await socket.receive())["type"] == "connected"
        await socket.send({"type": "heartbeat"})
        assert (await socket.receive())["type"] == "heartbeat_ack"


@EACH_SOCKET_WAY
@EACH_CLIENT
async def test_sync_socket_opens(
    test_app: TestApp, origins: Origins, library: str, way: str
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    url = f"{origins[way]}{BASE_PATH}/sync/{session.id}"
    join = {"session_id": session.id, "player": guest.uuid, "token": guest.token}
    async with converse(library, url) as socket:
        await socket.send({"type": "join", **join})
        assert (await socket.receive())["type"] == "accepted"
        assert (await socket.receive())["type"] == "state"


async def test_both_places_of_the_oauth_metadata_are_served(
    test_app: TestApp, origins: Origins
) -> None:
    for origin in origins.values():
        for path in (BASE_PATH + METADATA_PATH, METADATA_PATH + BASE_PATH):
            async with test_app.http.get(origin + path) as response:
                assert response.status == 200, (origin, path)
                assert (await response.json())["issuer"].endswith(BASE_PATH)
