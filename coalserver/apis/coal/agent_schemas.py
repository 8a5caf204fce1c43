"""What agents say. They send a line until it is taken: whatever stands in a log is read, and none is refused for it."""

import json
import re
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web
from marshmallow import ValidationError, fields

from coalserver.apis.coal.params import JSON, NEEDED, Data, Moment, Number, Words, Yes
from coalserver.core.commands.ingest import LAST, LONGEST_SOURCE, MOST
from coalserver.domain.minecraft.log.dates import Archive, Calendar, Live, day_written
from coalserver.domain.minecraft.log.parser import Reading, read_all
from coalserver.web.api import Call
from coalserver.web.body import load, malformed
from coalserver.web.pages.forms import FORM, MOST_FIELDS
from coalserver.web.schemas import Form

#: No line is too long; the limit on bodies is limit enough.
ANY = 2**63
#: What an agent measures in a world; ticks count in 64 bits.
LARGEST = 10**18
#: What is kept as no text: a file that was cut off by a power failure is full of the first.
_STRANGE = re.compile("[\0\ud800-\udfff]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Pinging(Form):
    """How a world is. The name is the one the agent calls us by, and says nothing."""

    server_name = Words(500, required=True)
    is_server_running = Yes(attribute="running")
    address = Words(500)
    server_day = Number(-LARGEST, LARGEST, attribute="day")
    server_time = Number(-LARGEST, LARGEST, attribute="time")
    timestamp = Moment(attribute="read")
    is_raining = Yes(attribute="raining")
    is_thundering = Yes(attribute="thundering")
    num_overloads = Number(-LARGEST, LARGEST, attribute="overloads")
    ms_behind = Number(-LARGEST, LARGEST, attribute="behind")
    skipped_ticks = Number(-LARGEST, LARGEST, attribute="skipped")
    commands_after = Number(0, LARGEST, attribute="after")


class Zoned(Form):
    """A zone nobody knows is UTC."""

    zone = Words(required=True)


class OneLine(Zoned):
    line = Words(ANY, required=True)


class Numbered(NamedTuple):
    """A line of a file, and the day on which it was written, where the agent knows it."""

    sequence: int
    line: str
    day: date | None


class Lines(fields.Field[list[Numbered]]):
    """Lines in the order of their numbers. By hand, for there may be thousands a second."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> list[Numbered]:
        if not isinstance(value, list):
            raise ValidationError("Not a list.")
        if len(value) > MOST:
            raise ValidationError(f"More than {MOST} at once.")
        last, lines = 0, []
        for one in value:
            line = _numbered(one)
            if not last < line.sequence <= LAST:
                raise ValidationError(
                    "Each sequence is a whole number above the one before, from 1."
                )
            last = line.sequence
            lines.append(line)
        return lines


class Batch(Zoned):
    source = Words(LONGEST_SOURCE, required=True)
    lines = Lines(required=True, error_messages={"required": NEEDED})


class Code(Form):
    code = Words(200, required=True)


def _numbered(one: Any) -> Numbered:
    if not isinstance(one, dict):
        raise ValidationError("Each is an object.")
    sequence, line, day = one.get("sequence"), one.get("line"), one.get("date")
    if type(sequence) is not int:
        raise ValidationError("Each has a sequence, a whole number.")
    if not isinstance(line, str):
        raise ValidationError("Each has a line, a text.")
    return Numbered(sequence, _text(line), None if day is None else _day(day))


def _day(value: Any) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        day = day_written(value)
        if day is not None:
            return day
    raise ValidationError("A date is a day of the calendar, as in 2026-09-25.")


def readings_of(lines: Iterable[Numbered], zone: str, now: float) -> list[Reading]:
    """What lines say that come at this time. Those without a day of their own were written just now.

    Where lines of one day follow one another and the clock steps back far, midnight has passed.
    """
    readings = []
    for day, some in groupby(lines, key=lambda line: line.day):
        live = Live.at(now, zone)
        calendar: Calendar = live if day is None else Archive(live.zone, day)
        readings += read_all((one.line for one in some), calendar)[0]
    return readings


async def told(call: Call, shape: Form) -> dict[str, Any]:
    """What the body says, a form or JSON; what is no text in it stands as U+FFFD."""
    try:
        raw = await call.request.read()
    except web.RequestPayloadError:
        raise malformed("The body is not encoded as its headers say.") from None
    media = call.request.content_type if "Content-Type" in call.request.headers else ""
    if media not in ("", FORM, JSON):
        raise web.HTTPUnsupportedMediaType
    body = raw.decode(errors="replace")
    if media == JSON or (not media and body.lstrip().startswith("{")):
        said = _object(body)
    else:
        said = _fields(body)
    return load(shape, {name: value for name, value in said.items() if value is not None})


def _object(body: str) -> dict[str, Any]:
    try:
        # Less strict than ours elsewhere: it lets stand in a text what should not.
        value = json.loads(body or "{}", strict=False)
    except (ValueError, RecursionError) as fault:
        raise malformed(f"The body is not valid JSON: {fault}.") from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return {
        name: _text(value) if isinstance(value, str) else value for name, value in value.items()
    }


def _fields(body: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise malformed("The body is not a form.") from None
    return {name: _text(value) for name, value in reversed(pairs)}


def _text(value: str) -> str:
    return value if value.isascii() and "\0" not in value else _STRANGE.sub("\ufffd", value)
