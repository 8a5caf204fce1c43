"""Errors of failed writes and of bugs."""

import pytest

from coalserver.apis.multiplayer.error_messages import WRITE_ERROR_MESSAGES
from coalserver.core.ports import Batch
from coalserver.storage.memory import MemoryStore
from tests.apis.app import run_test_app
from tests.apis.multiplayer.errors import REQUESTS, prepare
from tests.apis.multiplayer.scene import failure, make_scene

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

#: Endpoint -> caller and state before; `away`: the caller is offline, and the request brings them back.
WRITES = {
    "game_players.php register": ("host", ""),
    "game_players.php heartbeat": ("guest", "gathered away"),
    "game_players.php rename": ("host", ""),
    "game_data.php game/update": ("owner", ""),
    "game_data.php player/update": ("host", ""),
    "game_room.php create": ("host", ""),
    "game_room.php heartbeat": ("guest", "together away"),
    "game_room.php updates": ("host", "together"),
    "game_room.php stop": ("host", "together"),
    "game_room.php kick": ("host", "together"),
    "game_room.php password": ("host", "together"),
    "matchmaking.php create": ("host", ""),
    "matchmaking.php players": ("guest", "gathered away"),
    "matchmaking.php heartbeat": ("guest", "gathered away"),
    "matchmaking.php remove": ("host", "gathered"),
    "matchmaking.php current": ("guest", "gathered away"),
    "matchmaking.php stop": ("host", "gathered"),
    # The reference has no message of their own for these.
    "game_players.php login": ("host", ""),
    "game_room.php join": ("guest", "room"),
    "matchmaking.php join": ("guest", "lobby"),
}


class DiskFull(Exception):
    """The disk is full."""


class FillingStore(MemoryStore):
    """A store that fails to write once it is full."""

    full = False

    async def write(self, batch: Batch) -> None:
        if self.full:
            raise DiskFull
        await super().write(batch)


@pytest.mark.parametrize("endpoint", WRITES)
async def test_failed_write_has_the_message_of_its_endpoint(endpoint):
    by, precondition = WRITES[endpoint]
    method, path, body = REQUESTS[endpoint]
    file, _, name = endpoint.partition(" ")
    store = FillingStore()
    with pytest.raises(DiskFull):
        async with run_test_app(store) as test_app:
            scene = await make_scene(test_app)
            names = await prepare(scene, precondition.removesuffix(" away"))
            if precondition.endswith("away"):
                await test_app.advance(61)
            store.full = True
            path = path.format(**names)
            if by == "owner":
                answer = await scene.request_as_owner(path, body, method)
            else:
                answer = await getattr(scene, by).request(method, path, body)
            sentence = WRITE_ERROR_MESSAGES.get(
                f"{file}/{name}", WRITE_ERROR_MESSAGES.get(file, "Internal server error")
            )
            assert failure(answer) == (500, sentence)


def test_every_write_error_message_is_tested():
    tested = {endpoint.replace(" ", "/", 1) for endpoint in WRITES}
    ours = {
        name
        for name in WRITE_ERROR_MESSAGES
        if not name.startswith(("realtime.php", "leaderboard.php"))
    }
    assert ours - tested == {"game_data.php"}


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("matchmaking.php/current", "Internal server error"),
        ("game_data.php/player/get", "An unexpected error occurred"),
    ],
)
async def test_bug_is_an_internal_server_error(scene, path, sentence):
    presence, scene.test_app.core.presence = scene.test_app.core.presence, None
    answer = await scene.host.get(path)
    scene.test_app.core.presence = presence
    assert failure(answer) == (500, sentence)
