"""Languages: the one that suits a browser best, and texts in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.web.pages.i18n import DEFAULT_LANGUAGE, languages, negotiate_language


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("DE-ch", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("fr, de;q=0.7, en;q=0.8", "en"),
        ("fr, de;q=0.8, en;q=0.7", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("de;q=high", "en"),
        (";;;,,", "en"),
    ],
)
def test_a_page_is_in_the_language_a_browser_would_rather_have(header, tag):
    assert negotiate_language(header) == tag


@given(st.text())
def test_an_odd_header_is_no_trouble(header):
    assert negotiate_language(header) in languages()


def test_english_is_as_it_stands():
    english = languages()[DEFAULT_LANGUAGE]
    assert english("Hello, %(name)s", name="Ann") == "Hello, Ann"
    assert [english.ngettext("day", "days", n) for n in (0, 1, 2)] == ["days", "day", "days"]
    assert english.name == "English"


def test_a_text_and_its_forms_are_in_the_language():
    german = languages()["de"]
    assert german.gettext("Sign in") == "Anmelden"
    forms = [german.ngettext("open room", "open rooms", n) for n in (0, 1, 2)]
    assert forms == ["offene Räume", "offener Raum", "offene Räume"]
    assert german.gettext("what nobody says") == "what nobody says"
    assert (german.name, german.direction) == ("Deutsch", "ltr")
