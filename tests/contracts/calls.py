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

from tests.contracts.pages import csrf_token, outline
from tests.contracts.placeholders import Placeholders
from tests.contracts.program import TIMEOUT_SECONDS, Server

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
    def csrf_token(self) -> str:
        return csrf_token(self.raw.decode())


@dataclass
class Part:
    """One part of the recording: a server and the requests to it."""

    name: str
    server: Server
    http: aiohttp.ClientSession
    placeholders: Placeholders
    steps: list[dict[str, Any]] = field(default_factory=list)
    #: Method and path of each request as sent, to check that all routes were requested.
    requests: list[str] = field(default_factory=list)
    exposed: set[str] = field(default_factory=set)
    _callers: int = 0

    def add(self, value: str, name: str) -> str:
        return self.placeholders.add(value, name)

    def record_value(self, name: str, value: Any) -> None:
        """Record a value that is not an HTTP answer."""
        self.steps.append({"step": name, "answer": self.placeholders.value(value)})

    def url(self, path: str) -> URL:
        return URL(self.server.url + path, encoded=True)

    def headers(self, headers: Mapping[str, str] | None, token: str) -> dict[str, str]:
        """Return a new address for each request, so that no failure limit stops the script."""
        self._callers += 1
        request_headers = {
            "X-Forwarded-For": f"10.{self._callers >> 16 & 255}.{self._callers >> 8 & 255}.{self._callers & 255}"
        }
        if token:
            request_headers["Authorization"] = f"Bearer {token}"
        return request_headers | dict(headers or {})

    async def request(
        self, method: str, path: str, body: Any = None, *, token: str = "", headers: Mapping[str, str] | None = None,
        step: str = "", record: bool = True, form: Mapping[str, Any] | None = None, close: bool = False,
    ) -> Answer:  # fmt: skip
        """Send a request and record the answer. A body other than bytes is sent as JSON."""
        self.requests.append(f"{method} {path.partition('?')[0]}")
        request_headers = self.headers(headers, token)
        data = body
        if form is not None:
            data = urlencode(form).encode()
            request_headers.setdefault("Content-Type", FORM)
        elif body is not None and not isinstance(body, (bytes, aiohttp.MultipartWriter)):
            data = json.dumps(body).encode()
            request_headers.setdefault("Content-Type", "application/json")
        skip = (
            ("Content-Type",)
            if isinstance(data, bytes) and "Content-Type" not in request_headers
            else ()
        )
        if isinstance(data, bytes) and len(data) >= 2**20:
            data = io.BytesIO(data)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async with self.http.request(
                method,
                self.url(path),
                data=data,
                headers=request_headers,
                allow_redirects=False,
                skip_auto_headers=skip,
            ) as response:
                raw = await response.read()
                headers_of = dict(response.headers)
                cookies = {name: one.value for name, one in response.cookies.items()}
        answer = Answer(response.status, headers_of, raw, cookies)
        if record:
            described = self._describe(answer, method)
            self.steps.append(
                {
                    "step": step
                    or self._step_name(method, path, form if form is not None else body),
                    "answer": described,
                }
            )
        return answer

    async def fetch_json(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Return the JSON of an answer that must succeed; record it only on request."""
        answer = await self.request(method, path, body, **{"record": False, **kwargs})
        assert answer.status < 400, (method, path, answer.status, answer.raw)
        return json.loads(answer.raw) if answer.raw.strip() else None

    async def stream(
        self, path: str, frames: int, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> list[str]:
        """Record the head and the first frames of an event stream without comments."""
        self.requests.append(f"GET {path.partition('?')[0]}")
        request_headers = self.headers({"Accept": "text/event-stream", **(headers or {})}, token)
        seen: list[str] = []
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async with self.http.get(self.url(path), headers=request_headers) as response:
                text = ""
                while len(seen) < frames:
                    piece = await response.content.readany()
                    if not piece:
                        break
                    text += piece.decode()
                    *whole, text = text.split("\n\n")
                    seen += [one for one in whole if not one.startswith(":")]
                head = self._head(response.status, response.headers)
        described = [[self._line(line) for line in frame.split("\n")] for frame in seen[:frames]]
        self.steps.append(
            {"step": self._step_name("SSE", path, None), "answer": {**head, "frames": described}}
        )
        return seen

    def _line(self, line: str) -> Any:
        name, _, rest = line.partition(": ")
        if name == "data" and rest[:1] in "[{":
            return {"data": self.placeholders.value(json.loads(rest))}
        return self.placeholders.text(line)

    async def socket(
        self, path: str, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> "RecordedSocket":
        """Open a WebSocket; record the status of a failed handshake."""
        self.requests.append(f"WS {path.partition('?')[0]}")
        name = self._step_name("WS", path, None)
        try:
            ws = await self.http.ws_connect(
                self.url(path), headers=self.headers(headers, token), autoping=True
            )
        except aiohttp.WSServerHandshakeError as error:
            self.steps.append({"step": name, "answer": {"status": error.status}})
            return RecordedSocket(self, name, None)
        return RecordedSocket(self, name, ws)

    def _step_name(self, method: str, path: str, body: Any) -> str:
        described = "" if body is None else " multipart" if isinstance(body, aiohttp.MultipartWriter) else (
            f" {self.placeholders.text(body.decode('latin-1')[:200])}" if isinstance(body, bytes)
            else f" {json.dumps(self.placeholders.value(body), ensure_ascii=False)[:300]}"
        )  # fmt: skip
        return f"{method} {self.placeholders.text(path)}{described}"

    def _head(self, status: int, headers: Mapping[str, str]) -> dict[str, Any]:
        described: dict[str, Any] = {}
        lower = {name.lower(): value for name, value in headers.items()}
        for name in HEADERS:
            if name.lower() in lower:
                described[name] = self.placeholders.text(lower[name.lower()])
        if "retry-after" in lower:
            described["Retry-After"] = "<seconds>"
        exposed = described.get("Access-Control-Expose-Headers", "")
        if exposed and exposed in self.exposed:
            # These headers are equal in all answers: record them once, and where they differ.
            del described["Access-Control-Expose-Headers"]
        self.exposed.add(exposed)
        return {"status": status, "headers": described}

    def _describe(self, answer: Answer, method: str) -> dict[str, Any]:
        described = self._head(answer.status, answer.headers)
        if answer.cookies:
            described["cookies"] = {
                name: "<set>" if value else "" for name, value in answer.cookies.items()
            }
        kind = {name.lower(): value for name, value in answer.headers.items()}.get(
            "content-type", ""
        )
        if method == "HEAD" or not answer.raw:
            described["body"] = ""
        elif "json" in kind:
            described["json"] = self.placeholders.value(answer.json)
        elif "html" in kind:
            described["page"] = self.placeholders.value(outline(answer.raw.decode()))
        elif kind.startswith("image/"):
            described["image"] = answer.raw[:4].hex()
        else:
            described["body"] = "<some>"
        return described


@dataclass
class RecordedSocket:
    """An open WebSocket whose frames are recorded."""

    part: Part
    name: str
    ws: "aiohttp.ClientWebSocketResponse | None"

    async def send(self, message: Any) -> None:
        assert self.ws is not None
        if isinstance(message, bytes):
            await self.ws.send_bytes(message)
        else:
            await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self, about: str = "") -> Any:
        """Record the next frame, or the close."""
        assert self.ws is not None
        message = await self.ws.receive(TIMEOUT_SECONDS)
        received: Any = None
        if message.type is aiohttp.WSMsgType.TEXT:
            received = json.loads(message.data)
            described = {"text": self.part.placeholders.value(received)}
        elif message.type is aiohttp.WSMsgType.BINARY:
            received, described = message.data, {"binary": message.data.hex()}
        else:
            described = {"close": self.ws.close_code, "reason": str(message.extra or "")}
        self.part.steps.append({"step": f"{self.name} {about}".rstrip(), "answer": described})
        return received

    async def close(self) -> None:
        if self.ws is not None:
            await self.ws.close()


def preflight_headers(method: str = "POST", header: str = "authorization") -> dict[str, str]:
    """Return the headers of a CORS preflight from a foreign origin."""
    return {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": header,
        "Origin": "https://a.example",
    }


def path_of(url: str) -> str:
    """Return the path and query of an address."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
