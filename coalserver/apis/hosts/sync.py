"""The sync WebSocket of a session: the first message joins, later ones are relayed."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.apis.hosts import messages, render
from coalserver.apis.hosts.auth import find_token, raise_limited
from coalserver.apis.hosts.errors import error_message, service_name, validation_details
from coalserver.apis.hosts.event_payloads import (
    BinaryPayload,
    prepare_snapshot,
    render_state,
    subscription_for,
)
from coalserver.apis.hosts.schemas import MAX_DATA_BYTES, SYNC_JOIN
from coalserver.apis.hosts.sessions import get_room
from coalserver.core.caller import Caller, check_token_valid, is_token_expired
from coalserver.core.commands.synced_state import send_binary
from coalserver.core.engine import IdempotencyKey
from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import Topic
from coalserver.core.queries.hosts import is_authority
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.synced_state import SyncedState
from coalserver.web.api import Route
from coalserver.web.body import load_body, parse_json_aside
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import result_ids
from coalserver.web.responses import json_response
from coalserver.web.streaming.duplex import close_socket, run_duplex
from coalserver.web.streaming.event_stream import ws_frame
from coalserver.web.streaming.refusals import refuse_websocket
from coalserver.web.streaming.subscriptions import Subscription, read
from coalserver.web.streaming.websocket import FeedSocket
from coalserver.web.throttling import UseLimit

#: Seconds a client has for its first message.
JOIN_TIMEOUT_SECONDS = 10
#: A topic without entries.
_JOINING: tuple[Topic, ...] = (("joining", 0),)
#: Largest message in bytes: a whole state, with room for white space and escapes.
MAX_MESSAGE_BYTES = 1 << 20


async def sync(ctx: RequestContext) -> web.StreamResponse:
    """Serve the sync WebSocket: the join, then messages of both sides until either closes it."""
    if ctx.core.feed.closed:
        stopping = json_response(
            {"message": service_name(ctx.route.path)}, 503, {"Retry-After": "5"}
        )
        return await refuse_websocket(ctx.request, stopping, "server_stopping")
    socket = FeedSocket(MAX_MESSAGE_BYTES)
    if not socket.can_prepare(ctx.request):
        raise DomainError(
            ErrorCode.INVALID_REQUEST,
            fields={"Upgrade": ["Not a WebSocket handshake."]},
            where="header",
        )
    try:
        await socket.prepare(ctx.request)
        await _serve(ctx, socket)
    finally:
        socket.release()
    return socket


async def _serve(ctx: RequestContext, socket: FeedSocket) -> None:
    connection = SyncConnection(ctx, socket)
    try:
        message = await _receive_join(ctx, socket)
        if message is None:
            return await close_socket(ctx, socket, WSCloseCode.SERVICE_RESTART)
        after = connection.join(await parse_json_aside(ctx, message))
        cursor = await connection.send_accepted(after)
        await run_duplex(
            ctx, socket, connection.subscribe, cursor, connection.handle_message, sync_frame
        )
    except DomainError as error:
        # Of the join, or of a token that ends or a session that is deleted before the stream begins.
        await connection.send_error(error)
        await close_socket(ctx, socket, WSCloseCode.POLICY_VIOLATION)


class _Stop(FutureWaiter):
    """The waiter of a socket whose client has not joined: the feed only tells it of its end."""

    __slots__ = ()

    #: Nobody waits for entries yet.
    client_count = 0


class SyncConnection:
    """The WebSocket connection of one member."""

    def __init__(self, ctx: RequestContext, socket: web.WebSocketResponse) -> None:
        self.ctx = ctx
        self.core = ctx.core
        self.socket = socket
        self.session = 0
        self.player = 0
        #: The secret of the source of truth; empty unless the join had the key.
        self.secret = ""

    def join(self, payload: Any) -> int | None:
        """Join by the first message and return its `after`, the cursor to resume from, or None.

        Raises INVALID_REQUEST, INVALID_TOKEN, PERMISSION_DENIED, ROOM_NOT_FOUND, ROOM_ENDED,
        NOT_MEMBER, NOT_HOST, CURSOR_AHEAD or RATE_LIMITED.
        """
        if not isinstance(payload, dict) or payload.get("type") != "join":
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={"type": ["The first message must be a join."]}
            )
        params = load_body(SYNC_JOIN, payload)
        if params["session_id"] != self.ctx.int_param("session"):
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={"session_id": ["Not that of the address."]}
            )
        token = find_token(self.ctx, params["token"])
        if token is None or is_token_expired(self.core, token):
            raise_limited(self.ctx, ErrorCode.INVALID_TOKEN)
        if render.name_of(self.core.state, token.player) != _normalize_player(params["player"]):
            raise DomainError(ErrorCode.PERMISSION_DENIED)
        room = get_room(self.ctx, params["session_id"])
        room.check_open()
        room.roster.get_seat(token.player)
        self.secret = render.parse_key(params["source_of_truth_key"] or "")
        if self.secret and not self.core.query(is_authority, room=room.id, secret=self.secret):
            raise_limited(self.ctx, ErrorCode.NOT_HOST)
        after: int | None = params["after"]
        if after is not None and after > self.core.feed.head:
            raise DomainError(ErrorCode.CURSOR_AHEAD, head=self.core.feed.head)
        self.session, self.player = room.id, token.player
        self.ctx.caller = Caller(player_id=token.player, token_id=token.id)
        return after

    async def send_accepted(self, after: int | None) -> int:
        """Send `accepted`, the state and the missed events; return the cursor to continue from."""
        core, head = self.core, self.core.feed.head
        room = get_room(self.ctx, self.session)
        synced = core.committed(SyncedState, self.session) or SyncedState(self.session)
        accepted = {"type": "accepted", "cursor": head, **render.participants(core.state, room)}
        if after is not None and core.feed.has_gap(after):
            accepted["lost"] = True
        cache = self.ctx.app.render_cache
        await prepare_snapshot(cache, synced)
        check_token_valid(core, self.ctx.caller)
        state = render_state(cache, synced)
        await self.socket.send_str(orjson.dumps(accepted).decode())
        await self.socket.send_str(state.decode())
        if after is not None:
            await self._send_missed(after, head)
        return head

    async def _send_missed(self, cursor: int, head: int) -> None:
        """Send the events between cursor and head, except changes of the state."""
        subscription = self.subscribe()
        without_state = replace(subscription, topics=subscription.entry_topics, snapshot=None)
        while cursor < head:
            rendered, cursor = await read(self.ctx.app, self.ctx.api.name, without_state, cursor)
            for id, payload in rendered:
                if id > head:
                    return
                if isinstance(payload, BinaryPayload):
                    await self.socket.send_bytes(payload)
                else:
                    await self.socket.send_str(payload.decode())

    def subscribe(self) -> Subscription:
        """Return the current subscription of the member. Raises INVALID_TOKEN or ROOM_NOT_FOUND."""
        check_token_valid(self.core, self.ctx.caller)
        return subscription_for(
            self.core, self.ctx.app.render_cache, self.session, self.ctx.caller, binary=True
        )

    async def handle_message(self, message: WSMessage) -> None:
        """Handle a message. Errors are sent to the client; INVALID_TOKEN also closes the connection."""
        try:
            check_token_valid(self.core, self.ctx.caller)
            self.ctx.take(UseLimit.MESSAGES)
            if message.type is WSMsgType.BINARY:
                await self._handle_binary(message.data)
            else:
                await self._handle_text(message.data)
        except DomainError as error:
            await self.send_error(error)
            if error.code is ErrorCode.INVALID_TOKEN:
                await self.socket.close(code=WSCloseCode.POLICY_VIOLATION)

    async def _handle_text(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        payload = await parse_json_aside(self.ctx, raw)
        if not isinstance(payload, dict):
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={"body": ["The body must be a JSON object."]}
            )
        kind, members = messages.parse_message(payload)
        if kind == "update" and not members["source_of_truth_key"]:
            members["source_of_truth_key"] = self.secret
        command_call = messages.command_for(self.core, self.session, self.player, kind, members)
        if command_call is None:
            return await self.socket.send_str('{"type":"pong"}')
        command, kwargs = command_call
        await messages.prepare_update(self.core, command, kwargs)
        key = members.get("key")
        if key is None:
            await self.core.execute(command, **kwargs)
            return None
        caller = f"{self.ctx.api.name}/{self.player}"
        idempotency_key = IdempotencyKey.of(caller, key, b"sync", b"%d" % self.session, raw)
        ids = await self.core.execute_idempotent(
            idempotency_key, command, to_ids=result_ids, **kwargs
        )
        done = {"type": "done", "key": key, **messages.render_result(kind, ids)}
        return await self.socket.send_str(orjson.dumps(done).decode())

    async def _handle_binary(self, data: bytes) -> None:
        if len(data) > MAX_DATA_BYTES:
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={"body": [f"Larger than {MAX_DATA_BYTES} bytes."]}
            )
        text = base64.b64encode(data).decode()
        await self.core.execute(send_binary, room_id=self.session, sender=self.player, data=text)

    async def send_error(self, error: DomainError) -> None:
        """Send an `error` message."""
        details = validation_details(error, "body")
        if details:
            path = ".".join(map(str, details[0]["loc"][1:]))
            status, message = 400, f"{path}: {details[0]['msg']}" if path else details[0]["msg"]
        else:
            status, message = error_message(error, "sync")
        payload = {"type": "error", "code": status, "message": message}
        if not self.socket.closed:
            await self.socket.send_str(orjson.dumps(payload).decode())


async def _receive_join(ctx: RequestContext, socket: web.WebSocketResponse) -> bytes | None:
    """Return the first message; None if the server stops before it came.

    Raises INVALID_REQUEST if it is late or not text.
    """
    feed, stop = ctx.core.feed, _Stop()
    feed.subscribe(_JOINING, stop)
    receiving = asyncio.ensure_future(socket.receive(JOIN_TIMEOUT_SECONDS))
    try:
        await asyncio.wait((receiving, stop.future), return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            return None
        message = receiving.result()
    except TimeoutError:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"type": ["No join came."]}) from None
    finally:
        feed.unsubscribe(_JOINING, stop)
        receiving.cancel()
        await asyncio.wait((receiving,))
    if message.type is not WSMsgType.TEXT:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"type": ["The first message must be a join."]}
        )
    text: str = message.data
    return text.encode("utf-8", "surrogatepass")


def _normalize_player(text: str) -> str:
    """Return the name of a player as `render.name_of` formats it."""
    code = render.parse_uuid(text)
    return render.format_uuid(code) if code else text.strip().upper()


def sync_frame(id: int, payload: bytes) -> bytes:
    """Return a WebSocket frame: binary for a BinaryPayload, otherwise text."""
    framed = ws_frame(id, payload)
    return b"\x82" + framed[1:] if isinstance(payload, BinaryPayload) else framed


ROUTES = (Route("GET", "/sync/{session}", sync),)
