"""Control and invisible characters, and comparison of secrets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.text import constant_time_equals, one_line, printable, visible_name


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


#: A run of white space with blank letters, wherever it begins.
BLANK_RUN = re.compile(r"\s*[\u2800\u3164][\s\u2800\u3164]*")


@given(st.text(st.sampled_from(" \n\u2800\u3164ab\xa0")))
def test_runs_with_blank_letters_become_one_space(text):
    assert visible_name(text) == BLANK_RUN.sub(" ", printable(text)).strip()


@pytest.mark.parametrize("space", [" ", "\x7f", "\u3000", "\xa0 "])
def test_white_space_of_any_length_is_looked_at_once(space):
    # A search from each of its characters would take hours.
    name = "ä" + space * (1_000_000 // len(space)) + "b"
    assert len(visible_name(name)) == len(name)


@pytest.mark.parametrize(
    ("presented", "stored", "equal"),
    [("ä\ud800", "ä\ud800", True), ("a", "ä", False), ("", "a", False), ("ab", "a", False)],
)
def test_constant_time_equals_compares_any_text(presented, stored, equal):
    assert constant_time_equals(presented, stored) is equal
