"""What bodies say, read as leniently as the origin reads them. Unknown members are ignored.

A null member is an absent one; `maxPlayers` is `max_players`; a number may be a text that looks like one;
free JSON may come as a string whose name ends in `_json`.
"""

import math
from typing import Any

import orjson

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Target
from coalserver.domain.text import printable
from coalserver.web.body import parse_json
from coalserver.web.schemas import MAX_INTEGER

#: Bytes any free JSON may have.
MAX_JSON_BYTES = 64 * 1024
#: Characters a word may have that programs choose: the type of an action or of an update.
MAX_IDENTIFIER_LENGTH = 100
MAX_NAME_LENGTH = 120
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off", "")


class ParamsSchema:
    """The shape of every body here: any object. What it must hold, each endpoint asks itself."""

    def load(self, data: Any) -> dict[str, Any]:
        return {"params": Params(data)}


PARAMS = ParamsSchema()


class Params:
    """A body, asked for one member after the other."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members

    def get(self, name: str) -> Any:
        """A member under its name or its name in camelCase; None where it is absent."""
        value = self.members.get(name)
        return self.members.get(camel_case(name)) if value is None else value

    def has(self, *names: str) -> bool:
        """Whether any of these is there, in whatever spelling, if only as null."""
        spelled = {spelling for name in names for spelling in (name, camel_case(name))}
        return bool(spelled & self.members.keys())

    def text(self, name: str, max_length: int = MAX_NAME_LENGTH) -> str:
        """A text without control characters; what is longer is cut. Empty where it is absent."""
        value = self.get(name)
        if value is None:
            return ""
        if type(value) in (int, float):
            value = str(value)
        if not isinstance(value, str) or "\0" in value:
            raise invalid_member(name, "string")
        return printable(value).strip()[:max_length].strip()

    def secret(self, name: str) -> str:
        """A password, as it is."""
        value = self.get(name)
        if value is None:
            return ""
        if type(value) in (int, float):
            return str(value)
        if not isinstance(value, str) or len(value) > 1000:
            raise invalid_member(name, "string")
        return value

    def identifier(self, name: str) -> str:
        """A name that programs choose; what is longer is refused, for cut it would be another."""
        value = self.text(name, MAX_IDENTIFIER_LENGTH + 1)
        if len(value) > MAX_IDENTIFIER_LENGTH:
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                fields={name: [f"Longer than {MAX_IDENTIFIER_LENGTH} characters."]},
            )
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, also written as a text; None where there is none."""
        return parse_integer(self.get(name))

    def boolean(self, name: str, default: bool = False) -> bool:
        """True or false, also as 1 or 0 or in words."""
        value = self.get(name)
        if isinstance(value, str):
            word = value.strip().lower()
            return True if word in TRUE_WORDS else False if word in FALSE_WORDS else default
        if isinstance(value, bool | int | float):
            return bool(value)
        return default

    def json(self, name: str) -> bytes | None:
        """Free JSON, or None where it is absent: as it is, or as a string under `<name>_json`."""
        value = self.get(f"{name}_json")
        if value is not None:
            if not isinstance(value, str):
                raise invalid_member(f"{name}_json", "string")
            return parse_json_text(name, value) if value.strip() else None
        value = self.get(name)
        return None if value is None else dump_limited(name, value)

    def json_object(self, name: str) -> bytes | None:
        """Free JSON that must be an object. Some clients write an empty one as a list or a text."""
        value = self.json(name)
        if value is None or value[:1] == b"{":
            return value
        if value in (b"[]", b'""'):
            return b"{}"
        if value[:1] == b'"':
            value = parse_json_text(name, orjson.loads(value))
            if value[:1] == b"{":
                return value
        raise invalid_member(name, "object")

    def player_data(self) -> bytes:
        """The player data of one who joins; older clients send them bare, as the whole body."""
        if self.has("player_data", "player_data_json", "password"):
            return self.json_object("player_data") or b"{}"
        return dump_limited("player_data", self.members)

    def ids(self, name: str) -> list[int] | None:
        """A list of ids, also written as texts; None where it is absent or empty, [] where it is none."""
        value = self.get(name)
        if value is None or value == [] or value == "":
            return None
        if not isinstance(value, list):
            return []
        numbers = [parse_integer(item) for item in value]
        found = [number for number in numbers if number is not None]
        return found if len(found) == len(numbers) else []


def camel_case(name: str) -> str:
    """`max_players` as `maxPlayers`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def parse_integer(value: Any) -> int | None:
    """A whole number out of whatever clients write it as."""
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            return None
        return int(text)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) <= MAX_INTEGER else None


def dump_limited(name: str, value: Any) -> bytes:
    """Free JSON as bytes, if it is not too large."""
    dumped = orjson.dumps(value)
    if len(dumped) > MAX_JSON_BYTES:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, what="large", member=name, maximum=MAX_JSON_BYTES
        )
    return dumped


def parse_json_text(name: str, text: str) -> bytes:
    """Free JSON that came as a string."""
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except DomainError:
        raise invalid_member(name, "json") from None
    return dump_limited(name, value)


def invalid_member(name: str, kind: str) -> DomainError:
    """A member is not what it must be."""
    return DomainError(ErrorCode.INVALID_REQUEST, what=kind, member=name)


def invalid_request(subject: str) -> DomainError:
    """A member that must be there is not."""
    return DomainError(ErrorCode.INVALID_REQUEST, what=subject)


def parse_targets(params: Params, default: Target | None = None) -> tuple[Target, tuple[int, ...]]:
    """Which members are meant, and with `specific` who."""
    name = params.text("target_players").lower()
    if not name and default is not None:
        return default, ()
    if not name:
        raise invalid_request("target_players")
    if name not in tuple(Target):
        raise invalid_request("unknown_target")
    target = Target(name)
    if target is not Target.SPECIFIC:
        return target, ()
    player_ids = params.ids("target_players_ids")
    if player_ids is None:
        raise invalid_request("target_players_ids")
    if not player_ids:
        raise invalid_request("bad_target_ids")
    return target, tuple(player_ids)
