"""The application with players, rooms and worlds, and the cases of one route."""

import http.client
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from benchmarks.bodies import shapes
from benchmarks.bodies.client import FORM, TIMEOUT_SECONDS, Case, Headers, Target


class Stage:
    """The application with players, rooms and worlds."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.target = Target(app.server.host, app.server.port)

    async def prepare(self) -> "Stage":
        """Make what requests need."""
        from tests.apis.coal.clients import make_admin, make_user, make_world
        from tests.apis.hosts.clients import make_hosted_session
        from tests.apis.multiplayer.scene import make_scene
        from tests.site.admins import make_admin as make_root

        app = self.app
        ann, bob = await app.sign_in_guest("Ann"), await app.sign_in_guest("Bob")
        await app.create_game("free", 1, 16)
        self.room = await ann.create_room("free")
        await bob.join(self.room)
        self.session = await ann.start(await ann.create_room("free", name="s"))
        self.ann, self.bearer = ann, {"Authorization": f"Bearer {ann.token}"}
        scene = self.scene = await make_scene(app)
        await scene.fill_room(realtime=True)
        await scene.join_room(scene.other)
        self.action = (await scene.send_action(scene.guest))[0]
        api = {"X-Api-Token": scene.arena.api}
        players = [*(one.key for one in (scene.host, scene.guest, scene.other))]
        players.append((await scene.arena.make_player("Lone")).key)
        self.host, self.guest, self.other, self.lone = [
            {**api, "X-Player-Token": key} for key in players
        ]
        self.api = api
        self.owner = {**api, "X-Private-Token": scene.arena.private}
        self.hosted, (self.member,) = await make_hosted_session(app)
        self.host_bearer = {"Authorization": f"Bearer {self.hosted.host.token}"}
        world = self.world = await make_world(app)
        user = await make_user(app, usernames=("gump",))
        admin = await make_admin(app)
        self.agent, self.user, self.admin = [
            {"Authorization": f"Bearer {one.token}"} for one in (world.agent, user, admin)
        ]
        browser = await make_root(app)
        self.csrf = await browser.csrf_token("/admin/games")
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.browser = {"Cookie": cookies}
        return self

    def token(self, headers: Headers) -> str:
        """Return a token for a realtime socket."""
        connection = http.client.HTTPConnection(*self.target.address, timeout=TIMEOUT_SECONDS)
        connection.request("POST", "/api/realtime.php/token", headers=headers)
        token: str = json.loads(connection.getresponse().read())["token"]
        connection.close()
        return token

    def bodies(
        self,
        method: str,
        path: str,
        headers: Headers,
        size: int,
        fields: Iterable[str] = (),
        base: dict[str, Any] | None = None,
    ) -> Iterator[Case]:
        """Return bodies of JSON: shapes as the whole body, and in each field and all fields of a valid one."""
        name, fields, base = f"{method} {path[:40]}", tuple(fields), base or {}
        head = {**headers, "Content-Type": "application/json"}

        def case(shape: str, body: bytes) -> Case:
            return Case(name, shape, lambda: self.target.request(method, path, head, body))

        for shape, body in shapes.documents(size - 100).items():
            yield case(f"body: {shape}", body)
        for field in fields:
            for shape, value in shapes.values(size - 500).items():
                yield case(f"{field}: {shape}", with_members(base, (field,), value))
        if len(fields) > 1:
            for shape, value in shapes.values((size - 500) // len(fields)).items():
                yield case(f"all: {shape}", with_members(base, fields, value))

    def forms(
        self, path: str, headers: Headers, size: int, fields: Iterable[str], **base: str
    ) -> Iterator[Case]:
        """Return forms with a shape in each field."""
        head = {**headers, "Content-Type": FORM}
        start = urlencode(base).encode()

        def case(shape: str, body: bytes) -> Case:
            return Case(
                f"POST {path[:40]}", shape, lambda: self.target.request("POST", path, head, body)
            )

        for field in fields:
            for shape, value in shapes.form_values(size - 800).items():
                yield case(f"{field}: {shape}", b"%b&%b=%b" % (start, field.encode(), value))
        yield case("many fields", start + b"&a=b" * (size // 4 - 200))
        yield case("long name", start + b"&" + b"%41" * (size // 3 - 300) + b"=1")

    def heads(self, path: str, headers: Headers, params: Iterable[str] = ()) -> Iterator[Case]:
        """Return requests without a body: shapes in the query and in headers."""

        def case(shape: str, where: str, more: Headers) -> Case:
            return Case(
                f"GET {path[:40]}",
                shape,
                lambda: self.target.request("GET", where, {**headers, **more}),
            )

        mark = "&" if "?" in path else "?"
        for shape, value in shapes.header_values(7800 - len(path)).items():
            text = value.decode()
            for param in params:
                query = f"{path}{mark}{param}={quote_from_bytes(value, safe='%=&,;/')[:7700]}"
                yield case(f"?{param}: {shape}", query, {})
            for name in (
                "Cookie",
                "Authorization",
                "Last-Event-ID",
                "Accept-Language",
                "X-Forwarded-For",
                "Host",
                "If-None-Match",
                "X-Api-Token",
                "X-Player-Token",
                "Idempotency-Key",
                "Content-Encoding",
                "Range",
                "Accept",
                "Origin",
            ):
                yield case(f"{name}: {shape}", path, {name: text[:7900]})
        yield case("many headers", path, {f"X-{number}": "a" for number in range(1000)})
        yield case("?many parameters", f"{path}{mark}{'a=b&' * 1900}", {})


def with_members(base: dict[str, Any], fields: Iterable[str], value: bytes) -> bytes:
    """Return the base as JSON with a value in some members."""
    fields = tuple(fields)
    members = [
        b"%b:%b" % (json.dumps(name).encode(), json.dumps(rest).encode())
        for name, rest in base.items()
        if name not in fields
    ]
    members += [b"%b:%b" % (json.dumps(field).encode(), value) for field in fields]
    return b"{%b}" % b",".join(members)
