"""What was looked for is found again in the text, to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coalserver.domain.text_search import highlight, matches, parse_query


@pytest.mark.parametrize(
    ("text", "search", "pieces"),
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
def test_words_are_cut_out_as_they_are_found(text, search, pieces):
    assert highlight(text, parse_query(search)) == pieces


@given(some.text(), some.text())
def test_put_together_again_it_is_the_text(text, search):
    assert "".join(highlight(text, parse_query(search))) == text


@given(some.text("aé世🎉 _'-.1", min_size=1), some.text("aé世🎉 _'-.1"))
def test_what_a_text_holds_is_cut_out(text, search):
    sought = parse_query(search)
    if sought and matches(text, sought):
        assert len(highlight(text, sought)) > 1
