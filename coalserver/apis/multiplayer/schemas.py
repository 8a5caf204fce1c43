"""Schemas of the request bodies, as lenient as the original service.

Unknown members are ignored, and null counts as absent. `maxPlayers` is `max_players`, a number may be a string, and
JSON may come as a string in a member whose name ends in `_json`. The error of a field is the subject under which
`error_messages` has its text.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import orjson
from marshmallow import ValidationError, fields, missing

from coalserver.core.commands.messages import TURN_TYPE
from coalserver.core.steps import MAX_WORK, Steps
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import ActionStatus, Target
from coalserver.domain.play.player import BAN_DURATIONS
from coalserver.domain.text import MAX_REMOVED, trimmed, visible_name
from coalserver.web.body import (
    LARGE_BODY_BYTES,
    load_body,
    parse_in_steps,
    parse_json,
    smallest_size,
)
from coalserver.web.context import RequestContext
from coalserver.web.schemas import MAX_INTEGER, BodySchema, RequestSchema

T = TypeVar("T")
Data = Mapping[str, Any] | None

#: Bytes of one JSON member.
MAX_JSON_BYTES = 64 * 1024
#: Characters of an action's or an update's type. A longer one is rejected: cut, it would be another type.
MAX_IDENTIFIER_LENGTH = 100
MAX_NAME_LENGTH = 120
MAX_PASSWORD_LENGTH = 1000
MAX_REASON_LENGTH = 500
MIN_PLAYER_NAME_LENGTH, MAX_PLAYER_NAME_LENGTH = 2, 50
MIN_PLAYERS, MAX_PLAYERS = 2, 16
DEFAULT_ROOM_CAPACITY = 6
#: Ids of players in one list; a room has 16 members.
MAX_IDS = 1000
#: Rows of a list of lobbies or rooms.
MAX_ROWS = 50
#: Home routers drop idle connections after 60 s.
MAX_WAIT_SECONDS = 60
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off", "")
#: The statuses that the target of an action may set.
ANSWER_STATUSES = (ActionStatus.PROCESSING, ActionStatus.COMPLETED, ActionStatus.FAILED)
#: The host's answer to a join request -> whether it approves the request.
ANSWERS = {"approve": True, "reject": False}


class LenientField(fields.Field[T], Generic[T]):
    """A field whose errors are subjects of the error messages.

    The field is required if `missing_error` is given. That error also stands for an empty value.
    """

    #: The end of a second member's name that belongs to this field, such as `_json`.
    companion = ""
    default_error_messages = {
        "string": "string", "json": "json", "object": "object", "large": "large",
    }  # fmt: skip

    def __init__(self, *, missing_error: str = "", invalid_error: str = "", **kw: Any) -> None:
        super().__init__(
            required=bool(missing_error),
            error_messages={"required": missing_error, "invalid": invalid_error},
            **kw,
        )

    def empty(self) -> Any:
        """Return the default for an empty value. Raises ValidationError if the field is required."""
        if self.required:
            raise self.make_error("required")
        return self.load_default


class TextField(LenientField[str]):
    """A string without control characters, or a number; text beyond `max_length` is cut.

    With `invalid_error` a text outside the lengths is rejected.
    """

    def __init__(self, max_length: int = MAX_NAME_LENGTH, min_length: int = 0, **kw: Any) -> None:
        super().__init__(**kw)
        self.max_length, self.min_length = max_length, min_length
        self.rejects = bool(self.error_messages["invalid"])

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = self.clean(value, self.max_length + 1 if self.rejects else self.max_length)
        if not text:
            return self.empty()
        if self.rejects and not self.min_length <= len(text) <= self.max_length:
            raise self.make_error("invalid")
        return text

    def clean(self, value: Any, max_length: int) -> str:
        """Return the text without control characters, cut to `max_length` characters."""
        if type(value) in (int, float):
            value = str(value)
        if not isinstance(value, str) or "\0" in value:
            raise self.make_error("string")
        # What is cut off is not looked at.
        text = value.strip()[: max_length + MAX_REMOVED]
        if not (text.isascii() and text.isprintable()):
            text = visible_name(text)
        return text[:max_length].strip()


class ChoiceField(TextField):
    """One of several words, in lower or upper case."""

    def __init__(self, *choices: str, **kw: Any) -> None:
        super().__init__(**kw)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        word = self.clean(value, self.max_length).lower()
        if not word:
            return self.empty()
        if word not in self.choices:
            raise self.make_error("invalid")
        return word


class TargetField(ChoiceField):
    """The members to send to: a Target and, with `specific`, the player ids in `…_ids`."""

    companion = "_ids"
    default_error_messages = {"no_ids": "target_players_ids", "invalid_ids": "bad_target_ids"}

    def __init__(self, **kw: Any) -> None:
        super().__init__(*Target, invalid_error="unknown_target", **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        word = super()._deserialize(value, attr, data, **kw)
        if word is missing:
            return missing
        if word != Target.SPECIFIC:
            return Target(str(word)), ()
        player_ids = parse_ids((data or {}).get(f"{attr}{self.companion}"))
        if not player_ids:
            raise self.make_error("no_ids" if player_ids is None else "invalid_ids")
        return Target.SPECIFIC, tuple(player_ids)


class PasswordField(LenientField[str]):
    """A password, unchanged; empty if absent."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(load_default="", **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        if type(value) in (int, float):
            return str(value)
        if not isinstance(value, str) or len(value) > MAX_PASSWORD_LENGTH:
            raise self.make_error("string")
        return value


