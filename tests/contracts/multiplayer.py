"""The multiplayer API: the document's samples, each message of its error reference, and realtime."""

import json
from typing import Any

from tests.contracts.calls import Part, preflight_headers
from tests.contracts.multiplayer_scenes import (
    NOWHERE,
    Game,
    Scene,
    create_game,
    create_scene,
    prepare,
    register_player,
)
from tests.contracts.tables import table

#: Placeholders in the samples for a request, a room, an action and an update.
REQUEST, LOBBY, ROOM = (
    "f4d90025b5de54e6b1a83940cffb4490", "15b2b6e5f0ba44b5eef77705d120861f", "dc3723848639139113ca240958ba0bf8",
)  # fmt: skip
ACTION, UPDATE = "1c2bbd859e36dc7d7e5e9b4f263c88ce", "a28388775fcf9478c6926cbe44f9d3ed"
RULES = {"min_level": 10, "rank": "gold"}
#: Players of the leaderboard's samples.
RANKED = (
    ("TestPlayer1", {"level": 15, "score": 4500, "inventory": ["sword"], "team": {"name": "red"}}),
    ("TestPlayer2", {"level": 15, "score": 2000, "inventory": ["sword", "shield"]}),
    ("TestPlayer3", {"level": 8, "score": 3000, "inventory": ["bow"]}),
    ("TestPlayer4", {"level": 20, "score": 1000, "inventory": [], "team": {"name": "red"}}),
    ("TestPlayer5", {"level": 12, "inventory": ["staff"]}),
)


def substitute(value: Any, scene: Scene) -> Any:
    """Return a body with the player ids of the scene."""
    if isinstance(value, dict):
        return {name: substitute(one, scene) for name, one in value.items()}
    return (
        {"{host}": scene.host.id, "{guest}": scene.guest.id}.get(value, value)
        if isinstance(value, str)
        else value
    )


async def samples(part: Part, arena: Game) -> None:
    for sample in table("multiplayer_samples"):
        scene = await create_scene(arena)
        names = await prepare(scene, sample["given"])
        path, body = sample["path"], sample["body"]
        for placeholder, value in (
            (REQUEST, names["request"]), (LOBBY, scene.lobby or NOWHERE), (ROOM, scene.room or NOWHERE),
            (ACTION, names["action"]),
        ):  # fmt: skip
            path = path.replace(placeholder, value)
        caller = getattr(scene, sample["by"], None)
        for name, secret in (
            ("API_TOKEN", arena.api), ("API_KEY", arena.api), ("PRIVATE_TOKEN", arena.private),
            ("PLAYER_TOKEN", caller.key if caller else ""),
        ):  # fmt: skip
            path = path.replace(f"={name}", f"={secret}")
        if body and "target_players_ids" in body:
            body = {**body, "target_players_ids": [scene.guest.id]}
        if body and body.get("last_update"):
            body = {**body, "last_update": names["update"]}
        step = f"sample: {sample['method']} {sample['path'].partition('?')[0]} ({sample['given']})"
        await part.request(sample["method"], path, body, step=step)


async def errors(part: Part, arena: Game, elsewhere: Game) -> None:
    stranger = await register_player(elsewhere)
    for row in table("multiplayer_errors"):
        scene = await create_scene(arena)
        names = await prepare(scene, row["given"])
        path = row["path"].format(**names)
        caller = scene.host if row["by"] == "owner" else getattr(scene, row["by"])
        secrets = {"api_token": arena.api, "private_token": arena.private}
        token = row["token"]
        if row["by"] != "owner" and "private" not in token:
            secrets["player_token"] = caller.key
        if token == "banned":
            await arena.own(
                "POST", "game_players.php/ban", {"player_id": caller.id, "ban_duration": "day"}
            )
        elif token == "foreign key":
            secrets["player_token"] = stranger.key
        elif token:
            defect, _, which = token.partition(" ")
            name = {"api": "api_token", "key": "player_token", "private": "private_token"}[which]
            secrets[name] = "" if defect == "no" else "made-up"
        query = "&".join(f"{name}={secret}" for name, secret in secrets.items() if secret)
        body = row["body"]
        about = json.dumps(body)[:120] if body is not None else ""
        step = (
            f"error: {row['method']} {row['path']} {about} by {row['by']}; {row['given']}; {token}"
        )
        await part.request(row["method"], f"{path}?{query}", substitute(body, scene), step=step)


