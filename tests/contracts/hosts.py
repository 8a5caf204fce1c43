"""The hosts & sessions API: each operation with each documented answer, the sync WebSocket, and feeds."""

import re
from dataclasses import dataclass
from typing import Any

from tests.contracts.calls import Part
from tests.contracts.tables import table


@dataclass
class Host:
    """A host."""

    part: Part
    uuid: str
    token: str
    secret: str

    async def well(self, method: str, path: str, body: Any = None) -> Any:
        return await self.part.well(method, path, body, token=self.token)


async def a_host(part: Part) -> Host:
    made = await part.well("POST", "/hosts")
    token = (await part.well("GET", f"/hosts/{made['uuid']}/access_token"))["token"]
    return Host(part, made["uuid"], token, made["secret"])


def filled(value: Any, uuids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda found: uuids[found[1]], value)
    if isinstance(value, dict):
        return {name: filled(one, uuids) for name, one in value.items()}
    return value


async def examples(part: Part) -> None:
    for row in table("hosts"):
        host, friend, banned, other = [await a_host(part) for _ in range(4)]
        await host.well("POST", f"/hosts/{host.uuid}/friends?friend={friend.uuid}")
        await host.well("POST", f"/hosts/{host.uuid}/friends?friend={banned.uuid}")
        await host.well("POST", f"/hosts/{host.uuid}/banlist?banned={banned.uuid}")
        if row["launched"]:
            await host.well("POST", "/sessions", {"host": host.uuid})
        who = {"host": host, "friend": friend, "banned": banned, "other": other}
        uuids = {name: one.uuid for name, one in who.items()} | {"lower": host.uuid.lower()}
        body = filled(row["body"], uuids) if not row["raw"] else row["body"].encode()
        token = (
            {"nobody": "", "liar": "0" * 48}.get(row["by"])
            if row["by"] not in who
            else who[row["by"]].token
        )
        step = f"{row['method']} {row['path']} {row['body']} by {row['by']}{', launched' if row['launched'] else ''}"
        await part.ask(
            row["method"], filled(row["path"], uuids), body, token=token or "", step=step
        )


async def manners(part: Part) -> None:
    host = await a_host(part)
    asks = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
        "Origin": "https://a.example",
    }
    for path in (
        "/hosts",
        f"/hosts/{host.uuid}",
        "/hosts/access_token/renew",
        "/sessions",
        "/sessions/players",
        "/openapi.json",
    ):
        await part.ask("OPTIONS", path, headers=asks)
        await part.ask("PATCH", path)
    for path in ("/hosts/a/b/c", "/sessions/1/2/3", "/sync", "/sync/1/2"):
        await part.ask("GET", path)
    path = f"/hosts/{host.uuid}/only_friends"
    await part.ask(
        "PUT", path, b"only_friends=true", token=host.token, headers={"Content-Type": "text/plain"}
    )
    await part.ask("PUT", path, b" " * (2**20 + 10), token=host.token, step="a body above 1 MiB")
    await part.ask("GET", f"/hosts/{host.uuid}/access_token", token="wrong")
    await part.ask("GET", f"/hosts/{host.uuid}/access_token", token=host.secret)
    await part.ask(
        "GET", f"/hosts/{host.uuid}/access_token", step="the uuid alone after the secret was used"
    )
    await part.ask("GET", "/openapi.json")


