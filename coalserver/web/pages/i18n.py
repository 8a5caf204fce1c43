"""Languages of the pages. English texts are in the code, translations in `translations/`.

A language is a folder there with one `.po` file per part of the site; `scripts.po` holds the texts of scripts.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import Any

from aiohttp import web
from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import coalserver

#: Language of the texts in templates, code and scripts.
DEFAULT_LANGUAGE = "en"
TRANSLATIONS_DIRECTORY = Path(coalserver.__file__).parent / "translations"
#: Catalog of the texts of scripts, which are sent with a page.
SCRIPT_CATALOG = "scripts"
#: Request key of the language that the account has chosen.
LANGUAGE_KEY = web.RequestKey("language", str)


class Language:
    """One language with its translations of the English texts."""

    def __init__(self, tag: str, catalogs: Mapping[str, Catalog]) -> None:
        self.tag = tag
        self.locale = Locale.parse(tag, sep="-")
        self.scripts = _texts(catalogs[SCRIPT_CATALOG]) if SCRIPT_CATALOG in catalogs else {}
        self._singular: dict[str, str] = {}
        self._plural: dict[str, tuple[str, ...]] = {}
        #: Returns the index of the plural form for a number.
        self._plural_index = c2py(Catalog(self.locale).plural_expr)
        for name, catalog in catalogs.items():
            if name != SCRIPT_CATALOG:
                self._singular |= _texts(catalog)
                self._plural |= _forms(catalog)

    @property
    def name(self) -> str:
        """The name of the language in that language."""
        return self.locale.get_display_name() or self.tag

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    def gettext(self, text: str) -> str:
        return self._singular.get(text, text)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """Return the text in the plural form for a number."""
        forms = self._plural.get(singular, (singular, plural))
        return forms[min(self._plural_index(number), len(forms) - 1)]

    def __call__(self, text: str, **values: Any) -> str:
        """Return a text in this language with its placeholders replaced."""
        translated = self.gettext(text)
        return translated % values if values else translated


def N_(text: str) -> str:
    """Mark a text for extraction; it is translated where it is rendered."""
    return text


@cache
def languages() -> Mapping[str, Language]:
    """Return all languages by tag, English first."""
    found = {DEFAULT_LANGUAGE: Language(DEFAULT_LANGUAGE, {})}
    for folder in sorted(TRANSLATIONS_DIRECTORY.iterdir()):
        catalogs = {}
        for path in sorted(folder.glob("LC_MESSAGES/*.po")):
            with path.open("rb") as file:
                catalogs[path.stem] = read_po(file, abort_invalid=True)
        if catalogs:
            tag = folder.name.replace("_", "-")
            found[tag] = Language(tag, catalogs)
    return found


def request_language(request: web.Request) -> Language:
    """Return the language that the account has chosen, else the best match for the browser."""
    available = languages()
    account_language = available.get(request.get(LANGUAGE_KEY, ""))
    return (
        account_language
        or available[negotiate_language(request.headers.get("Accept-Language", ""))]
    )


def negotiate_language(header: str) -> str:
    """Return the tag of the available language that matches an `Accept-Language` header best."""
    preferred = (_normalize_tag(tag) for tag in _by_weight(header))
    found = negotiate_locale([tag for tag in preferred if tag], [*languages()], sep="-")
    return found or DEFAULT_LANGUAGE


def set_request_language(request: web.Request, tag: str) -> None:
    """Render the pages of a request in the language of its account, if it is available."""
    if tag in languages():
        request[LANGUAGE_KEY] = tag


_CURRENT: ContextVar[Language] = ContextVar("language")


@contextmanager
def use_language(language: Language) -> Iterator[None]:
    """Render templates in this language within the block."""
    token = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def gettext(text: str) -> str:
    return _CURRENT.get().gettext(text)


def ngettext(singular: str, plural: str, number: int) -> str:
    return _CURRENT.get().ngettext(singular, plural, number)


def _texts(catalog: Catalog) -> dict[str, str]:
    return {
        message.id: message.string
        for message in catalog
        if isinstance(message.id, str)
        and isinstance(message.string, str)
        and message.id
        and message.string
    }


def _forms(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {
        message.id[0]: tuple(message.string)
        for message in catalog
        if isinstance(message.id, tuple | list)
        and isinstance(message.string, tuple | list)
        and all(message.string)
    }


def _by_weight(header: str) -> Iterable[str]:
    weighted = []
    for position, part in enumerate(header.split(",")[:20]):
        tag, _, weight = part.partition(";")
        try:
            q = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            q = 0.0
        if tag.strip() and q > 0:
            weighted.append((-q, position, tag.strip()))
    return (tag for _, _, tag in sorted(weighted))


def _normalize_tag(tag: str) -> str:
    """Return a tag reduced to language and territory for Babel; empty if it is invalid."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return ""
    return "-".join(filter(None, (locale.language, locale.territory)))