class PlayerIdField(LenientField[int]):
    """The id of a player; 0, the id of no player, for anything else unless `invalid_error` is given."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> int:
        if value == "":
            raise self.make_error("required")
        player_id = parse_integer(value)
        if player_id is None and self.error_messages["invalid"]:
            raise self.make_error("invalid")
        return player_id or 0


class IntegerField(LenientField[int]):
    """A whole number within bounds, which may be written as a string."""

    def __init__(self, low: int, high: int, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> int:
        number = parse_integer(value)
        if number is None or not self.low <= number <= self.high:
            raise self.make_error("invalid")
        return number


class ClampedField(IntegerField):
    """A whole number moved into its bounds; anything else counts as absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        number = parse_integer(value)
        return self.empty() if number is None else min(max(number, self.low), self.high)


class CapacityField(ClampedField):
    """The number of seats; 0 counts as absent."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(MIN_PLAYERS, MAX_PLAYERS, data_key="max_players", **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        return super()._deserialize(value, attr, data) if parse_integer(value) else self.empty()


class BooleanField(LenientField[bool]):
    """True or false, also as a number or a word; the default for anything else."""

    def __init__(self, default: bool = False, **kw: Any) -> None:
        super().__init__(load_default=default, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        if isinstance(value, str):
            word = value.strip().lower()
            return True if word in TRUE_WORDS else False if word in FALSE_WORDS else self.empty()
        return bool(value) if isinstance(value, bool | int | float) else self.empty()


class JsonText:
    """A value of a member whose name ends in `_json`."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class ParsedText(str):
    """A text with JSON that has been parsed in steps."""

    __slots__ = ("value", "error")

    #: The value, which may be a ParsedText, or the error of JsonField.
    value: Any
    error: str

    def __new__(cls, text: str, value: Any = None, error: str = "") -> "ParsedText":
        self = super().__new__(cls, text)
        self.value, self.error = value, error
        return self


def parse_text_in_steps(text: Any) -> Steps[Any]:
    """Return a large text as a ParsedText, and any other value unchanged."""
    if not isinstance(text, str) or len(text) <= LARGE_BODY_BYTES:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    yield MAX_WORK
    if is_too_large(raw):
        return ParsedText(text, error="large")
    yield MAX_WORK
    try:
        value = yield from parse_in_steps(raw)
    except DomainError:
        return ParsedText(text, error="json")
    yield MAX_WORK
    value = yield from parse_text_in_steps(value)
    return ParsedText(text, value)


def is_too_large(raw: bytes) -> bool:
    """Return whether JSON in a text has more than MAX_JSON_BYTES in compact form. It is not parsed for that."""
    return len(raw) > MAX_JSON_BYTES and smallest_size(raw) > MAX_JSON_BYTES


