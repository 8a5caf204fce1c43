"""Highlighting of query results."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.text_search import highlight, matches, parse_query


@pytest.mark.parametrize(
    ("text", "query", "pieces"),
    [
        ("Hello there, hello!", "HELLO", ["", "Hello", " there, ", "hello", "!"]),
        ("Héllo wörld", "hello", ["", "Héllo", " wörld"]),
        ("xX_Steve_Xx hi", "steve", ["xX_", "Steve", "_Xx hi"]),
        ("今日は世界", "世界", ["今日は", "世界", ""]),
        ("a big cat, a big dog", '"big cat"', ["a ", "big cat", ", a big dog"]),
        ("I don't know", "don't", ["I ", "don't", " know"]),
        ("so 🎉 it is", "🎉", ["so ", "🎉", " it is"]),
        ("hellothere", "hello", ["hellothere"]),
        ("½ off", "2", ["", "½", " off"]),
        ("nothing", "", ["nothing"]),
    ],
)
def test_highlight_splits_at_matches(text, query, pieces):
    assert highlight(text, parse_query(query)) == pieces


@given(st.text(), st.text())
def test_joined_pieces_are_the_text(text, query):
    assert "".join(highlight(text, parse_query(query))) == text


@given(st.text("aé世🎉 _'-.1", min_size=1), st.text("aé世🎉 _'-.1"))
def test_matching_text_is_highlighted(text, query):
    phrases = parse_query(query)
    if phrases and matches(text, phrases):
        assert len(highlight(text, phrases)) > 1
