"""Request bodies of agents. An agent repeats a refused line, so any text in a log is accepted."""

import asyncio
import json
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from functools import partial
from operator import attrgetter
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
from coalserver.core.steps import MAX_WORK, Steps, complete_in_turns
from coalserver.domain.minecraft.log.dates import DateSource, FileDates, LiveDates, parse_day
from coalserver.domain.minecraft.log.header import parse_header
from coalserver.domain.minecraft.log.parser import ParsedLine, join_chats, parse_batch
from coalserver.domain.minecraft.world import MAX_FINDINGS, AgentFinding
from coalserver.domain.text import one_line
from coalserver.web.body import (
    LARGE_BODY_BYTES,
    check_size,
    invalid_body,
    load_body,
    read_raw_body,
    without_strings,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import FORM_CONTENT_TYPE, MAX_FIELDS
from coalserver.web.schemas import RequestSchema

#: For lines: only the limit on bodies applies.
UNLIMITED = 2**63
#: Digits, brackets, commas and colons of a body: Python's decoder takes 6 ms for as many bytes of powers. A thousand
#: lines have 35 KiB.
MAX_STRUCTURE_BYTES = 128 * 1024
#: Names of members: a batch has 1,000 lines with three each. Python's decoder takes 10 ms for 30,000.
MAX_MEMBERS = 8 * MAX_LINES
#: Characters of findings as JSON in a form.
MAX_FINDINGS_LENGTH = 128 * 1024
#: Bound of the numbers that an agent measures; ticks are 64-bit integers.
MAX_NUMBER = 10**18
#: Besides NUL, what cannot be stored as text. A file cut off by a power failure is full of NULs.
_SURROGATE = re.compile("[\ud800-\udfff]")
_FINDING_CODE = re.compile(r"[a-z_]{1,40}")
#: Characters of a finding's detail and text; longer ones are cut.
MAX_FINDING_LENGTH = 300
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class FindingsField(fields.Field[tuple[AgentFinding, ...]]):
    """The findings of an agent: a list, as JSON in a form, of objects with code, detail and text."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Data, **kw: Any
    ) -> tuple[AgentFinding, ...]:
        if isinstance(value, str):
            try:
                value = json.loads(value or "[]") if len(value) <= MAX_FINDINGS_LENGTH else None
            except (ValueError, RecursionError):
                raise ValidationError("Not a list of findings.") from None
        if not isinstance(value, list) or len(value) > MAX_FINDINGS:
            raise ValidationError(f"Not a list of at most {MAX_FINDINGS} findings.")
        return tuple(_finding(item) for item in value)


def _finding(item: Any) -> AgentFinding:
    members = item if isinstance(item, dict) else {}
    code, detail, text = (members.get(name, "") for name in ("code", "detail", "text"))
    if not (isinstance(code, str) and _FINDING_CODE.fullmatch(code)):
        raise ValidationError("Each finding has a code of small letters and underscores.")
    if not isinstance(detail, str) or not isinstance(text, str):
        raise ValidationError("Detail and text of a finding are texts.")
    detail, text = (one_line(_printable(value)).strip() for value in (detail, text))
    return AgentFinding(code, detail[:MAX_FINDING_LENGTH], text[:MAX_FINDING_LENGTH])


class PingSchema(RequestSchema):
    """The status of a world, named as in the original protocol; `server_name` is ignored."""

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
    findings = FindingsField()
    source = TextField(MAX_SOURCE_LENGTH)
    commands_after = IntegerField(0, MAX_NUMBER, attribute="after")


class ZonedSchema(RequestSchema):
    """The time zone of log lines; an unknown zone counts as UTC."""

    zone = TextField(required=True)


class LogLineSchema(ZonedSchema):
    """One log line."""

    line = TextField(UNLIMITED, required=True)


class NumberedLine(NamedTuple):
    """A line of a log source. `day` is None where the agent does not know it."""

    sequence: int
    line: str
    day: date | None


#: Makes a NumberedLine from a tuple of its fields, in half the time of the class itself.
_make_numbered = partial(tuple.__new__, NumberedLine)


class NumberedLines(fields.Field[list[NumberedLine]]):
    """Lines in ascending order of their sequences.

    One field reads them all: a nested schema would be too slow for thousands of lines a second.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Data, **kw: Any
    ) -> list[NumberedLine]:
        if not isinstance(value, list):
            raise ValidationError("Not a list.")
        if len(value) > MAX_LINES:
            raise ValidationError(f"More than {MAX_LINES} at once.")
        last, lines = 0, []
        day: date | None = None
        day_text: Any = None
        # Without calls: there are thousands of lines a second.
        for item in value:
            if not isinstance(item, dict):
                raise ValidationError("Each is an object.")
            sequence, line, date_text = item.get("sequence"), item.get("line"), item.get("date")
            if type(sequence) is not int:
                raise ValidationError("Each has a sequence, a whole number.")
            if not isinstance(line, str):
                raise ValidationError("Each has a line, a text.")
            # Most lines have the day of the line before.
            if date_text != day_text:
                day, day_text = None if date_text is None else _parse_day(date_text), date_text
            if not last < sequence <= MAX_SEQUENCE:
                raise ValidationError(
                    "Each sequence is a whole number above the one before, from 1."
                )
            if not line.isascii() or "\0" in line:
                line = _printable(line)
            last = sequence
            lines.append((sequence, line, day))
        return [*map(_make_numbered, lines)]


class LogBatchSchema(ZonedSchema):
    """Numbered lines of one source."""

    source = TextField(MAX_SOURCE_LENGTH, required=True)
    lines = NumberedLines(required=True, error_messages={"required": REQUIRED})


class PairSchema(RequestSchema):
    """A pairing code."""

    code = TextField(200, required=True)