class JsonField(LenientField[bytes]):
    """JSON as bytes, at most MAX_JSON_BYTES; `{}` if absent."""

    companion = "_json"
    max_bytes = MAX_JSON_BYTES

    def __init__(self, **kw: Any) -> None:
        kw.setdefault("load_default", b"{}")
        super().__init__(**kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        if type(value) is not JsonText:
            return self.dump(value)
        if not isinstance(value.value, str):
            raise ValidationError({f"{attr}_json": [self.error_messages["string"]]})
        return self.parse(value.value) if value.value.strip() else self.load_default

    def parse(self, text: str) -> bytes:
        """Return the JSON of a text in compact form. Raises ValidationError if it is invalid."""
        if type(text) is ParsedText:
            if text.error:
                raise self.make_error(text.error)
            return self.dump(text.value)
        raw = text.encode("utf-8", "surrogatepass")
        if is_too_large(raw):
            raise self.make_error("large")
        try:
            value = parse_json(raw)
        except DomainError:
            raise self.make_error("json") from None
        return self.dump(value)

    def dump(self, value: Any) -> bytes:
        """Return a value as JSON. Raises ValidationError if it is too large."""
        dumped = trimmed(orjson.dumps(value))
        if len(dumped) > MAX_JSON_BYTES:
            raise self.make_error("large")
        return dumped


class JsonObjectField(JsonField):
    """A JSON object as bytes. Some clients write it as a string, and an empty one as a list or string."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        dumped = super()._deserialize(value, attr, data, **kw)
        if dumped is self.load_default or dumped[:1] == b"{":
            return dumped
        if dumped in (b"[]", b'""'):
            return b"{}"
        if dumped[:1] == b'"':
            text = value.value if type(value) is JsonText else value
            if type(value) is JsonText and type(text) is ParsedText:
                text = text.value
            dumped = self.parse(text if type(text) is ParsedText else orjson.loads(dumped))
        if dumped[:1] != b"{":
            raise self.make_error("object")
        return dumped


class IdListField(LenientField[list[int]]):
    """Player ids; an empty list if they are absent or invalid."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(load_default=list, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> list[int]:
        return parse_ids(value) or []


class LenientSchema(RequestSchema):
    """A body whose members may be spelled in camelCase and may be null."""

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the members that are there under the names of the fields."""
        members: dict[str, Any] = {}
        for spelling, name in self._spellings:
            value = data.get(spelling)
            if value is not None:
                members[name] = value
        for name in self._json_names:
            value = members.pop(f"{name}_json", None)
            if value is not None:
                members[name] = JsonText(value)
        return members

    def load_in_steps(self, data: Any) -> Steps[dict[str, Any]]:
        """Return what `load` returns. JSON in texts is parsed before."""
        members = self.prepare(data)
        for name in self._json_names:
            value = members.get(name)
            if type(value) is JsonText:
                value.value = yield from parse_text_in_steps(value.value)
            elif isinstance(value, str) and isinstance(self._by_name[name], JsonObjectField):
                members[name] = yield from parse_text_in_steps(value)
        yield MAX_WORK
        loaded: dict[str, Any] = self.load(data, members)
        return loaded

    @cached_property
    def _spellings(self) -> list[tuple[str, str]]:
        """Each accepted spelling with its member. Of two spellings the later one wins."""
        names = [name for field in self._by_name for name in self._names_of(field)]
        return [(spelling, name) for name in names for spelling in (camel_case(name), name)]

    @cached_property
    def _json_names(self) -> list[str]:
        return [name for name, field in self._by_name.items() if isinstance(field, JsonField)]

    @cached_property
    def _by_name(self) -> dict[str, fields.Field[Any]]:
        return {field.data_key or name: field for name, field in self.load_fields.items()}

    def _names_of(self, name: str) -> tuple[str, ...]:
        companion = getattr(self._by_name[name], "companion", "")
        return (name, f"{name}{companion}") if companion else (name,)


class RegisterSchema(LenientSchema):
    name = TextField(
        MAX_PLAYER_NAME_LENGTH, data_key="player_name", missing_error="player_name"
    )  # fmt: skip
    data = JsonObjectField(data_key="player_data")


class RenameSchema(LenientSchema):
    name = TextField(
        MAX_PLAYER_NAME_LENGTH,
        MIN_PLAYER_NAME_LENGTH,
        data_key="new_name",
        missing_error="new_name",
        invalid_error="name_length",
    )


class UnbanSchema(LenientSchema):
    player_id = PlayerIdField(missing_error="player_id", invalid_error="unknown_player")


class BanSchema(UnbanSchema):
    duration = ChoiceField(
        *BAN_DURATIONS,
        data_key="ban_duration",
        missing_error="ban_duration",
        invalid_error="unknown_duration",
    )
    reason = TextField(MAX_REASON_LENGTH, data_key="ban_reason", load_default="")


class ListSchema(LenientSchema):
    limit = ClampedField(1, MAX_ROWS, load_default=MAX_ROWS)
    search = TextField(load_default="")


class CreateRoomSchema(LenientSchema):
    capacity = CapacityField(load_default=DEFAULT_ROOM_CAPACITY)
    name = TextField(data_key="room_name", load_default="")
    password = PasswordField()
    options = JsonObjectField(data_key="rules")
    transfer_host = BooleanField(data_key="host_switch")
    can_leave = BooleanField(True, data_key="can_leave_room")
    realtime = BooleanField()
    data = JsonObjectField(data_key="player_data")


class CreateLobbySchema(CreateRoomSchema):
    capacity = CapacityField(missing_error="max_players")
    name = TextField(data_key="matchmaking_name", load_default="")
    strict_full = BooleanField()
    requires_approval = BooleanField(data_key="join_by_requests")
    realtime = BooleanField(data_key="realtime_room")


class JoinSchema(LenientSchema):
    """A request for a seat. Older clients send the player data as the whole body."""

    data = JsonObjectField(data_key="player_data")
    password = PasswordField()

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        if not any(spelling in data for spelling, _ in self._spellings):
            data = {"player_data": data}
        return super().prepare(data)


class AnswerJoinSchema(LenientSchema):
    action = ChoiceField(*ANSWERS, missing_error="action", invalid_error="unknown_action")


class KickSchema(LenientSchema):
    player_id = PlayerIdField(missing_error="player_id")


class PasswordSchema(LenientSchema):
    password = PasswordField()


class SendActionSchema(LenientSchema):
    """An action. The action `turn` goes to the game, so that it needs no target."""

    type = TextField(
        MAX_IDENTIFIER_LENGTH,
        data_key="action_type",
        missing_error="action_type",
        invalid_error="long_identifier",
    )
    request = JsonField(data_key="request_data")
    target = TargetField(data_key="target_players")

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        if "target" not in loaded:
            if loaded["type"] != TURN_TYPE:
                raise ValidationError({"target_players": ["target_players"]})
            loaded["target"] = (Target.HOST, ())
        return split_target(loaded)


class CompleteActionSchema(LenientSchema):
    status = ChoiceField(*ANSWER_STATUSES, missing_error="status", invalid_error="unknown_status")
    response = JsonField(data_key="response_data")


class SendUpdateSchema(LenientSchema):
    target = TargetField(data_key="target_players", missing_error="target_players")
    type = TextField(MAX_IDENTIFIER_LENGTH, missing_error="type", invalid_error="long_identifier")
    data = JsonField()

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        return split_target(loaded)


class PollSchema(LenientSchema):
    wait = ClampedField(0, MAX_WAIT_SECONDS, load_default=0)


class PollUpdatesSchema(PollSchema):
    from_players = ChoiceField(*Target, invalid_error="unknown_source")
    from_players_ids = IdListField()
    last_update = fields.Raw()
    last_update_id = fields.Raw()


class GameDataSchema(LenientSchema):
    """New data of a game or a player: the whole body."""

    data = JsonField()

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"data": data}


class UnityDataSchema(LenientSchema):
    """New data from a Unity client: the whole body, or one string such as `data_json`."""

    data = JsonObjectField(load_default=None)
    player_data = JsonObjectField(load_default=None)
    game_data = JsonObjectField(load_default=None)

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        ((name, value),) = data.items() if len(data) == 1 else (("", None),)
        members = super().prepare(data)
        is_text = isinstance(value, str) and name.lower().endswith("json")
        return members if is_text and members else {"data": data}

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        return {"data": next((value for value in loaded.values() if value is not None), b"{}")}


class DeferredSchema:
    """A schema that the handler applies itself, with `load_deferred`.

    The original service checks membership first: a player in no room gets NOT_MEMBER even for an invalid body.
    """

    def __init__(self, schema: BodySchema) -> None:
        self.schema = schema
        self.max_body_bytes = schema.max_body_bytes

    def load(self, data: Any) -> dict[str, Any]:
        return {"schema": self.schema, "members": data}

    def load_in_steps(self, data: Any) -> Steps[dict[str, Any]]:
        """Apply the schema of a large body in steps; `load_deferred` returns the result."""
        try:
            loaded = yield from self.schema.load_in_steps(data)
        except ValidationError as error:
            error.__traceback__ = None
            return {"schema": AppliedSchema(error), "members": data}
        return {"schema": AppliedSchema(loaded), "members": data}


class AppliedSchema:
    """A schema that has been applied: has the result or the error."""

    def __init__(self, result: dict[str, Any] | ValidationError) -> None:
        self._result = result

    def load(self, data: Any) -> dict[str, Any]:
        if isinstance(self._result, ValidationError):
            raise self._result
        return self._result


GAME_DATA, UNITY_DATA = DeferredSchema(GameDataSchema()), UnityDataSchema()
REGISTER, RENAME = RegisterSchema(), RenameSchema()
BAN, UNBAN = BanSchema(), UnbanSchema()
LIST = DeferredSchema(ListSchema())
CREATE_LOBBY = DeferredSchema(CreateLobbySchema())
CREATE_ROOM = DeferredSchema(CreateRoomSchema())
JOIN, ANSWER_JOIN = DeferredSchema(JoinSchema()), DeferredSchema(AnswerJoinSchema())
KICK, PASSWORD = DeferredSchema(KickSchema()), DeferredSchema(PasswordSchema())
SEND_ACTION, COMPLETE_ACTION = SendActionSchema(), CompleteActionSchema()
SEND_UPDATE = DeferredSchema(SendUpdateSchema())
POLL, POLL_UPDATES = PollSchema(), DeferredSchema(PollUpdatesSchema())


def load_deferred(ctx: RequestContext) -> dict[str, Any]:
    """Return the body of a route with a DeferredSchema. Raises INVALID_REQUEST."""
    return load_body(ctx.body["schema"], ctx.body["members"])


def load_params(ctx: RequestContext, schema: BodySchema) -> dict[str, Any]:
    """Return the members of query and body; those of the body win. Raises INVALID_REQUEST."""
    return load_body(schema, {**ctx.query, **ctx.body.get("members", {})})


def split_target(loaded: dict[str, Any]) -> dict[str, Any]:
    """Return the loaded body with the pair of a TargetField as `target` and `player_ids`."""
    target, player_ids = loaded["target"]
    return {**loaded, "target": target, "player_ids": player_ids}


def camel_case(name: str) -> str:
    """Return `max_players` as `maxPlayers`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def parse_integer(value: Any) -> int | None:
    """Return a whole number written as an integer, a float or a string, or None."""
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            return None
        return int(text)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) <= MAX_INTEGER else None


def parse_ids(value: Any) -> list[int] | None:
    """Return a list of ids, which may be strings; None if it is absent or empty, [] if it is invalid or too long."""
    if value is None or value == [] or value == "":
        return None
    if not isinstance(value, list) or len(value) > MAX_IDS:
        return []
    numbers = [parse_integer(item) for item in value]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) else []


def invalid_member(name: str, subject: str) -> DomainError:
    """Return INVALID_REQUEST for a member of the wrong type."""
    return DomainError(ErrorCode.INVALID_REQUEST, subject=subject, member=name)


def invalid_request(subject: str) -> DomainError:
    """Return INVALID_REQUEST with a subject of the error messages."""
    return DomainError(ErrorCode.INVALID_REQUEST, subject=subject)
