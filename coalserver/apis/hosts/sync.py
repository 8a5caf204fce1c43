"""The sync socket: where a session is played. The first message joins, everything after it is relayed."""

import base64
from dataclasses import replace

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.apis.hosts import messages, render
from coalserver.apis.hosts.auth import ended, failed, still_good, token_for
from coalserver.apis.hosts.errors import detailed, part_of, worded
from coalserver.apis.hosts.event_payloads import Binary, hearing, state_words
from coalserver.apis.hosts.schemas import ENTERING, LARGEST
from coalserver.apis.hosts.sessions import room_of
from coalserver.core.commands.synced_state import send_frame
from coalserver.core.engine import Repeat
from coalserver.core.queries.hosts import proves_authority
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.synced_state import Truth
from coalserver.web.api import Call, Caller, Route
from coalserver.web.body import load, parsed
from coalserver.web.idempotency import ids_of
from coalserver.web.responses import document
from coalserver.web.streaming.duplex import converse
from coalserver.web.streaming.event_stream import ws_frame
from coalserver.web.streaming.subscriptions import Subscription, read

#: Seconds a client has for its first message.
JOINING_SECONDS = 10
#: Bytes of a message: a whole state, and as much again for how it may be written.
LARGEST_MESSAGE = 1 << 20


async def sync(call: Call) -> web.StreamResponse:
    """A WebSocket: join, accepted, the state; then both sides speak until the session or the line ends."""
    if call.core.feed.closed:
        return document({"message": part_of(call.route.path)}, 503, {"Retry-After": "5"})
    socket = web.WebSocketResponse(compress=False, heartbeat=20, max_msg_size=LARGEST_MESSAGE)
    if not socket.can_prepare(call.request):
        raise Refusal(
            Why.MALFORMED, fields={"Upgrade": ["Not a WebSocket handshake."]}, where="header"
        )
    await socket.prepare(call.request)
    talk = Talk(call, socket)
    try:
        after = talk.admit(await _first(socket))
    except Refusal as refusal:
        await talk.refuse(refusal)
        await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        return socket
    cursor = await talk.greet(after)
    await converse(call, socket, talk.subscribe, cursor, talk.hear, sync_frame)
    return socket


