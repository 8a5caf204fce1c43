"""Texts: every one of the pages and of their scripts is there in every language, with what stands in it."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from coalserver.web.pages.i18n import SCRIPT_CATALOG, TRANSLATIONS_DIRECTORY

ROOT = Path(__file__).parent.parent
TAGS = sorted(folder.name for folder in TRANSLATIONS_DIRECTORY.iterdir())
#: What is put into a text: `%(name)s` here and in templates, `{name}` in sentences and scripts.
HOLES = re.compile(r"%\(\w+\)s|\{\w+\}")
WORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "texts": None,
    "t": None,
    "tn": (1, 2),
}
Text = str | tuple[str, ...]


def texts_in(folder: str, end: str, method: str) -> dict[Text, str]:
    """Every text of a folder, and a file it is in."""
    found = extract_from_dir(
        ROOT / folder,
        [(f"**{end}", method)],
        {f"**{end}": {"trimmed": "true", "silent": "false", "parse_template_string": "true"}},
        keywords=WORDS,
    )
    return {text: f"{folder}/{file}:{line}" for file, line, text, _, _ in found}


@cache
def wanted(scripts: bool) -> dict[Text, str]:
    if scripts:
        return texts_in("static/js", ".js", "javascript")
    return texts_in("templates", ".html", "jinja2") | texts_in("coalserver", ".py", "python")


def given(tag: str, scripts: bool) -> dict[Text, Text]:
    """What the files of a language have, by the English text."""
    found: dict[Text, Text] = {}
    for path in sorted((TRANSLATIONS_DIRECTORY / tag / "LC_MESSAGES").glob("*.po")):
        if (path.stem == SCRIPT_CATALOG) == scripts:
            with path.open("rb") as file:
                for one in read_po(file, abort_invalid=True):
                    if one.id:
                        found[one.id] = one.string
    return found


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("scripts", [False, True], ids=["pages", "scripts"])
def test_every_text_is_there_in_every_language(tag, scripts):
    there = given(tag, scripts)
    missing = [
        f"{where}: {text!r}"
        for text, where in wanted(scripts).items()
        if not there.get(text) or not all(there[text])
    ]
    assert not missing, f"translations/{tag} lacks\n" + "\n".join(missing)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("scripts", [False, True], ids=["pages", "scripts"])
def test_no_text_is_left_that_nobody_says(tag, scripts):
    spare = [text for text in given(tag, scripts) if text not in wanted(scripts)]
    assert not spare, f"translations/{tag}: nobody says {spare}"


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("scripts", [False, True], ids=["pages", "scripts"])
def test_what_is_put_into_a_text_is_put_into_each_of_its_forms(tag, scripts):
    for text, forms in given(tag, scripts).items():
        pair = isinstance(text, tuple | list)
        holes = set(HOLES.findall(text[1] if pair else text))
        for form in forms if pair else (forms,):
            # "one" may leave out its number.
            left_out = holes - set(HOLES.findall(form))
            assert not left_out or (pair and form == forms[0]), (text, form)
            assert set(HOLES.findall(form)) <= holes, (text, form)


@pytest.mark.parametrize("tag", TAGS)
def test_tags_in_a_text_are_the_same_in_every_language(tag):
    for text, said in given(tag, False).items():
        if isinstance(text, str):
            tags = sorted(re.findall(r"</?[a-z][^>]*>", text))
            assert sorted(re.findall(r"</?[a-z][^>]*>", said)) == tags, text


def test_there_is_a_second_language():
    assert "de" in TAGS
