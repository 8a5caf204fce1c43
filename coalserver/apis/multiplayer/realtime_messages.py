"""Frames of the realtime socket: what clients say, and how each kind of client is told."""

from dataclasses import dataclass
from typing import Any

import orjson

from coalserver.apis.multiplayer.error_messages import SOCKET
from coalserver.apis.multiplayer.errors import message_text
from coalserver.apis.multiplayer.schemas import invalid_member, invalid_request
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.body import parse_json
from coalserver.web.streaming.websocket import frame

#: Kinds of clients. Free JSON goes to `unity` as a string, to the others as it is.
JSON, UNITY, DOTNET = CLIENT_TYPES = ("json", "unity", "dotnet")
#: These read a message into one buffer of 4,096 bytes: what is longer would arrive in pieces.
SMALL_BUFFER_CLIENTS, SMALL_BUFFER_BYTES = (UNITY, DOTNET), 4095
#: Characters a command may have.
MAX_COMMAND_LENGTH = 100
#: Under this name the table of sentences knows the socket.
ENDPOINT = SOCKET


def parse_message(raw: bytes) -> dict[str, Any]:
    """What a client says: one JSON object."""
    payload = parse_json(raw)
    if not isinstance(payload, dict):
        raise invalid_request("body")
    return payload


@dataclass(slots=True)
class Message:
    """What one member sends to others. Written once for each kind of receiver, however many there are."""

    command: bytes
    data: bytes
    #: The data as the string it came as, or None.
    text: str | None
    sender: bytes

    @classmethod
    def parse(cls, params: dict[str, Any], sender: bytes) -> "Message":
        """Out of a `send`, whichever form its data have."""
        command = params.get("command")
        if command is None or command == "":
            raise invalid_request("command")
        if not isinstance(command, str) or len(command) > MAX_COMMAND_LENGTH:
            raise invalid_member("command", "short_string")
        text = params.get("data_json")
        if text is None:
            return cls(orjson.dumps(command), orjson.dumps(params.get("data")), None, sender)
        if not isinstance(text, str):
            raise invalid_member("data_json", "string")
        return cls(orjson.dumps(command), _parse_data_text(text), text, sender)

    def render(self, client_type: str) -> bytes:
        """The frame for receivers of one kind."""
        if client_type == UNITY:
            text = self.data.decode() if self.text is None else self.text
            name, value = b"data_json", orjson.dumps(text)
        else:
            name, value = b"data", self.data
        payload = b'{"type":"receive","command":%b,"%b":%b,"sender":%b}' % (
            self.command, name, value, self.sender,
        )  # fmt: skip
        if client_type in SMALL_BUFFER_CLIENTS and len(payload) > SMALL_BUFFER_BYTES:
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                what="long_frame",
                size=len(payload),
                form=client_type,
                maximum=SMALL_BUFFER_BYTES,
            )
        return frame(payload)


def render_sender(id: int, name: str, is_host: bool) -> bytes:
    """Who sends, as receivers are told."""
    return orjson.dumps({"is_host": is_host, "game_player_id": id, "player_name": name})


def connected_frame(**data: Any) -> bytes:
    return frame(orjson.dumps({"type": "connected", "data": data}))


def sent_frame(command: bytes, count: int) -> bytes:
    return frame(b'{"type":"sent","command":%b,"target_count":%d}' % (command, count))


def heartbeat_ack_frame(now: float) -> bytes:
    return frame(b'{"type":"heartbeat_ack","timestamp":%d}' % now)


def error_frame(error: DomainError, **more: Any) -> bytes:
    """What went wrong, in the words of the table."""
    data = {"message": message_text(error, ENDPOINT), **more}
    return frame(orjson.dumps({"type": "error", "data": data}))


def _parse_data_text(text: str) -> bytes:
    """Free JSON that came as a string; an empty one is null."""
    if not text.strip():
        return b"null"
    try:
        return orjson.dumps(parse_json(text.encode()))
    except DomainError:
        raise invalid_member("data_json", "json") from None
