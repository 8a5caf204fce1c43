"""Long-polls of client libraries as they come, directly and through nginx."""

from collections.abc import Mapping

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line
from tests.apis.multiplayer.scene import make_scene, success
from tests.apis.rooms.factories import make_room_with_chat
from tests.clients.followers import Follower
from tests.clients.following import follow
from tests.clients.polls import POLL_CLIENTS, UPDATES_CLIENTS

EACH_CLIENT = pytest.mark.parametrize("kind", POLL_CLIENTS.values(), ids=POLL_CLIENTS)
EACH_UPDATES_CLIENT = pytest.mark.parametrize("kind", UPDATES_CLIENTS.values(), ids=UPDATES_CLIENTS)
Origins = Mapping[str, str]


@EACH_CLIENT
async def test_poll_resumes_after_a_cut_and_a_restart(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with follow(test_app, kind, origins, room + "/events", ann.bearer) as following:
        await ann.send_chat(room, "first")
        await following.wait_for_texts("first")
        await ann.send_chat(room, "second")
        await following.wait_for_texts("first", "second")
        await test_app.cut_connections()
        await ann.send_chat(room, "third")
        await following.wait_for_texts("first", "second", "third")
        await test_app.restart(same_port=True)
        await ann.send_chat(room, "last")
        await following.wait_for_texts("first", "second", "third", "last")


@EACH_CLIENT
async def test_world_events_arrive_one_by_one(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    test_app.clock.now = AT
    user, world = await make_user(test_app), await make_world(test_app)
    path = world.path + "/events"
    async with follow(test_app, kind, origins, path, user.bearer) as following:
        await world.write_log(chat_line("23:59:00", "bob", "hi"))
        await following.wait_for_texts("hi")
        await world.write_log(chat_line("23:59:01", "bob", "ho"))
        await following.wait_for_texts("hi", "ho")


@EACH_CLIENT
async def test_client_sees_the_status_of_a_refusal(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    await ann.post(room + "/leave")
    refused = (
        (401, room, {}),
        (403, room, ApiClient(test_app, "nonsense").bearer),
        (404, "/games/free/rooms/9", ann.bearer),
    )
    for status, path, headers in refused:
        async with follow(test_app, kind, origins, path + "/events", headers) as following:
            assert await following.statuses() == {status}
    # The events of a closed room come before its refusal.
    async with follow(test_app, kind, origins, room + "/events", ann.bearer) as following:
        assert await following.statuses() == {410}


@EACH_UPDATES_CLIENT
async def test_updates_resume_after_a_cut_and_a_restart(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    scene = await make_scene(test_app)
    await scene.fill_room()
    headers = {"X-API-Token": scene.guest.api, "X-Player-Token": scene.guest.key}
    path = "/api/game_room.php/updates/poll"
    async with follow(test_app, kind, origins, path, headers, cursor=0) as following:
        await scene.send_update(scene.host, type="first")
        await following.wait_for_texts("first")
        await scene.send_update(scene.host, type="second")
        await following.wait_for_texts("first", "second")
        await test_app.cut_connections()
        await scene.send_update(scene.host, type="third")
        await following.wait_for_texts("first", "second", "third")
        await test_app.restart(same_port=True)
        await scene.send_update(scene.host, type="last")
        await following.wait_for_texts("first", "second", "third", "last")
        success(await scene.guest.post("game_room.php/leave"))
        assert await following.statuses() == {400}