async def sync(part: Part) -> None:
    host, guest = await a_host(part), await a_host(part)
    for name, value in (("only_friends", False), ("allow_nonames", True)):
        await host.well("PUT", f"/hosts/{host.uuid}/{name}", {name: value})
    launched = await host.well("POST", "/sessions", {"host": host.uuid})
    session, key = launched["session_id"], part.know(launched["source_of_truth_key"], "truth key")
    await part.ask(
        "POST", "/sessions/players", {"host": host.uuid, "guest": guest.uuid}, token=guest.token
    )
    nobody = (
        await part.ask("POST", "/sessions/players", {"host": host.uuid, "guest": "NONAME"})
    ).json
    await part.ask("GET", f"/sessions/{session}", token=host.token)
    for token in ("", "0" * 48, (await a_host(part)).token):
        await part.ask("GET", f"/sessions/{session}", token=token)
        await part.ask("GET", f"/sessions/{session}/events", token=token)
        await part.ask("POST", f"/sessions/{session}/messages", {"type": "ping"}, token=token)
    await part.ask("GET", "/sessions/999999", token=host.token)
    await part.ask("GET", f"/sync/{session}", step="a plain GET of the socket's address")
    for said in ({}, [], "x", {"type": "join"}, {"type": "join", "session_id": session, "player": host.uuid,
        "token": "wrong"},
                 {"type": "join", "session_id": 999_999, "player": host.uuid, "token": host.token},
                 {"type": "join", "session_id": session, "player": host.uuid, "token": host.token,
                     "source_of_truth_key": "wrong"}):  # fmt: skip
        wire = await part.socket(f"/sync/{session}")
        await wire.say(said)
        await wire.hear(str(part.normal.value(said)))
        await wire.hear()
    join = {"type": "join", "session_id": session}
    one = await part.socket(f"/sync/{session}")
    await one.say({**join, "player": host.uuid, "token": host.token, "source_of_truth_key": key})
    await one.hear("host accepted")
    await one.hear()
    two = await part.socket(f"/sync/{session}")
    await two.say({**join, "player": guest.uuid, "token": guest.token})
    await two.hear("guest accepted")
    await two.hear()
    for said in (
        {"type": "update", "state": {"a": 1, "b": [2.0, None]}},
        {"type": "update", "patch": {"a": None, "c": "ü"}, "key": "k1"},
    ):
        await one.say(said)
        await two.hear(f"guest: {said}")
    await one.hear("done")
    for said in (
        {"type": "command", "name": "jump", "data": {"h": 3}},
        {"type": "command", "name": "jump", "data": 1, "to": "host", "key": "k2"},
    ):
        await two.say(said)
        await one.hear(f"host: {said}")
    await two.hear("done")
    await two.say(b"\x01\x02")
    await one.hear("host: binary")
    for said in (
        {"type": "ping"},
        {"type": "dance"},
        {"type": "update", "state": 1},
        {"type": "command"},
        {"type": "command", "name": "a", "to": "x"},
        "{",
    ):
        await two.say(said)
        await two.hear(f"guest: {said}")
    messages = f"/sessions/{session}/messages"
    for body in ({"type": "ping"}, {"type": "command", "name": "turn", "data": None}, {"type": "update", "state": 1},
                 {"type": "update", "patch": {"d": 4}, "source_of_truth_key": key}, {"type": "dance"},
                 {"type": "command", "name": "a", "to": "x"}):  # fmt: skip
        await part.ask("POST", messages, body, token=host.token)
    for _ in range(2):
        await part.ask(
            "POST",
            messages,
            {"type": "command", "name": "once"},
            token=guest.token,
            headers={"Idempotency-Key": "k3"},
        )
    read = await part.ask(
        "GET", f"/sessions/{session}/events?after-event-id=-1&wait=0", token=guest.token
    )
    first = read.json[0]["id"]
    await part.ask(
        "GET", f"/sessions/{session}/events?after-event-id={first}&wait=0", token=nobody["token"]
    )
    await part.ask(
        "GET", f"/sessions/{session}/events?after-event-id=999999&wait=0", token=guest.token
    )
    await part.ask("GET", f"/sessions/{session}/events?after-event-id=x&wait=61", token=guest.token)
    await part.stream(f"/sessions/{session}/events?after-event-id=-1", 3, token=guest.token)
    live = await part.socket(f"/sessions/{session}/events?after-event-id=-1", token=guest.token)
    await live.hear()
    await live.hear()
    await live.end()
    await host.well("POST", f"/hosts/{host.uuid}/banlist?banned={guest.uuid}")
    for _ in range(8):
        heard = await two.hear("until banned")
        if heard is None:
            break
    await one.say({"type": "leave"})
    for _ in range(12):
        if await one.hear("until over") is None:
            break
    await part.ask("GET", f"/sessions/{session}", token=host.token)


async def run(part: Part) -> None:
    await examples(part)
    await manners(part)
    await sync(part)