async def leaderboards(part: Part) -> None:
    arena = await create_game(part, "ranks")
    ranked = [await register_player(arena, name, **data) for name, data in RANKED]
    path = f"/api/leaderboard.php?api_token={arena.api}"
    for body in (
        {"sort_by": ["level"], "limit": 10}, {"sort_by": ["level", "score"], "limit": 10},
        {"sort_by": ["score", "level"], "limit": 10}, {"sortBy": ["score"], "limit": "2", "offset": 1},
        {"sort_by": ["score"], "around": ranked[2].id, "limit": 3},
        {"sort_by": ["score"], "where": {"team.name": "red"}}, {}, {"sort_by": []}, {"sort_by": ["score"], "limit": 0},
        {"sort_by": "score"}, {"sort_by": ["score"], "around": 999_999}, {"sort_by": ["score"], "where": [1]},
    ):  # fmt: skip
        await part.request("POST", path, body)
    await part.request("POST", path + "&format=unity", {"sort_by": ["score"], "limit": 1})
    await part.request("POST", "/api/leaderboard.php", {"sort_by": ["score"]})
    await part.request("POST", "/api/leaderboard.php?api_token=made-up", {"sort_by": ["score"]})


async def bodies(part: Part, arena: Game) -> None:
    """Request each accepted form of bodies and answers."""
    scene = await create_scene(arena)
    host, guest = scene.host, scene.guest
    register = f"/api/game_players.php/register?api_token={arena.api}"
    for body in (
        b"{",
        b"[]",
        b"null",
        b"",
        b'"x"',
        b'{"player_name": "\\u0000"}',
        b'{"player_name": "Pat", "player_data": 1}',
    ):
        await part.request("POST", register, body)
    await part.request(
        "POST", register, b'{"player_name": "Pat"}', headers={"Content-Type": "text/plain"}
    )
    big = json.dumps({"player_name": "Pat", "player_data": {"text": "x" * 70_000}}).encode()
    await part.request("POST", register, big, step="player data above 64 KiB")
    await part.request("POST", register, b" " * (2**20 + 10), step="a body above 1 MiB")
    await part.request("POST", register, {"player_name": "Una", "player_data_json": '{"a": 1}'})
    unity = "&format=unity"
    await part.request(
        "GET", f"/api/game_data.php/player/get?api_token={arena.api}&player_token={host.key}{unity}"
    )
    await host.request("PUT", "game_data.php/player/update", {"level": 7})
    for version in ("2", "1", "x"):
        await part.request(
            "PUT", "/api/game_data.php/player/update", {"level": 8}, headers={**host.headers, "If-Match": version},
            step=f"If-Match {version}",
        )  # fmt: skip
    await host.request("POST", "game_players.php/rotate")
    await part.request(
        "POST",
        "/api/game_players.php/heartbeat",
        headers=host.headers,
        step="the key that was rotated",
    )
    scene = await create_scene(arena)
    host, guest = scene.host, scene.guest
    await host.request("POST", "matchmaking.php/create", {
        "matchmaking_name": "Full", "maxPlayers": "3", "strictFull": 0, "join_by_requests": "false",
        "host_switch": True,
        "can_leave_room": 1, "realtime_room": True, "password": "secret", "rules": RULES, "player_data": {"a": 1},
    })  # fmt: skip
    current = await host.request("GET", "matchmaking.php/current")
    lobby = current.json["matchmaking"]["matchmaking_id"]
    await host.request("GET", "matchmaking.php/list?search=Full")
    await host.request("GET", "matchmaking.php/list?limit=1&format=unity")
    await guest.request(
        "POST", f"matchmaking.php/join?matchmakingId={lobby}", {"password": "wrong"}
    )
    await guest.request(
        "POST", f"matchmaking.php//join?matchmakingId={lobby}", {"password": "secret"}
    )
    await host.request("POST", "matchmaking.php/password", {"password": None})
    await host.request("POST", "matchmaking.php/kick", {"player_id": guest.id})
    await guest.request("GET", "matchmaking.php/current")
    await guest.request("POST", f"matchmaking.php/{lobby}/join", {"level": 3})
    await host.request("GET", "matchmaking.php/players")
    await host.request("POST", "matchmaking.php/start")
    await host.request("GET", "game_room.php/current")
    await host.request("GET", "game_room.php/players")
    await host.request("GET", "game_room.php/players?format=unity")
    await host.request("GET", "game_room.php/list?search=Full&limit=3")
    await host.request(
        "POST",
        "game_room.php/updates",
        {"target_players": "others", "type": "a", "data_json": '{"b": 1}'},
    )
    await guest.request("GET", "game_room.php/updates/poll?wait=1&format=unity")
    await guest.request("GET", "game_room.php/updates/poll?lastUpdateId=" + NOWHERE)
    await guest.request("POST", "game_room.php/updates/poll", {"from_players": "host", "wait": 0})
    await host.request(
        "POST",
        "game_room.php/actions",
        {"target_players": "others", "action_type": "go", "request_data": None},
    )
    pending = await guest.request("GET", "game_room.php/actions/pending?wait=1&format=unity")
    action = pending.json["actions"][0]["action_id"]
    await guest.request(
        "POST", f"game_room.php/actions/{action}/complete", {"status": "processing"}
    )
    await guest.request(
        "POST",
        f"game_room.php/actions/{action}/complete",
        {"status": "failed", "response_data_json": "[1]"},
    )
    await guest.request("POST", f"game_room.php/actions/{action}/complete", {"status": "lost"})
    await host.request("GET", "game_room.php/actions/poll?wait=1&format=unity")
    await host.request("GET", "game_room.php/actions/poll")
    await host.request("POST", "game_room.php/password", {"password": "new"})
    await host.request("POST", "game_room.php/kick", {"player_id": guest.id})
    await guest.request("GET", "game_room.php/current")
    await host.request("POST", "game_room.php/heartbeat")
    await host.request("POST", "game_room.php/leave")
    for lone in ("request", "response"):
        await host.request(
            "POST",
            f"matchmaking.php/{lone}?matchmakingId={NOWHERE}&requestId={NOWHERE}",
            {"action": "approve"},
        )
        await host.request(
            "POST",
            f"matchmaking.php//{lone}?matchmakingId={NOWHERE}&requestId={NOWHERE}",
            {"action": "approve"},
        )
    await host.request("GET", f"matchmaking.php//status?requestId={NOWHERE}")
    await host.request("GET", f"matchmaking.php/status?requestId={NOWHERE}")
    for name in ("stop", "remove"):
        await host.post("matchmaking.php/create", {"max_players": 2})
        await host.request("POST", f"matchmaking.php/{name}")
    await arena.own("POST", "game_players.php/ban", {
        "player_id": guest.id, "ban_duration": "forever", "ban_reason": "spam"}, record=True)  # fmt: skip
    await guest.request("GET", "game_room.php/current")
    await arena.own("POST", "game_players.php/unban", {"player_id": guest.id}, record=True)
    for offset in ("", "+1", "-2", "5.5", "%2B3", "20", "x"):
        await part.request("GET", f"/api/time.php?api_token={arena.api}&utc={offset}")
    await part.request("GET", "/api/time.php")
    await part.request("GET", "/api/time.php?api_token=made-up")
    for path in (
        "game_players.php/list",
        "matchmaking.php/create",
        "leaderboard.php",
        "realtime.php/token",
    ):
        preflight = preflight_headers(header="x-api-token")
        await part.request("OPTIONS", f"/api/{path}", headers=preflight)
        await part.request("PATCH", f"/api/{path}")
    await part.request("HEAD", f"/api/time.php?api_token={arena.api}")


