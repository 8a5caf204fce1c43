"""Page texts do not use words that standard terms have replaced."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from coalserver.web.pages.i18n import TRANSLATIONS_DIRECTORY
from tests.test_translations import KEYWORDS

ROOT = Path(__file__).parent.parent.parent
#: Words that earlier versions of the pages used, separated by semicolons and lines.
REPLACED_WORDS = """
    People; Waiting to be let in; Let in; May come in; waits; Runs the place; What it may; last here
    never signed in here; Nobody is called so; Remove the account; Give up; Connected programs; What for
    for ever; has ended; As the browser says
    Put out; Shut out; Shut a player out; Nobody is shut out; Done last; All that was done
    Put back; Put it back; Make a backup now; Bring one along; Without this page; The backup is in place
    Make a world; Make a start command; Connect it; By hand; Make a new secret; Everybody may read it
    End the world; To its page; Heard from; Not fetched yet; Starting soon; Nearly there; Stopping soon
    Here now; Nobody is here; Lately; Hang a picture; Hang it; Take down; See it whole; Died of; Never died
    Write into the game; You speak as; kept for later; Given to the game; On its way; To the newest
    What was found; The chat needs JavaScript
    Make a game; New tokens; Open a room. Send the link. Play.; Quick join; Or open your own room; Save name
    Carry on; I’m ready; came in; The game waits; Play again; Nobody is gathering
    That is not yours to see; There is nothing at this address; This page was open for too long
    Something broke on the server
"""
#: Suffix -> Babel's extraction method.
EXTRACTION_METHODS = {".html": "jinja2", ".js": "javascript", ".py": "python"}
TEXT_ATTRIBUTES = {"alt", "aria-label", "content", "placeholder", "title"}
FILES = sorted(
    path
    for folder, pattern in (
        (TRANSLATIONS_DIRECTORY, "*.po"),
        (ROOT / "templates", "*.html"),
        (ROOT / "static/js", "*.js"),
        (ROOT / "coalserver/site", "*.py"),
    )
    for path in folder.rglob(pattern)
)


def normalize(text: str) -> str:
    """Return a text in lower case without tags, placeholders and punctuation at its ends."""
    text = re.sub(r"<[^>]*>|%\(\w+\)s|\{\w*\}", " ", text)
    return re.sub(r"\s+", " ", text).strip(" .:;,!?…").casefold()


REPLACED = [
    normalize(word) for line in REPLACED_WORDS.strip().splitlines() for word in line.split(";")
]


class ElementTexts(HTMLParser):
    """Collects the texts and text attributes of the elements of a template."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if value and name in TEXT_ATTRIBUTES]


def texts_of(path: Path) -> Iterator[str]:
    """Yield the message ids of a file; for a template, also the literal texts of its elements."""
    if path.suffix == ".po":
        with path.open("rb") as file:
            ids = [message.id for message in read_po(file)]
    else:
        options = {"parse_template_string": "true", "trimmed": "true", "silent": "false"}
        method = EXTRACTION_METHODS[path.suffix]
        found = extract_from_file(method, path, keywords=KEYWORDS, options=options)
        ids = [message for _, message, *_ in found]
    for message in ids:
        yield from [message] if isinstance(message, str) else message
    if path.suffix == ".html":
        parser = ElementTexts()
        parser.feed(
            re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(), flags=re.DOTALL)
        )
        parser.close()
        yield from parser.texts


def replaced_word(text: str) -> str | None:
    """Return the replaced word that a text is, or that stands in it if it has three words or more."""
    text = normalize(text)
    return next(
        (
            word
            for word in REPLACED
            if text == word
            or (len(word.split()) > 2 and re.search(rf"\b{re.escape(word)}\b", text))
        ),
        None,
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_use_no_replaced_word(path):
    found = {text: word for text in texts_of(path) if (word := replaced_word(text))}
    assert not found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Put back", "put back"),
        ("Remove the account…", "remove the account"),
        ("heard from %(at)s", "heard from"),
        ("{name} came in.", "came in"),
        ("Nobody is shut out. Ban a player?", "nobody is shut out"),
        ("The game has ended", None),
        ("Restore", None),
    ],
)
def test_replaced_word_is_found_in_a_text(text, word):
    assert replaced_word(text) == word
