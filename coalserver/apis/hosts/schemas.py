"""Schemas of bodies and messages. Unknown members are ignored."""

from typing import Any

from marshmallow import ValidationError

from coalserver.domain.play.synced_state import MAX_STATE_BYTES
from coalserver.web.schemas import AnyJson, Boolean, Integer, RawJson, RequestSchema, Secret, Text

#: Largest size of the data of a command and of a binary frame, in bytes.
MAX_DATA_BYTES = 16 * 1024
#: Null gets the same message as any other value of a wrong type, as in the document.
TEXT_ERRORS: dict[str, Any] = {"null": "Not a string."}
BOOLEAN_ERRORS: dict[str, Any] = {"null": "Not true or false."}


def text_field(**more: Any) -> Secret:
    """Return a string field of any content; handlers raise the error for an unknown host."""
    return Secret(0, 1 << 20, error_messages=TEXT_ERRORS, **more)


class OnlyFriendsSchema(RequestSchema):
    only_friends = Boolean(required=True, error_messages=BOOLEAN_ERRORS)


class AllowNonamesSchema(RequestSchema):
    allow_nonames = Boolean(required=True, error_messages=BOOLEAN_ERRORS)


class LaunchSchema(RequestSchema):
    host = text_field(required=True)


class JoinSchema(RequestSchema):
    host = text_field(required=True)
    guest = text_field(required=True)


class SyncJoinSchema(RequestSchema):
    """The first message on a socket."""

    session_id = Integer(required=True)
    player = text_field(required=True)
    token = text_field(required=True)
    source_of_truth_key = text_field(load_default="", allow_none=True)
    #: Addition to the document: the id of the last message received before the connection was lost.
    after = Integer(-1, load_default=None, allow_none=True)


class MessageSchema(RequestSchema):
    """The members of all messages. A message with a `key` counts once even if it is repeated."""

    key = Secret(1, 255, allow_none=True)


class CommandSchema(MessageSchema):
    name = Text(1, 200, required=True, error_messages=TEXT_ERRORS)
    data = RawJson(MAX_DATA_BYTES, allow_any=True, allow_none=True, load_default=None)
    to = text_field(allow_none=True, load_default=None)

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        return {**loaded, "data": b"null" if loaded["data"] is None else loaded["data"]}


class UpdateSchema(MessageSchema):
    state = RawJson(MAX_STATE_BYTES, allow_any=True, allow_none=True)
    patch = RawJson(MAX_STATE_BYTES)
    source_of_truth_key = text_field(load_default="", allow_none=True)

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("state" in data) == ("patch" in data):
            raise ValidationError("Either state or patch.", "state")
        return data

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        return {**loaded, "state": b"null"} if loaded.get("state", "") is None else loaded


class AnyMessage(AnyJson):
    """A message as `value`; the schema of its type reads it."""

    def load(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError("The body must be a JSON object.")
        return {"value": data}


ONLY_FRIENDS = OnlyFriendsSchema()
ALLOW_NONAMES = AllowNonamesSchema()
LAUNCH = LaunchSchema()
JOIN = JoinSchema()
SYNC_JOIN = SyncJoinSchema()
MESSAGE = AnyMessage(1 << 20)
#: Message type -> its schema.
MESSAGES: dict[str, RequestSchema] = {
    "command": CommandSchema(),
    "update": UpdateSchema(),
    "leave": MessageSchema(),
    "ping": MessageSchema(),
}
