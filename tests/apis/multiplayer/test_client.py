"""A whole game, played by a client written from the document alone."""

import aiohttp

from coalserver.core.commands.games import add_game
from tests.apis.app import TIMEOUT_SECONDS, TestApp


class Client:
    """A client as the document shows it: credentials in the query, JSON, paths as printed."""

    def __init__(self, http: aiohttp.ClientSession, url: str, api_token: str) -> None:
        self.http, self.url, self.api_token = http, url, api_token
        self.player_token = ""
        self.player_id = 0

    async def call(self, method, endpoint, body=None, **query):
        query = {"api_token": self.api_token, **query}
        if self.player_token:
            query["player_token"] = self.player_token
        async with self.http.request(
            method, f"{self.url}/api/{endpoint}", params=query, json=body
        ) as answer:
            payload = await answer.json()
            assert payload["success"], payload
            return payload

    async def register(self, name, **data):
        body = {"player_name": name, "player_data": data}
        payload = await self.call("POST", "game_players.php/register", body)
        self.player_token, self.player_id = payload["private_key"], int(payload["player_id"])
        await self.call("PUT", "game_players.php/login")

    async def post(self, endpoint, body=None):
        return await self.call("POST", endpoint, body)

    async def get(self, endpoint):
        return await self.call("GET", endpoint)

    async def realtime(self):
        """Open the socket with a token and read the first frame."""
        token = (await self.post("realtime.php/token"))["token"]
        socket = await self.http.ws_connect(f"{self.url}/?token={token}&client=json")
        assert (await socket.receive_json(timeout=TIMEOUT_SECONDS))["type"] == "connected"
        return socket


async def test_client_plays_a_whole_game(test_app: TestApp):
    game = await test_app.core.execute(add_game, tag="quest")
    url = str(test_app.url("/")).rstrip("/")
    players = [Client(test_app.http, url, game["api_token"]) for _ in range(3)]
    host, first, second = players
    for number, player in enumerate(players):
        await player.register(f"Player{number}", level=5 - number)

    # The lobby is in the list; one player joins by request.
    body = {"matchmaking_name": "Quest", "maxPlayers": 3, "strictFull": True}
    body |= {"join_by_requests": True, "realtime_room": True}
    lobby = await host.post("matchmaking.php/create", body)
    id = lobby["matchmaking_id"]
    lobbies = (await first.post("matchmaking.php/list", {"search": "", "limit": 20}))["lobbies"]
    assert [row["matchmaking_id"] for row in lobbies] == [id]
    for guest in (first, second):
        request = (await guest.post(f"matchmaking.php/{id}/request"))["request_id"]
        (pending,) = (await host.get("matchmaking.php/current"))["pending_requests"]
        await host.post(f"matchmaking.php/{pending['request_id']}/response", {"action": "approve"})
        status = (await guest.get(f"matchmaking.php/{request}/status"))["request"]
        assert status["status"] == "approved"
        await guest.post("matchmaking.php/heartbeat")
    assert len((await first.get("matchmaking.php/players"))["players"]) == 3

    # The host starts; all members are in the room.
    started = await host.post("matchmaking.php/start")
    assert started["players_transferred"] == 3
    for player in players:
        room = (await player.get("game_room.php/current"))["room"]
        assert room["room_id"] == started["room_id"]
        await player.post("game_room.php/heartbeat")

    # A guest asks the host for a move and polls until it is done.
    move = {"target_players": "host", "action_type": "move", "request_data": {"x": 10, "y": 20}}
    (action,) = (await first.post("game_room.php/actions", move))["action_ids"]
    (pending,) = (await host.get("game_room.php/actions/pending"))["actions"]
    assert pending["request_data"] == {"x": 10, "y": 20}
    done = {"status": "completed", "response_data": {"success": True}}
    await host.post(f"game_room.php/actions/{pending['action_id']}/complete", done)
    (polled,) = (await first.get("game_room.php/actions/poll"))["actions"]
    assert (polled["action_id"], polled["response_data"]) == (action, {"success": True})

    # The host sends updates; each member polls with the last id.
    last = {guest.player_id: None for guest in (first, second)}
    for step in range(3):
        data = {"target_players": "others", "type": "step", "data": {"n": step}}
        await host.post("game_room.php/updates", data)
        for guest in (first, second):
            params = {"from_players": "host", "last_update": last[guest.player_id]}
            payload = await guest.post("game_room.php/updates/poll", params)
            assert [row["data"] for row in payload["updates"]] == [{"n": step}]
            last[guest.player_id] = payload["last_update"]

    # Messages that need no storage go over the socket.
    sender, receiver = await host.realtime(), await first.realtime()
    frame = {"type": "send", "command": "jump", "data": {"y": 3}, "target": "all"}
    await sender.send_json(frame)
    message = await receiver.receive_json(timeout=TIMEOUT_SECONDS)
    assert (message["type"], message["command"], message["data"]) == ("receive", "jump", {"y": 3})
    await sender.close()
    await receiver.close()

    # The score is stored and ranks the player; the game ends.
    await first.call("PUT", "game_data.php/player/update", {"level": 9})
    assert (await first.get("game_data.php/player/get"))["data"] == {"level": 9}
    ranked = await second.post("leaderboard.php", {"sort_by": ["level"], "limit": 10})
    names = [row["player_name"] for row in ranked["leaderboard"]]
    assert names == ["Player1", "Player0", "Player2"]
    await second.post("game_room.php/leave")
    await host.post("game_room.php/stop")
    assert not (await first.get("game_room.php/current"))["in_room"]
    assert not (await first.get("matchmaking.php/current"))["in_matchmaking"]
    await first.post("game_players.php/logout")
