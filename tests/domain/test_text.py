"""Control and invisible characters, and comparison of secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.text import constant_time_equals, one_line, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\nb", "a b"),
        ("a\r\n\tb", "a b"),
        ("a\x1b[0mb\0", "a [0mb "),
        ("a\u2028b\ud800", "a b "),
        ("ä\u200d🙂", "ä\u200d🙂"),
    ],
)
def test_one_line_replaces_runs_of_control_characters(text, expected):
    assert one_line(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\nb\0", "a b "), ("\u202ea", " a"), ("\u200da\u200f\ufe0f", "\u200da\u200f\ufe0f")],
)
def test_printable_replaces_each_invisible_character(text, expected):
    assert printable(text) == expected


def test_printable_keeps_line_feeds_on_request():
    assert printable("a\nb\r\n", lines=True) == "a\nb \n"


@given(st.text())
def test_printable_text_is_unchanged_when_cleaned_again(text):
    cleaned = printable(text)
    assert printable(cleaned) == cleaned and len(cleaned) == len(text)
    assert "\n" not in cleaned and "\r" not in cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("presented", "stored", "equal"),
    [("ä\ud800", "ä\ud800", True), ("a", "ä", False), ("", "a", False), ("ab", "a", False)],
)
def test_constant_time_equals_compares_any_text(presented, stored, equal):
    assert constant_time_equals(presented, stored) is equal
