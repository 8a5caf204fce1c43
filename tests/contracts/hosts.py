"""The hosts & sessions API: each operation with each documented answer, the sync WebSocket, and feeds."""

import re
from dataclasses import dataclass
from typing import Any

from tests.contracts.calls import Part, preflight_headers
from tests.contracts.tables import table


@dataclass
class Host:
    """A host."""

    part: Part
    uuid: str
    token: str
    secret: str

    async def fetch_json(self, method: str, path: str, body: Any = None) -> Any:
        return await self.part.fetch_json(method, path, body, token=self.token)


async def create_host(part: Part) -> Host:
    created = await part.fetch_json("POST", "/hosts")
    token = (await part.fetch_json("GET", f"/hosts/{created['uuid']}/access_token"))["token"]
    return Host(part, created["uuid"], token, created["secret"])


def substitute(value: Any, uuids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda found: uuids[found[1]], value)
    if isinstance(value, dict):
        return {name: substitute(one, uuids) for name, one in value.items()}
    return value


async def examples(part: Part) -> None:
    for row in table("hosts"):
        host, friend, banned, other = [await create_host(part) for _ in range(4)]
        await host.fetch_json("POST", f"/hosts/{host.uuid}/friends?friend={friend.uuid}")
        await host.fetch_json("POST", f"/hosts/{host.uuid}/friends?friend={banned.uuid}")
        await host.fetch_json("POST", f"/hosts/{host.uuid}/banlist?banned={banned.uuid}")
        if row["launched"]:
            await host.fetch_json("POST", "/sessions", {"host": host.uuid})
        hosts = {"host": host, "friend": friend, "banned": banned, "other": other}
        uuids = {name: one.uuid for name, one in hosts.items()} | {"lower": host.uuid.lower()}
        body = substitute(row["body"], uuids) if not row["raw"] else row["body"].encode()
        token = (
            {"nobody": "", "liar": "0" * 48}.get(row["by"])
            if row["by"] not in hosts
            else hosts[row["by"]].token
        )
        step = f"{row['method']} {row['path']} {row['body']} by {row['by']}{', launched' if row['launched'] else ''}"
        await part.request(
            row["method"], substitute(row["path"], uuids), body, token=token or "", step=step
        )


async def conventions(part: Part) -> None:
    host = await create_host(part)
    preflight = preflight_headers("PUT")
    for path in (
        "/hosts",
        f"/hosts/{host.uuid}",
        "/hosts/access_token/renew",
        "/sessions",
        "/sessions/players",
        "/openapi.json",
    ):
        await part.request("OPTIONS", path, headers=preflight)
        await part.request("PATCH", path)
    for path in ("/hosts/a/b/c", "/sessions/1/2/3", "/sync", "/sync/1/2"):
        await part.request("GET", path)
    path = f"/hosts/{host.uuid}/only_friends"
    await part.request(
        "PUT", path, b"only_friends=true", token=host.token, headers={"Content-Type": "text/plain"}
    )
    await part.request(
        "PUT", path, b" " * (2**20 + 10), token=host.token, step="a body above 1 MiB"
    )
    await part.request("GET", f"/hosts/{host.uuid}/access_token", token="wrong")
    await part.request("GET", f"/hosts/{host.uuid}/access_token", token=host.secret)
    await part.request(
        "GET", f"/hosts/{host.uuid}/access_token", step="the uuid alone after the secret was used"
    )
    await part.request("GET", "/openapi.json")