class Talk:
    """One member on one socket."""

    def __init__(self, call: Call, socket: web.WebSocketResponse) -> None:
        self.call = call
        self.core = call.core
        self.socket = socket
        self.session = 0
        self.player = 0
        #: What makes its holder the source of truth, if it was shown.
        self.secret = ""

    def admit(self, raw: bytes) -> int | None:
        """Check the first message; gives the cursor that it resumes from, if any."""
        said = parsed(raw)
        if not isinstance(said, dict) or said.get("type") != "join":
            raise Refusal(Why.MALFORMED, fields={"type": ["The first message must be a join."]})
        joining = load(ENTERING, said)
        if joining["session_id"] != self.call.number("session"):
            raise Refusal(Why.MALFORMED, fields={"session_id": ["Not that of the address."]})
        token = token_for(self.call, joining["token"])
        if token is None or ended(self.core, token):
            raise failed(self.call, Why.BAD_TOKEN)
        if render.name_of(self.core.state, token.player) != _named(joining["player"]):
            raise Refusal(Why.NOT_YOURS)
        room = room_of(self.call, joining["session_id"])
        room.running()
        room.roster.of(token.player)
        self.secret = render.secret_of(joining["source_of_truth_key"] or "")
        if self.secret and not self.core.see(proves_authority, room=room.id, secret=self.secret):
            raise failed(self.call, Why.NOT_HOST)
        after: int | None = joining["after"]
        if after is not None and after > self.core.feed.head:
            raise Refusal(Why.CURSOR_AHEAD, head=self.core.feed.head)
        self.session, self.player = room.id, token.player
        self.call.caller = Caller(token.player, token=token.id)
        return after

    async def greet(self, after: int | None) -> int:
        """Accepted, the state, and what was missed of all that is no state; gives the cursor to go on from."""
        core, head = self.core, self.core.feed.head
        room = room_of(self.call, self.session)
        truth = core.shown(Truth, self.session) or Truth(self.session)
        accepted = {"type": "accepted", "cursor": head, **render.present(core.state, room)}
        if after is not None and core.feed.lost(after):
            accepted["lost"] = True
        state = state_words(truth)
        await self.socket.send_str(orjson.dumps(accepted).decode())
        await self.socket.send_str(state.decode())
        if after is not None:
            await self._missed(after, head)
        return head

    async def _missed(self, cursor: int, head: int) -> None:
        heard = self.subscribe()
        quiet = replace(heard, topics=heard.others, newest=None)
        while cursor < head:
            told, cursor = await read(self.call.web, self.call.dialect.name, quiet, cursor)
            for id, words in told:
                if id > head:
                    return
                if isinstance(words, Binary):
                    await self.socket.send_bytes(words)
                else:
                    await self.socket.send_str(words.decode())

    def subscribe(self) -> Subscription:
        """What this member hears by now."""
        still_good(self.core, self.call.caller)
        return hearing(self.core, self.call.web.words, self.session, self.player, binary=True)

    async def hear(self, message: WSMessage) -> None:
        """Do what a message asks; what is refused is told to him who asked."""
        try:
            still_good(self.core, self.call.caller)
            if message.type is WSMsgType.BINARY:
                await self._frame(message.data)
            else:
                await self._said(message.data)
        except Refusal as refusal:
            await self.refuse(refusal)
            if refusal.why is Why.BAD_TOKEN:
                await self.socket.close(code=WSCloseCode.POLICY_VIOLATION)

    async def _said(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        said = parsed(raw)
        if not isinstance(said, dict):
            raise Refusal(Why.MALFORMED, fields={"body": ["The body must be a JSON object."]})
        kind, members = messages.understood(said)
        if kind == "update" and not members["source_of_truth_key"]:
            members["source_of_truth_key"] = self.secret
        asked = messages.asked(self.core, self.session, self.player, kind, members)
        if asked is None:
            return await self.socket.send_str('{"type":"pong"}')
        command, what = asked
        key = members.get("key")
        if key is None:
            await self.core.do(command, **what)
            return None
        caller = f"{self.call.dialect.name}/{self.player}"
        repeat = Repeat.of(caller, key, b"sync", b"%d" % self.session, raw)
        ids = await self.core.do_once(repeat, command, made=ids_of, **what)
        done = {"type": "done", "key": key, **messages.made(kind, ids)}
        return await self.socket.send_str(orjson.dumps(done).decode())

    async def _frame(self, data: bytes) -> None:
        if len(data) > LARGEST:
            raise Refusal(Why.MALFORMED, fields={"body": [f"Larger than {LARGEST} bytes."]})
        text = base64.b64encode(data).decode()
        await self.core.do(send_frame, room_id=self.session, sender=self.player, data=text)

    async def refuse(self, refusal: Refusal) -> None:
        """Say that something was refused, and why."""
        details = detailed(refusal, "body")
        if details:
            place = ".".join(map(str, details[0]["loc"][1:]))
            status, message = 400, f"{place}: {details[0]['msg']}" if place else details[0]["msg"]
        else:
            status, message = worded(refusal, "sync")
        said = {"type": "error", "code": status, "message": message}
        if not self.socket.closed:
            await self.socket.send_str(orjson.dumps(said).decode())


async def _first(socket: web.WebSocketResponse) -> bytes:
    """The first message, unless it does not come or is no text."""
    try:
        message = await socket.receive(JOINING_SECONDS)
    except TimeoutError:
        raise Refusal(Why.MALFORMED, fields={"type": ["No join came."]}) from None
    if message.type is not WSMsgType.TEXT:
        raise Refusal(Why.MALFORMED, fields={"type": ["The first message must be a join."]})
    text: str = message.data
    return text.encode("utf-8", "surrogatepass")


def _named(text: str) -> str:
    """A player as a client may write it, in the form in which we do."""
    code = render.code_of_text(text)
    return render.uuid(code) if code else text.strip().upper()


def sync_frame(id: int, words: bytes) -> bytes:
    """A frame; one that came as binary goes as binary."""
    framed = ws_frame(id, words)
    return b"\x82" + framed[1:] if isinstance(words, Binary) else framed


ROUTES = (Route("GET", "/sync/{session}", sync),)
