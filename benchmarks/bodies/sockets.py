"""Messages of WebSockets."""

import json
import threading
from collections.abc import Iterator

from benchmarks.bodies import shapes
from benchmarks.bodies.client import KIB, MIB, Case, Headers, Socket, frame
from benchmarks.bodies.stage import Stage, with_members


def sync_messages(stage: Stage) -> Iterator[Case]:
    """Messages on the sync socket of a hosts session."""
    hosted = stage.hosted
    path = f"/sync/{hosted.id}"
    join = {
        "type": "join", "session_id": hosted.id, "player": hosted.host.uuid, "token": hosted.host.token,
        "source_of_truth_key": hosted.key,
    }  # fmt: skip
    joined = json.dumps(join).encode()
    key = {"key": "k"}

    def case(shape: str, message: bytes, kind: int = 1) -> Case:
        def send() -> str:
            with stage.target.socket(path) as opened:
                if not shape.startswith("join"):
                    opened.send(frame(joined))
                    opened.receive(2)
                opened.send(frame(message, kind), frame(b'{"type":"ping"}'))
                return opened.receive()

        return Case(path, shape, send)

    for shape, body in shapes.documents(MIB - 100).items():
        yield case(f"message: {shape}", body)
        yield case(f"join: {shape}", body)
    for size in (256 * KIB, MIB - 500):
        for shape, value in shapes.values(size).items():
            for field in ("state", "patch", "key"):
                base = {"type": "update", **key}
                yield case(
                    f"{field}, {size // KIB} KiB: {shape}", with_members(base, (field,), value)
                )
            base = {"type": "command", "name": "x", **key}
            for field in ("data", "name", "to"):
                yield case(
                    f"{field}, {size // KIB} KiB: {shape}", with_members(base, (field,), value)
                )
            yield case(
                f"join token, {size // KIB} KiB: {shape}", with_members(join, ("token",), value)
            )
    yield case("binary", bytes(MIB - 100), 2)

    def flood(some: bytes) -> str:
        with stage.target.socket(path) as opened:
            opened.send(frame(joined))
            opened.receive(2)
            opened.send(some)
            return opened.finish()

    for shape, some in many_frames().items():
        yield Case(path, shape, lambda some=some: flood(some))  # type: ignore[misc]


def realtime_messages(stage: Stage) -> Iterator[Case]:
    """Messages on the realtime socket of a multiplayer room, with another client of each type in the room."""

    def connect(headers: Headers, client: str = "json") -> Socket:
        opened = stage.target.socket(
            f"/realtime?client={client}", {"X-Realtime-Token": stage.token(headers)}
        )
        opened.receive()
        return opened

    for headers, client in ((stage.guest, "unity"), (stage.other, "json")):
        receiver = connect(headers, client)
        threading.Thread(target=receiver.opened.makefile("rb").read, daemon=True).start()

    def case(shape: str, *messages: bytes) -> Case:
        def send() -> str:
            with connect(stage.host) as opened:
                opened.send(*messages)
                return opened.finish()

        return Case("realtime socket", shape, send)

    for shape, body in shapes.documents(64 * KIB - 100).items():
        yield case(f"message: {shape}", frame(body))
    base = {"type": "send", "command": "x"}
    for shape, value in shapes.values(64 * KIB - 200).items():
        for field in ("data", "data_json", "command", "target_ids"):
            more = {"target": "specific"} if field == "target_ids" else {}
            yield case(f"{field}: {shape}", frame(with_members({**base, **more}, (field,), value)))
    for shape, some in many_frames().items():
        yield case(shape, some)


def many_frames() -> dict[str, bytes]:
    """Return as many small frames as the server may read at once, by name."""
    size = 256 * KIB
    kinds = {
        "many pings": frame(b"", 9), "many pongs": frame(b"", 10), "many empty messages": frame(b""),
        "many heartbeats": frame(b'{"type":"heartbeat"}'),
        "many messages": frame(b'{"type":"send","command":"x"}'), "many binary messages": frame(b"", 2),
    }  # fmt: skip
    found = {name: one * (size // len(one)) for name, one in kinds.items()}
    # A message in parts: the first one, then many that are not the last.
    part = bytearray(frame(b"a", 0))
    part[0] = 0
    first = bytearray(frame(b"a"))
    first[0] = 1
    found["many parts"] = bytes(first) + bytes(part) * (size // len(part))
    empty = bytearray(frame(b"", 0))
    empty[0] = 0
    found["many empty parts"] = bytes(first) + bytes(empty) * (size // len(empty))
    return found


def event_sockets(stage: Stage) -> Iterator[Case]:
    """Messages on sockets that send events, whose messages are not read."""
    for path, headers in (
        (f"{stage.room}/events", stage.bearer),
        (f"{stage.world.path}/events", stage.user),
    ):
        for shape, some in {
            **many_frames(), "a long message": frame(bytes(MIB)), "a text": frame(b"a" * 60 * KIB)
        }.items():  # fmt: skip

            def send(some: bytes = some, path: str = path, headers: Headers = headers) -> str:
                with stage.target.socket(path, headers) as opened:
                    opened.receive()
                    opened.send(some)
                    return opened.finish()

            yield Case(f"socket {path[:30]}", shape, send)
