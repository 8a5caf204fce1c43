"""Messages of the realtime socket: parsing, and rendering for each client type."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from coalserver.apis.multiplayer.error_messages import SOCKET
from coalserver.apis.multiplayer.errors import message_text
from coalserver.apis.multiplayer.schemas import invalid_member, invalid_request
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import trimmed
from coalserver.web.body import parse_json
from coalserver.web.streaming.websocket import frame

#: Client types. `unity` gets data as a string, the others as JSON.
JSON, UNITY, DOTNET = CLIENT_TYPES = ("json", "unity", "dotnet")
#: These clients read a message into one buffer of 4,096 bytes; they split a longer one.
SMALL_BUFFER_CLIENTS, SMALL_BUFFER_BYTES = (UNITY, DOTNET), 4095
#: Characters of a command.
MAX_COMMAND_LENGTH = 100
#: The name of the socket in the error messages.
ENDPOINT = SOCKET


def parse_message(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a text message. Raises INVALID_REQUEST."""
    payload = parse_json(raw)
    if not isinstance(payload, dict):
        raise invalid_request("body")
    return payload


@dataclass(slots=True)
class Message:
    """A message from one member to others, rendered once for each client type."""

    command: bytes
    data: bytes
    #: The data as the string in which it came, or None.
    text: str | None
    sender: bytes

    @classmethod
    def parse(cls, params: dict[str, Any], sender: bytes) -> "Message":
        """Return the message of a `send` with `data` or `data_json`. Raises INVALID_REQUEST."""
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
        """Return the frame for one client type. Raises INVALID_REQUEST if it is too long for it."""
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
                subject="long_frame",
                size=len(payload),
                form=client_type,
                maximum=SMALL_BUFFER_BYTES,
            )
        return frame(payload)


def render_sender(id: int, name: str, is_host: bool) -> bytes:
    """Return `sender` of a message as JSON, which is kept with the member."""
    sender = {"is_host": is_host, "game_player_id": id, "player_name": name}
    return trimmed(orjson.dumps(sender))


def connected_frame(**data: Any) -> bytes:
    """Return the frame that opens a connection."""
    return frame(orjson.dumps({"type": "connected", "data": data}))


@lru_cache(maxsize=1024)
def sent_frame(command: bytes, count: int) -> bytes:
    """Return the confirmation of a message, with the number of its receivers."""
    return frame(b'{"type":"sent","command":%b,"target_count":%d}' % (command, count))


def heartbeat_ack_frame(now: float) -> bytes:
    """Return the answer to a heartbeat."""
    return frame(b'{"type":"heartbeat_ack","timestamp":%d}' % now)


def error_frame(error: DomainError, **more: Any) -> bytes:
    """Return an error as a frame, with further members of its data."""
    data = {"message": message_text(error, ENDPOINT), **more}
    return frame(orjson.dumps({"type": "error", "data": data}))


def _parse_data_text(text: str) -> bytes:
    """Return the JSON in a string; null for an empty string."""
    if not text.strip():
        return b"null"
    try:
        return orjson.dumps(parse_json(text.encode()))
    except DomainError:
        raise invalid_member("data_json", "json") from None
