"""Languages: negotiation with the browser, and translated texts."""

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
def test_language_is_the_best_match_for_the_browser(header, tag):
    assert negotiate_language(header) == tag


@given(st.text())
def test_invalid_header_is_ignored(header):
    assert negotiate_language(header) in languages()


def test_english_texts_are_unchanged():
    english = languages()[DEFAULT_LANGUAGE]
    assert english("Hello, %(name)s", name="Ann") == "Hello, Ann"
    assert [english.ngettext("day", "days", n) for n in (0, 1, 2)] == ["days", "day", "days"]
    assert english.name == "English"


def test_texts_and_plural_forms_are_translated():
    german = languages()["de"]
    assert german.gettext("Sign in") == "Anmelden"
    forms = [german.ngettext("open room", "open rooms", n) for n in (0, 1, 2)]
    assert forms == ["offene Räume", "offener Raum", "offene Räume"]
    assert german.gettext("an unknown text") == "an unknown text"
    assert (german.name, german.direction) == ("Deutsch", "ltr")
