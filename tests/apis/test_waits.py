"""The longest wait of a request: proxies give up after 60 s without an answer."""

from collections.abc import Awaitable, Callable

import pytest

from coalserver.web.streaming.timers import Expirable, Handle, Timers
from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import make_user, make_world
from tests.apis.hosts.clients import make_hosted_session
from tests.apis.multiplayer.clients import PlayerClient
from tests.apis.multiplayer.scene import make_scene
from tests.apis.rooms.factories import make_room_with_chat

#: nginx's default is 60 s, and a timer may be a second late.
LONGEST_SECONDS = 55


class RecordingTimers(Timers):
    """Timers that record their seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def add(self, expirable: Expirable, seconds: float) -> Handle:
        self.seconds.append(seconds)
        return super().add(expirable, seconds)

    def at(self, expirable: Expirable, second: int) -> Handle:
        self.seconds.append(second - self.now())
        return super().at(expirable, second)


async def room_feed(test_app: TestApp) -> tuple[ApiClient, str]:
    ann, room = await make_room_with_chat(test_app)
    return ann, f"{room}/events"


async def world_feed(test_app: TestApp) -> tuple[ApiClient, str]:
    return await make_user(test_app), f"{(await make_world(test_app)).path}/events"


async def hosts_feed(test_app: TestApp) -> tuple[ApiClient, str]:
    session, (guest,) = await make_hosted_session(test_app)
    return guest, f"{session.path}/events"


async def updates(test_app: TestApp) -> tuple[PlayerClient, str]:
    scene = await make_scene(test_app)
    await scene.fill_room()
    return scene.guest, "game_room.php/updates/poll"


async def pending_actions(test_app: TestApp) -> tuple[PlayerClient, str]:
    return (await updates(test_app))[0], "game_room.php/actions/pending"


Poll = Callable[[TestApp], Awaitable[tuple[ApiClient | PlayerClient, str]]]


@pytest.mark.parametrize("poll", [room_feed, world_feed, hosts_feed, updates, pending_actions])
async def test_longest_wait_ends_before_proxies_give_up(test_app: TestApp, poll: Poll) -> None:
    test_app.web["poll_seconds"] = 300
    await test_app.restart()
    client, path = await poll(test_app)
    timers = test_app.app_context.timers = RecordingTimers()
    head = test_app.core.feed.head
    waiting = await test_app.start_waiting(client.get(f"{path}?wait=60&after-event-id={head}"))
    assert not waiting.done()
    waiting.cancel()
    assert 0 < max(timers.seconds) <= LONGEST_SECONDS
