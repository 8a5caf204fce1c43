"""The common form of a line is parsed in one match: the result is that of the parser for all formats."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log import parser
from coalserver.domain.minecraft.log.dates import FileDates, LiveDates, NoDates

NIGHT = date(2026, 10, 25)
DATES = (
    NoDates(),
    FileDates("Europe/Berlin", NIGHT, 9000, now=1.79e9),
    FileDates("Europe/Berlin", NIGHT, now=1.79e9).following(1_792_886_400.0),
    LiveDates.from_time(1_792_888_200.0, "Europe/Berlin"),
)
HEADS = (
    "[10:00:00] [Server thread/INFO]: ",
    "[2:30:00] [Server thread/WARN]:",
    "[24:00:00] [Server thread/INFO]: ",
    "[10:00:00]\t [INFO]:\t\t ",
    "[10:00:00] [/INFO]: ",
    "[10:00:00] [a/b/INFO]: ",
    "[10:00:00] [Async Chat Thread - #1/INFO]: ",
    "[10:00:00] [Render thread/INFO]: ",
    "[10:00:00] [User Authenticator #1/INFO]: ",
    "[10:00:00] [RCON Client /[0:0:0:0:0:0:0:1] #3/INFO]: ",
    "[10:00:00] [Sérver/INFO]: ",
    "[10:00:00] [Server thread/INFÖ]: ",
    "[10:00:00 PM] [Server thread/INFO]: ",
    "[10:00:00.5] [Server thread/INFO]: ",
    "[10:00:00 INFO]: ",
    "[10:00:00] [Server thread/INFO] [x/]: ",
    "[25Oct2026 10:00:00] [Server thread/INFO]: ",
    "\0[10:00:00] [Server thread/INFO]: ",
    "> [10:00:00] [Server thread/INFO]: ",
)
PREFIXES = (
    "",
    "System chat: ",
    "[Not Secure] ",
    "[Not Secure] System chat: ",
    "[CHAT] ",
    "§a",
    "\x1b[m",
)
TEXTS = (
    "<Steve> hi",
    "<Steve> hi\r\n",
    "<Steve> ",
    "<Steve>hi",
    "<[Mod] Steve> <Alex> x",
    "<-> x",
    "<> x",
    "<a@b.c> x",
    "<a\nb> c\nd",
    f"<{'x' * 200}> hi",
    "<Steve> §lhi",
    "<Stevé> hi",
    "Steve joined the game",
    "Steve was slain by Zombie",
    "Steve was killed by Alex",
    "Done (1s)!",
    "[Server] <Steve> hi",
    "* Steve waves",
    "",
)  # fmt: skip
PIECES = st.sampled_from(
    (*"[]<>:/ \t\n§\x1b\0", "10", "00", ":00", "INFO", "Server thread", "]: ", "] [", "Steve", "é", *HEADS)
)  # fmt: skip


def check(line: str) -> None:
    for dates in DATES:
        stripped = line.rstrip("\r\n")
        parsed, after = parser._parse_any(stripped, dates)
        assert parser.parse_lines([line], dates) == ([parsed], after), line


@pytest.mark.parametrize("head", HEADS)
def test_common_line_is_read_as_by_the_parser_for_all_formats(head):
    for prefix in PREFIXES:
        for text in TEXTS:
            check(head + prefix + text)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_line_is_read_as_by_the_parser_for_all_formats(line):
    check(line)
    check(HEADS[0] + line)


@given(
    st.lists(st.builds("{}{}".format, st.sampled_from(HEADS), st.sampled_from(TEXTS)), max_size=8)
)
def test_line_is_read_the_same_whatever_the_lines_before_it(lines):
    """The parser remembers the thread and the day of the line before."""
    for dates in DATES:
        expected, after = [], dates
        for line in lines:
            parsed, after = parser._parse_any(line.rstrip("\r\n"), after)
            expected.append(parsed)
        assert parser.parse_lines(lines, dates) == (expected, after)


def test_chat_is_read_in_one_match(monkeypatch):
    """Nine of ten lines: neither the formats of headers nor the phrases are searched."""

    def fail(*_: object) -> None:
        raise AssertionError("not the common form")

    monkeypatch.setattr(parser, "parse_header", fail)
    monkeypatch.setattr(parser, "parse_text", fail)
    dates = FileDates("UTC", NIGHT)
    line = "[10:00:00] [Server thread/INFO]: [Not Secure] <Steve> hi"
    (parsed,), _ = parser.parse_lines([line], dates)
    assert (parsed.username, parsed.chat, parsed.text) == ("Steve", "hi", "<Steve> hi")
    assert parsed.tags == ("timestamp", "chat")