async def sync(part: Part) -> None:
    host, guest = await create_host(part), await create_host(part)
    for name, value in (("only_friends", False), ("allow_nonames", True)):
        await host.fetch_json("PUT", f"/hosts/{host.uuid}/{name}", {name: value})
    launched = await host.fetch_json("POST", "/sessions", {"host": host.uuid})
    session, key = launched["session_id"], part.add(launched["source_of_truth_key"], "truth key")
    await part.request(
        "POST", "/sessions/players", {"host": host.uuid, "guest": guest.uuid}, token=guest.token
    )
    unnamed = (
        await part.request("POST", "/sessions/players", {"host": host.uuid, "guest": "NONAME"})
    ).json
    await part.request("GET", f"/sessions/{session}", token=host.token)
    for token in ("", "0" * 48, (await create_host(part)).token):
        await part.request("GET", f"/sessions/{session}", token=token)
        await part.request("GET", f"/sessions/{session}/events", token=token)
        await part.request("POST", f"/sessions/{session}/messages", {"type": "ping"}, token=token)
    await part.request("GET", "/sessions/999999", token=host.token)
    await part.request("GET", f"/sync/{session}", step="a plain GET of the socket's address")
    for message in ({}, [], "x", {"type": "join"}, {"type": "join", "session_id": session, "player": host.uuid,
        "token": "wrong"},
                 {"type": "join", "session_id": 999_999, "player": host.uuid, "token": host.token},
                 {"type": "join", "session_id": session, "player": host.uuid, "token": host.token,
                     "source_of_truth_key": "wrong"}):  # fmt: skip
        wire = await part.socket(f"/sync/{session}")
        await wire.send(message)
        await wire.receive(str(part.placeholders.value(message)))
        await wire.receive()
    join = {"type": "join", "session_id": session}
    one = await part.socket(f"/sync/{session}")
    await one.send({**join, "player": host.uuid, "token": host.token, "source_of_truth_key": key})
    await one.receive("host accepted")
    await one.receive()
    two = await part.socket(f"/sync/{session}")
    await two.send({**join, "player": guest.uuid, "token": guest.token})
    await two.receive("guest accepted")
    await two.receive()
    for message in (
        {"type": "update", "state": {"a": 1, "b": [2.0, None]}},
        {"type": "update", "patch": {"a": None, "c": "ü"}, "key": "k1"},
    ):
        await one.send(message)
        await two.receive(f"guest: {message}")
    await one.receive("done")
    for message in (
        {"type": "command", "name": "jump", "data": {"h": 3}},
        {"type": "command", "name": "jump", "data": 1, "to": "host", "key": "k2"},
    ):
        await two.send(message)
        await one.receive(f"host: {message}")
    await two.receive("done")
    await two.send(b"\x01\x02")
    await one.receive("host: binary")
    for message in (
        {"type": "ping"},
        {"type": "dance"},
        {"type": "update", "state": 1},
        {"type": "command"},
        {"type": "command", "name": "a", "to": "x"},
        "{",
    ):
        await two.send(message)
        await two.receive(f"guest: {message}")
    messages = f"/sessions/{session}/messages"
    for body in ({"type": "ping"}, {"type": "command", "name": "turn", "data": None}, {"type": "update", "state": 1},
                 {"type": "update", "patch": {"d": 4}, "source_of_truth_key": key}, {"type": "dance"},
                 {"type": "command", "name": "a", "to": "x"}):  # fmt: skip
        await part.request("POST", messages, body, token=host.token)
    for _ in range(2):
        await part.request(
            "POST",
            messages,
            {"type": "command", "name": "once"},
            token=guest.token,
            headers={"Idempotency-Key": "k3"},
        )
    read = await part.request(
        "GET", f"/sessions/{session}/events?after-event-id=-1&wait=0", token=guest.token
    )
    first = read.json[0]["id"]
    await part.request(
        "GET", f"/sessions/{session}/events?after-event-id={first}&wait=0", token=unnamed["token"]
    )
    await part.request(
        "GET", f"/sessions/{session}/events?after-event-id=999999&wait=0", token=guest.token
    )
    await part.request(
        "GET", f"/sessions/{session}/events?after-event-id=x&wait=61", token=guest.token
    )
    await part.stream(f"/sessions/{session}/events?after-event-id=-1", 3, token=guest.token)
    live = await part.socket(f"/sessions/{session}/events?after-event-id=-1", token=guest.token)
    await live.receive()
    await live.receive()
    await live.close()
    await host.fetch_json("POST", f"/hosts/{host.uuid}/banlist?banned={guest.uuid}")
    for _ in range(8):
        received = await two.receive("until banned")
        if received is None:
            break
    await one.send({"type": "leave"})
    for _ in range(12):
        if await one.receive("until over") is None:
            break
    await part.request("GET", f"/sessions/{session}", token=host.token)


async def run(part: Part) -> None:
    await examples(part)
    await conventions(part)
    await sync(part)
