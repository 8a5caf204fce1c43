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

from coalserver.apis.coal.params import (
    JSON,
    REQUIRED,
    Data,
    DateTimeField,
    IntegerField,
    LenientBoolean,
    TextField,
)
from coalserver.core.commands.ingest import MAX_LINES, MAX_SEQUENCE, MAX_SOURCE_LENGTH
from coalserver.domain.minecraft.log.dates import DateSource, FileDates, LiveDates, parse_day
from coalserver.domain.minecraft.log.parser import ParsedLine, parse_lines
from coalserver.web.body import invalid_body, load_body
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import FORM_CONTENT_TYPE, MAX_FIELDS
from coalserver.web.schemas import RequestSchema

#: No line is too long; the limit on bodies is limit enough.
UNLIMITED = 2**63
#: What an agent measures in a world; ticks count in 64 bits.
MAX_NUMBER = 10**18
#: What is kept as no text: a file that was cut off by a power failure is full of the first.
_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class PingSchema(RequestSchema):
    """How a world is. The name is the one the agent calls us by, and says nothing."""

    server_name = TextField(500, required=True)
    is_server_running = LenientBoolean(attribute="running")
    address = TextField(500)
    server_day = IntegerField(-MAX_NUMBER, MAX_NUMBER, attribute="day")
    server_time = IntegerField(-MAX_NUMBER, MAX_NUMBER, attribute="time")
    timestamp = DateTimeField(attribute="read")
    is_raining = LenientBoolean(attribute="raining")
    is_thundering = LenientBoolean(attribute="thundering")
    num_overloads = IntegerField(-MAX_NUMBER, MAX_NUMBER, attribute="overloads")
    ms_behind = IntegerField(-MAX_NUMBER, MAX_NUMBER, attribute="behind")
    skipped_ticks = IntegerField(-MAX_NUMBER, MAX_NUMBER, attribute="skipped")
    commands_after = IntegerField(0, MAX_NUMBER, attribute="after")


class ZonedSchema(RequestSchema):
    """A zone nobody knows is UTC."""

    zone = TextField(required=True)


class LogLineSchema(ZonedSchema):
    line = TextField(UNLIMITED, required=True)


class NumberedLine(NamedTuple):
    """A line of a file, and the day on which it was written, where the agent knows it."""

    sequence: int
    line: str
    day: date | None


class NumberedLines(fields.Field[list[NumberedLine]]):
    """Lines in the order of their numbers. By hand, for there may be thousands a second."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Data, **kw: Any
    ) -> list[NumberedLine]:
        if not isinstance(value, list):
            raise ValidationError("Not a list.")
        if len(value) > MAX_LINES:
            raise ValidationError(f"More than {MAX_LINES} at once.")
        last, lines = 0, []
        for item in value:
            line = _numbered_line(item)
            if not last < line.sequence <= MAX_SEQUENCE:
                raise ValidationError(
                    "Each sequence is a whole number above the one before, from 1."
                )
            last = line.sequence
            lines.append(line)
        return lines


class LogBatchSchema(ZonedSchema):
    source = TextField(MAX_SOURCE_LENGTH, required=True)
    lines = NumberedLines(required=True, error_messages={"required": REQUIRED})


class PairSchema(RequestSchema):
    code = TextField(200, required=True)


def _numbered_line(item: Any) -> NumberedLine:
    if not isinstance(item, dict):
        raise ValidationError("Each is an object.")
    sequence, line, day = item.get("sequence"), item.get("line"), item.get("date")
    if type(sequence) is not int:
        raise ValidationError("Each has a sequence, a whole number.")
    if not isinstance(line, str):
        raise ValidationError("Each has a line, a text.")
    return NumberedLine(sequence, _printable(line), None if day is None else _parse_day(day))


def _parse_day(value: Any) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        day = parse_day(value)
        if day is not None:
            return day
    raise ValidationError("A date is a day of the calendar, as in 2026-09-25.")


def parse_batch(lines: Iterable[NumberedLine], zone: str, now: float) -> list[ParsedLine]:
    """What lines say that come at this time. Those without a day of their own were written just now.

    Where lines of one day follow one another and the clock steps back far, midnight has passed.
    """
    parsed = []
    for day, group in groupby(lines, key=lambda line: line.day):
        live_dates = LiveDates.from_time(now, zone)
        dates: DateSource = live_dates if day is None else FileDates(live_dates.zone, day)
        parsed += parse_lines((one.line for one in group), dates)[0]
    return parsed


async def read_agent_params(ctx: RequestContext, schema: RequestSchema) -> dict[str, Any]:
    """What the body says, a form or JSON; what is no text in it stands as U+FFFD."""
    try:
        raw = await ctx.request.read()
    except web.RequestPayloadError:
        raise invalid_body("The body is not encoded as its headers say.") from None
    media = ctx.request.content_type if "Content-Type" in ctx.request.headers else ""
    if media not in ("", FORM_CONTENT_TYPE, JSON):
        raise web.HTTPUnsupportedMediaType
    body = raw.decode(errors="replace")
    if media == JSON or (not media and body.lstrip().startswith("{")):
        data = _parse_json(body)
    else:
        data = _parse_form(body)
    return load_body(schema, {name: value for name, value in data.items() if value is not None})


def _parse_json(body: str) -> dict[str, Any]:
    try:
        # Less strict than ours elsewhere: it lets stand in a text what should not.
        value = json.loads(body or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise invalid_body(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise invalid_body("The body must be a JSON object.")
    return {
        name: _printable(value) if isinstance(value, str) else value
        for name, value in value.items()
    }


def _parse_form(body: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(body, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise invalid_body("The body is not a form.") from None
    return {name: _printable(value) for name, value in reversed(pairs)}


def _printable(value: str) -> str:
    return value if value.isascii() and "\0" not in value else _UNPRINTABLE.sub("\ufffd", value)
