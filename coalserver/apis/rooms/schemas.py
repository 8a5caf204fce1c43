"""Schemas of request bodies. Unknown members are ignored; an optional member may be null."""

from typing import Any

from marshmallow import fields

from coalserver.domain.play.actions import ActionStatus
from coalserver.web.schemas import (
    AnyJson,
    Boolean,
    Integer,
    Name,
    RawJson,
    RequestSchema,
    Secret,
    Text,
    one_of,
)

#: Largest size of options, turns and user data, in bytes.
MAX_OPTIONS_BYTES = 16 * 1024
#: Largest answer to an action, in bytes: as large as its request.
MAX_ANSWER_BYTES = 64 * 1024
#: The statuses that the target of an action may set.
ANSWER_STATUSES = (ActionStatus.PROCESSING, ActionStatus.COMPLETED, ActionStatus.FAILED)


class NullIsAbsentSchema(RequestSchema):
    """A schema that treats null members as absent."""

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        if None not in loaded.values():
            return loaded
        return {name: value for name, value in loaded.items() if value is not None}


class CreateRoomSchema(NullIsAbsentSchema):
    name = Name(1, 120, required=True)
    password = Secret(0, 200, allow_none=True)
    options = RawJson(MAX_OPTIONS_BYTES, allow_none=True)
    ready_check = Boolean(data_key="readyCheck", allow_none=True)


class QuickJoinSchema(NullIsAbsentSchema):
    name = Name(0, 120, allow_none=True)
    options = RawJson(MAX_OPTIONS_BYTES, allow_none=True)


class JoinSchema(NullIsAbsentSchema):
    password = Secret(0, 200, allow_none=True)


class KickSchema(RequestSchema):
    user_id = Integer(required=True)


class ReadySchema(RequestSchema):
    ready = Boolean(required=True)


class AnswerRequestSchema(RequestSchema):
    """The host's answer to a join request."""

    accept = Boolean(required=True)


class ChatSchema(RequestSchema):
    text = Text(1, 1000, required=True, lines=True)


class AnswerActionSchema(NullIsAbsentSchema):
    """The answer to an action: its status, and any JSON."""

    status = fields.String(required=True, validate=one_of(*ANSWER_STATUSES))
    response = RawJson(MAX_ANSWER_BYTES, allow_any=True, data_key="data", allow_none=True)

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        loaded = super().finish(loaded)
        return {**loaded, "status": ActionStatus(loaded["status"])}


class LoginSchema(NullIsAbsentSchema):
    credential_type = Text(0, 40, data_key="credentialType", required=True)
    email = Secret(0, 254, allow_none=True)
    password = Secret(0, 1000, allow_none=True)
    username = Name(0, 50, allow_none=True)


class RegisterSchema(RequestSchema):
    email = Secret(0, 1000, required=True)
    password = Secret(0, 1000, required=True)
    username = Name(1, 50, required=True)


CREATE_ROOM = CreateRoomSchema()
QUICK_JOIN = QuickJoinSchema()
JOIN = JoinSchema()
KICK = KickSchema()
READY = ReadySchema()
ANSWER_REQUEST = AnswerRequestSchema()
CHAT = ChatSchema()
ANSWER_ACTION = AnswerActionSchema()
LOGIN = LoginSchema()
REGISTER = RegisterSchema()
SET_OPTIONS = AnyJson(MAX_OPTIONS_BYTES)
TURN = AnyJson(MAX_OPTIONS_BYTES)
STORAGE_ITEM = AnyJson(MAX_OPTIONS_BYTES, allow_any=True)