async def realtime(part: Part, arena: Game) -> None:
    scene = await create_scene(arena)
    host, guest, other = scene.host, scene.guest, scene.other
    await host.request("POST", "realtime.php/token")
    await scene.open_room_with_guest(realtime=True, room_name="Live", host_switch=True)
    await scene.join_room(other)
    secrets = await host.request("POST", "realtime.php/token")
    token = part.add(secrets.json["token"], "realtime token")
    for secret in (token, "made-up", ""):
        await part.request(
            "GET", f"/api/realtime.php/token/validate?api_token={arena.api}&token={secret}"
        )
    await part.request("GET", f"/api/realtime.php/token/validate?token={token}")
    await part.request("GET", "/realtime")
    await part.request("GET", "/realtime/")
    wires = []
    for gamer, path, form in (
        (host, "/", "json"),
        (guest, "/realtime", "unity"),
        (other, "/realtime/", "dotnet"),
    ):
        secret = (await gamer.post("realtime.php/token"))["token"]
        wire = await part.socket(f"{path}?token={secret}&client={form}")
        await wire.receive("greeted")
        wires.append(wire)
    one, two, three = wires
    for message in (
        {"type": "send", "command": "jump", "data": {"x": 1.5, "name": "é"}, "target": "all"},
        {"type": "send", "command": "jump", "data_json": '{ "b" : 2.0 }'},
    ):
        await one.send(message)
        await one.receive(json.dumps(message, ensure_ascii=False))
        await two.receive("unity")
        await three.receive("dotnet")
    for message in (
        {"type": "send", "command": "a", "target": "specific", "target_ids": [999_999]},
        {"type": "send", "command": "a", "target": "specific"}, {"type": "send", "command": "a", "target": "specific",
            "target_ids": "x"},
        {"type": "send", "command": "a", "target": "everyone"}, {"type": "send"}, {"type": "send", "command": 7},
        {"type": "send", "command": "a", "data_json": {}}, {"type": "send", "command": "a", "data_json": "{"},
        {"type": "send", "command": "a", "target": "host"}, {"type": "heartbeat"}, {"type": "dance"}, {}, [], "{",
        {"type": "send", "command": "big", "data": "x" * 5000, "target": "specific", "target_ids": [guest.id]},
    ):  # fmt: skip
        await one.send(message)
        await one.receive(json.dumps(message)[:100])
    second = await part.socket(f"/?token={token}")
    await second.receive("used before")
    for query, about in (("", "no token"), ("?token=made-up", "bad token")):
        refused = await part.socket(f"/{query}")
        await refused.receive(about)
    await guest.request("POST", "realtime.php/token/revoke")
    await two.receive("revoked")
    await guest.request("POST", "realtime.php/token/revoke")
    await other.post("game_room.php/leave")
    await three.receive("left")
    await host.post("game_room.php/stop")
    await one.receive("stopped")
    banned = await create_scene(arena)
    await banned.open_room(realtime=True)
    secret = (await banned.host.post("realtime.php/token"))["token"]
    wire = await part.socket(f"/realtime?token={secret}")
    await wire.receive()
    await arena.own(
        "POST",
        "game_players.php/ban",
        {"player_id": banned.host.id, "ban_duration": "day", "ban_reason": "rude"},
    )
    await wire.receive("banned")
    await wire.receive("banned")


async def run(part: Part) -> None:
    arena, elsewhere = await create_game(part, "arena"), await create_game(part, "elsewhere")
    await samples(part, arena)
    await bodies(part, arena)
    await leaderboards(part)
    await realtime(part, arena)
    await errors(part, arena, elsewhere)
