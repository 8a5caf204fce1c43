"""Frames of the realtime socket: what clients say, and how each kind of client is told."""

from dataclasses import dataclass
from typing import Any

import orjson

from coalserver.apis.multiplayer.error_messages import SOCKET
from coalserver.apis.multiplayer.errors import sentence
from coalserver.apis.multiplayer.schemas import missing, wrong
from coalserver.domain.errors import Refusal, Why
from coalserver.web.body import parsed
from coalserver.web.streaming.websocket import frame

#: Kinds of clients. Free JSON goes to `unity` as a string, to the others as it is.
JSON, UNITY, DOTNET = FORMS = ("json", "unity", "dotnet")
#: These read a message into one buffer of 4,096 bytes: what is longer would arrive in pieces.
SMALL_FORMS, SMALL = (UNITY, DOTNET), 4095
#: Characters a command may have.
LONGEST_COMMAND = 100
#: Under this name the table of sentences knows the socket.
ENDPOINT = SOCKET


def read(raw: bytes) -> dict[str, Any]:
    """What a client says: one JSON object."""
    said = parsed(raw)
    if not isinstance(said, dict):
        raise missing("body")
    return said


@dataclass(slots=True)
class Message:
    """What one member sends to others. Written once for each kind of receiver, however many there are."""

    command: bytes
    data: bytes
    #: The data as the string it came as, or None.
    text: str | None
    sender: bytes

    @classmethod
    def of(cls, said: dict[str, Any], sender: bytes) -> "Message":
        """Out of a `send`, whichever form its data have."""
        command = said.get("command")
        if command is None or command == "":
            raise missing("command")
        if not isinstance(command, str) or len(command) > LONGEST_COMMAND:
            raise wrong("command", "short_string")
        text = said.get("data_json")
        if text is None:
            return cls(orjson.dumps(command), orjson.dumps(said.get("data")), None, sender)
        if not isinstance(text, str):
            raise wrong("data_json", "string")
        return cls(orjson.dumps(command), _within(text), text, sender)

    def written(self, form: str) -> bytes:
        """The frame for receivers of one kind."""
        if form == UNITY:
            text = self.data.decode() if self.text is None else self.text
            name, value = b"data_json", orjson.dumps(text)
        else:
            name, value = b"data", self.data
        payload = b'{"type":"receive","command":%b,"%b":%b,"sender":%b}' % (
            self.command, name, value, self.sender,
        )  # fmt: skip
        if form in SMALL_FORMS and len(payload) > SMALL:
            raise Refusal(
                Why.MALFORMED, what="long_frame", size=len(payload), form=form, most=SMALL
            )
        return frame(payload)


def sender(id: int, name: str, is_host: bool) -> bytes:
    """Who sends, as receivers are told."""
    return orjson.dumps({"is_host": is_host, "game_player_id": id, "player_name": name})


def connected(**data: Any) -> bytes:
    return frame(orjson.dumps({"type": "connected", "data": data}))


def sent(command: bytes, count: int) -> bytes:
    return frame(b'{"type":"sent","command":%b,"target_count":%d}' % (command, count))


def heartbeat_ack(now: float) -> bytes:
    return frame(b'{"type":"heartbeat_ack","timestamp":%d}' % now)


def error(refusal: Refusal, **more: Any) -> bytes:
    """What went wrong, in the words of the table."""
    data = {"message": sentence(refusal, ENDPOINT), **more}
    return frame(orjson.dumps({"type": "error", "data": data}))


def _within(text: str) -> bytes:
    """Free JSON that came as a string; an empty one is null."""
    if not text.strip():
        return b"null"
    try:
        return orjson.dumps(parsed(text.encode()))
    except Refusal:
        raise wrong("data_json", "json") from None
