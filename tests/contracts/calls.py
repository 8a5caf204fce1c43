"""Requests and sockets whose answers are recorded."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from tests.contracts.pages import outline, seal
from tests.contracts.placeholders import Normal
from tests.contracts.program import PATIENCE, Server

FORM = "application/x-www-form-urlencoded"
#: Headers that clients rely on.
HEADERS = (
    "Content-Type", "Location", "WWW-Authenticate", "Allow", "X-Total-Results", "X-Event-Cursor", "X-Events-Lost",
    "Cache-Control", "Content-Disposition", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
    "Access-Control-Allow-Credentials", "Vary",
)  # fmt: skip


@dataclass
class Answer:
    """A recorded answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    cookies: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def seal(self) -> str:
        return seal(self.raw.decode())


@dataclass
class Part:
    """One part of the recording: a server and the requests to it."""

    name: str
    server: Server
    http: aiohttp.ClientSession
    normal: Normal
    steps: list[dict[str, Any]] = field(default_factory=list)
    #: Method and path of each request as sent, to check that all routes were requested.
    asked: list[str] = field(default_factory=list)
    exposed: set[str] = field(default_factory=set)
    _callers: int = 0

    def know(self, value: str, name: str) -> str:
        return self.normal.know(value, name)

    def note(self, name: str, what: Any) -> None:
        """Record a value that is not an HTTP answer."""
        self.steps.append({"step": name, "answer": self.normal.value(what)})

    def url(self, path: str) -> URL:
        return URL(self.server.url + path, encoded=True)

    def headers(self, headers: Mapping[str, str] | None, token: str) -> dict[str, str]:
        """Return a new address for each request, so that no failure limit stops the script."""
        self._callers += 1
        given = {
            "X-Forwarded-For": f"10.{self._callers >> 16 & 255}.{self._callers >> 8 & 255}.{self._callers & 255}"
        }
        if token:
            given["Authorization"] = f"Bearer {token}"
        return given | dict(headers or {})

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", headers: Mapping[str, str] | None = None,
        step: str = "", record: bool = True, form: Mapping[str, Any] | None = None, close: bool = False,
    ) -> Answer:  # fmt: skip
        """Send a request and record the answer. A body other than bytes is sent as JSON."""
        self.asked.append(f"{method} {path.partition('?')[0]}")
        given = self.headers(headers, token)
        data = body
        if form is not None:
            data = urlencode(form).encode()
            given.setdefault("Content-Type", FORM)
        elif body is not None and not isinstance(body, (bytes, aiohttp.MultipartWriter)):
            data = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        skip = ("Content-Type",) if isinstance(data, bytes) and "Content-Type" not in given else ()
        if isinstance(data, bytes) and len(data) >= 2**20:
            data = io.BytesIO(data)
        async with asyncio.timeout(PATIENCE):
            async with self.http.request(
                method,
                self.url(path),
                data=data,
                headers=given,
                allow_redirects=False,
                skip_auto_headers=skip,
            ) as got:
                raw = await got.read()
                headers_of = dict(got.headers)
                cookies = {name: one.value for name, one in got.cookies.items()}
        answer = Answer(got.status, headers_of, raw, cookies)
        if record:
            shown = self._shown(answer, method)
            self.steps.append(
                {
                    "step": step or self._asked(method, path, form if form is not None else body),
                    "answer": shown,
                }
            )
        return answer

    async def well(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """Return the JSON of an answer that must succeed; record it only on request."""
        answer = await self.ask(method, path, body, **{"record": False, **how})
        assert answer.status < 400, (method, path, answer.status, answer.raw)
        return json.loads(answer.raw) if answer.raw.strip() else None

    async def stream(
        self, path: str, frames: int, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> list[str]:
        """Record the head and the first frames of an event stream without comments."""
        self.asked.append(f"GET {path.partition('?')[0]}")
        given = self.headers({"Accept": "text/event-stream", **(headers or {})}, token)
        seen: list[str] = []
        async with asyncio.timeout(PATIENCE):
            async with self.http.get(self.url(path), headers=given) as got:
                text = ""
                while len(seen) < frames:
                    piece = await got.content.readany()
                    if not piece:
                        break
                    text += piece.decode()
                    *whole, text = text.split("\n\n")
                    seen += [one for one in whole if not one.startswith(":")]
                head = self._head(got.status, got.headers)
        shown = [[self._line(line) for line in frame.split("\n")] for frame in seen[:frames]]
        self.steps.append(
            {"step": self._asked("SSE", path, None), "answer": {**head, "frames": shown}}
        )
        return seen

    def _line(self, line: str) -> Any:
        name, _, rest = line.partition(": ")
        if name == "data" and rest[:1] in "[{":
            return {"data": self.normal.value(json.loads(rest))}
        return self.normal.text(line)

    async def socket(
        self, path: str, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> "Wire":
        """Open a WebSocket; record the status of a failed handshake."""
        self.asked.append(f"WS {path.partition('?')[0]}")
        name = self._asked("WS", path, None)
        try:
            ws = await self.http.ws_connect(
                self.url(path), headers=self.headers(headers, token), autoping=True
            )
        except aiohttp.WSServerHandshakeError as fault:
            self.steps.append({"step": name, "answer": {"status": fault.status}})
            return Wire(self, name, None)
        return Wire(self, name, ws)

    def _asked(self, method: str, path: str, body: Any) -> str:
        shown = "" if body is None else " multipart" if isinstance(body, aiohttp.MultipartWriter) else (
            f" {self.normal.text(body.decode('latin-1')[:200])}" if isinstance(body, bytes)
            else f" {json.dumps(self.normal.value(body), ensure_ascii=False)[:300]}"
        )  # fmt: skip
        return f"{method} {self.normal.text(path)}{shown}"

    def _head(self, status: int, headers: Mapping[str, str]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        lower = {name.lower(): value for name, value in headers.items()}
        for name in HEADERS:
            if name.lower() in lower:
                shown[name] = self.normal.text(lower[name.lower()])
        if "retry-after" in lower:
            shown["Retry-After"] = "<seconds>"
        exposed = shown.get("Access-Control-Expose-Headers", "")
        if exposed and exposed in self.exposed:
            # These headers are equal in all answers: record them once, and where they differ.
            del shown["Access-Control-Expose-Headers"]
        self.exposed.add(exposed)
        return {"status": status, "headers": shown}

    def _shown(self, answer: Answer, method: str) -> dict[str, Any]:
        shown = self._head(answer.status, answer.headers)
        if answer.cookies:
            shown["cookies"] = {
                name: "<set>" if value else "" for name, value in answer.cookies.items()
            }
        kind = {name.lower(): value for name, value in answer.headers.items()}.get(
            "content-type", ""
        )
        if method == "HEAD" or not answer.raw:
            shown["body"] = ""
        elif "json" in kind:
            shown["json"] = self.normal.value(answer.json)
        elif "html" in kind:
            shown["page"] = self.normal.value(outline(answer.raw.decode()))
        elif kind.startswith("image/"):
            shown["image"] = answer.raw[:4].hex()
        else:
            shown["body"] = "<some>"
        return shown


@dataclass
class Wire:
    """An open WebSocket whose frames are recorded."""

    part: Part
    name: str
    ws: "aiohttp.ClientWebSocketResponse | None"

    async def say(self, said: Any) -> None:
        assert self.ws is not None
        if isinstance(said, bytes):
            await self.ws.send_bytes(said)
        else:
            await self.ws.send_str(said if isinstance(said, str) else json.dumps(said))

    async def hear(self, about: str = "") -> Any:
        """Record the next frame, or the close."""
        assert self.ws is not None
        message = await self.ws.receive(PATIENCE)
        heard: Any = None
        if message.type is aiohttp.WSMsgType.TEXT:
            heard = json.loads(message.data)
            shown = {"text": self.part.normal.value(heard)}
        elif message.type is aiohttp.WSMsgType.BINARY:
            heard, shown = message.data, {"binary": message.data.hex()}
        else:
            shown = {"close": self.ws.close_code, "reason": str(message.extra or "")}
        self.part.steps.append({"step": f"{self.name} {about}".rstrip(), "answer": shown})
        return heard

    async def end(self) -> None:
        if self.ws is not None:
            await self.ws.close()


def path_of(url: str) -> str:
    """Return the path and query of an address."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