PING, LOG_LINE, LOG_BATCH, PAIR = PingSchema(), LogLineSchema(), LogBatchSchema(), PairSchema()


def _parse_day(value: Any) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        day = parse_day(value)
        if day is not None:
            return day
    raise ValidationError("A date is a day of the calendar, as in 2026-09-25.")


def parse_numbered(
    lines: Iterable[NumberedLine], zone: str, now: float, stored: int = 0, previous: float = 0.0
) -> Steps[list[ParsedLine]]:
    """Parse numbered lines received at `now`, in steps. Lines without a day count as written then.

    If the clock steps back far between lines of the same day, midnight has passed. Lines up to the sequence `stored`
    are stored already, and `previous` is the time (UTC) of the last of them with a time; 0: none.
    """
    parsed: list[ParsedLine] = []
    for day, group in _group_by_day(lines):
        live_dates = LiveDates.from_time(now, zone)
        dates: DateSource = live_dates if day is None else FileDates(live_dates.zone, day, now=now)
        known = bisect_right(group, stored, key=_sequence_of)
        texts = [numbered.line for numbered in group]
        parsed += yield from parse_batch(texts, dates, known, previous)
        if known < len(group):
            times = (one.at for one in reversed(parsed[len(parsed) - len(group) + known :]))
            previous = next((at for at in times if at is not None), previous)
    join_chats(parsed)
    return parsed


_sequence_of = attrgetter("sequence")


def _group_by_day(lines: Iterable[NumberedLine]) -> list[tuple[date | None, list[NumberedLine]]]:
    """Return consecutive lines of the same day; one without a header belongs to the line before."""
    groups: list[tuple[date | None, list[NumberedLine]]] = []
    for line in lines:
        same = bool(groups) and line.day == groups[-1][0]
        if same or (groups and line.day is None and parse_header(line.line) is None):
            groups[-1][1].append(line)
        else:
            groups.append((line.day, [line]))
    return groups


def decode_misread_utf8(text: str) -> str | None:
    """Return the text if it is UTF-8 beyond ASCII that was read as ISO-8859-2; otherwise None."""
    if text.isascii():
        return None
    try:
        return text.encode("iso-8859-2").decode("utf-8")
    except UnicodeError:
        return None


def misread_utf8(text: str) -> str:
    """Return the text as an agent reads its UTF-8 as ISO-8859-2; the inverse of `decode_misread_utf8`."""
    return text.encode("utf-8", "replace").decode("iso-8859-2")


async def read_agent_params(
    ctx: RequestContext, schema: RequestSchema, max_bytes: int = sys.maxsize
) -> dict[str, Any]:
    """Return the members of a form or JSON body; U+FFFD replaces what cannot be stored as text.

    Raises INVALID_REQUEST, or a 413 above `max_bytes` or the limit on bodies.
    Without a Content-Type the body is JSON if it begins with a brace.
    """
    raw = await read_raw_body(ctx, min(max_bytes, ctx.app.body_limit))
    media = ctx.content_type if "Content-Type" in ctx.headers else ""
    if media not in ("", FORM_CONTENT_TYPE, JSON):
        raise web.HTTPUnsupportedMediaType
    body = raw.decode(errors="replace")
    is_json = media == JSON or (not media and body.lstrip().startswith("{"))
    if is_json and len(raw) > LARGE_BODY_BYTES:
        return await complete_in_turns(_load_in_steps(schema, raw, body))
    if is_json:
        return load_body(schema, _parse_json(body))
    if len(raw) <= LARGE_BODY_BYTES:
        return load_body(schema, _parse_form(body))
    # As in `parse_form_aside`.
    return load_body(schema, await asyncio.to_thread(_parse_form, body))


def _load_in_steps(schema: RequestSchema, raw: bytes, body: str) -> Steps[dict[str, Any]]:
    """Return the members of a large body, in steps: the one that parses it takes up to 7 ms, the others less."""
    yield MAX_WORK
    structure = yield from check_size(raw)
    yield MAX_WORK
    _check_structure(raw, structure)
    yield MAX_WORK
    members = _parse_json(body)
    yield MAX_WORK
    return load_body(schema, members)


def _check_structure(raw: bytes, structure: bytes | None) -> None:
    """Raise INVALID_REQUEST for JSON that has more beside its strings than lines need.

    `structure`: what `check_size` returns.
    """
    if len(raw) <= MAX_STRUCTURE_BYTES and raw.count(b":") <= MAX_MEMBERS:
        # Most bodies: without their strings they have less.
        return
    if structure is None:
        structure = without_strings(raw)
    if len(structure) > MAX_STRUCTURE_BYTES:
        raise invalid_body("The body holds too many numbers.")
    if structure.count(b":") > MAX_MEMBERS:
        raise invalid_body(f"The body holds more than {MAX_MEMBERS:,} names.")


def _parse_json(body: str) -> dict[str, Any]:
    try:
        # Other APIs use a stricter parser; this one accepts control characters in strings.
        members = json.loads(body or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise invalid_body(f"The body is not valid JSON: {error}.") from None
    if not isinstance(members, dict):
        raise invalid_body("The body must be a JSON object.")
    return {
        name: _printable(value) if isinstance(value, str) else value
        for name, value in members.items()
        if value is not None
    }


def _parse_form(body: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(body, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise invalid_body("The body is not a form.") from None
    # Reversed, since the first of several equal names counts.
    members = dict(reversed(pairs))
    # UTF-8 has no surrogates, so NUL is all that a form can hold of unprintable characters.
    if "%00" in body or "\0" in body:
        return {name: _printable(value) for name, value in members.items()}
    return members


def _printable(value: str) -> str:
    value = value.replace("\0", "\ufffd")
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
