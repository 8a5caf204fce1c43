"""Translations: every text of pages and scripts in every language, with its placeholders."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from coalserver.domain.minecraft.hosting.refusals import REFUSAL_SENTENCES, TROUBLE_SENTENCES
from coalserver.domain.minecraft.hosting.settings import ALLOWED
from coalserver.web.pages.i18n import SCRIPT_CATALOG, TRANSLATIONS_DIRECTORY

ROOT = Path(__file__).parent.parent
TAGS = sorted(folder.name for folder in TRANSLATIONS_DIRECTORY.iterdir())
#: Placeholders of a text: `%(name)s` in pages and templates, `{name}` in error messages and scripts.
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    # The help of a setting is shown on the settings page.
    "setting": (2,),
    "texts": None,
    "t": None,
    "tn": (1, 2),
}
Text = str | tuple[str, ...]


def texts_in(folder: str, end: str, method: str) -> dict[Text, str]:
    """Return every text of a folder with a place where it is used."""
    found = extract_from_dir(
        ROOT / folder,
        [(f"**{end}", method)],
        {f"**{end}": {"trimmed": "true", "silent": "false", "parse_template_string": "true"}},
        keywords=KEYWORDS,
    )
    return {text: f"{folder}/{file}:{line}" for file, line, text, _, _ in found}


@cache
def used_texts(scripts: bool) -> dict[Text, str]:
    if scripts:
        return texts_in("static/js", ".js", "javascript")
    refusals = "coalserver/domain/minecraft/hosting/refusals.py"
    sentences: dict[Text, str] = dict.fromkeys(
        (*REFUSAL_SENTENCES.values(), *TROUBLE_SENTENCES.values()), refusals
    )
    settings = "coalserver/domain/minecraft/hosting/settings.py"
    sentences |= dict.fromkeys(ALLOWED.values(), settings)
    return (
        sentences
        | texts_in("templates", ".html", "jinja2")
        | texts_in("coalserver", ".py", "python")
    )


def translations(tag: str, scripts: bool) -> dict[Text, Text]:
    """Return the translations of a language by the English text."""
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
def test_every_text_is_translated(tag, scripts):
    translated = translations(tag, scripts)
    missing = [
        f"{where}: {text!r}"
        for text, where in used_texts(scripts).items()
        if not translated.get(text) or not all(translated[text])
    ]
    assert not missing, f"translations/{tag} lacks\n" + "\n".join(missing)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("scripts", [False, True], ids=["pages", "scripts"])
def test_every_translation_is_used(tag, scripts):
    unused = [text for text in translations(tag, scripts) if text not in used_texts(scripts)]
    assert not unused, f"translations/{tag}: unused texts {unused}"


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("scripts", [False, True], ids=["pages", "scripts"])
def test_translation_has_the_placeholders_of_the_text(tag, scripts):
    for text, forms in translations(tag, scripts).items():
        plural = isinstance(text, tuple | list)
        placeholders = set(PLACEHOLDER.findall(text[1] if plural else text))
        for form in forms if plural else (forms,):
            # The singular may omit the number.
            missing = placeholders - set(PLACEHOLDER.findall(form))
            assert not missing or (plural and form == forms[0]), (text, form)
            assert set(PLACEHOLDER.findall(form)) <= placeholders, (text, form)


@pytest.mark.parametrize("tag", TAGS)
def test_translation_has_the_markup_of_the_text(tag):
    for text, translation in translations(tag, False).items():
        if isinstance(text, str):
            tags = sorted(re.findall(r"</?[a-z][^>]*>", text))
            assert sorted(re.findall(r"</?[a-z][^>]*>", translation)) == tags, text


def test_german_translation_exists():
    assert "de" in TAGS
