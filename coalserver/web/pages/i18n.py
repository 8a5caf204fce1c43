"""Languages: which one a page is in, and its texts. English stands in the code, others in `translations/`.

A language is a folder there, with one `.po` file for each part of the site; `scripts.po` holds what scripts say.
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

#: In which the texts are written in templates, code and scripts.
DEFAULT_LANGUAGE = "en"
TRANSLATIONS_DIRECTORY = Path(coalserver.__file__).parent / "translations"
#: What scripts say, and not the server: sent along with a page.
SCRIPT_CATALOG = "scripts"
#: Where a request keeps the language that its account has chosen.
LANGUAGE_KEY = web.RequestKey("language", str)


class Language:
    """One language: what every English text is in it."""

    def __init__(self, tag: str, catalogs: Mapping[str, Catalog]) -> None:
        self.tag = tag
        self.locale = Locale.parse(tag, sep="-")
        self.scripts = _texts(catalogs[SCRIPT_CATALOG]) if SCRIPT_CATALOG in catalogs else {}
        self._one: dict[str, str] = {}
        self._many: dict[str, tuple[str, ...]] = {}
        #: Which of the forms of a noun a number takes.
        self._form = c2py(Catalog(self.locale).plural_expr)
        for name, catalog in catalogs.items():
            if name != SCRIPT_CATALOG:
                self._one |= _texts(catalog)
                self._many |= _forms(catalog)

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self.locale.get_display_name() or self.tag

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    def gettext(self, text: str) -> str:
        return self._one.get(text, text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The form that this number takes."""
        forms = self._many.get(one, (one, many))
        return forms[min(self._form(number), len(forms) - 1)]

    def __call__(self, text: str, **values: Any) -> str:
        """A text in this language, with the facts in it."""
        translated = self.gettext(text)
        return translated % values if values else translated


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


@cache
def languages() -> Mapping[str, Language]:
    """Every language there is, by its tag; English first."""
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
    """What the account has chosen; else what the browser would rather have."""
    available = languages()
    account_language = available.get(request.get(LANGUAGE_KEY, ""))
    return (
        account_language
        or available[negotiate_language(request.headers.get("Accept-Language", ""))]
    )


def negotiate_language(header: str) -> str:
    """The tag of our language that suits an `Accept-Language` best."""
    preferred = (_normalize_tag(tag) for tag in _by_weight(header))
    found = negotiate_locale([tag for tag in preferred if tag], [*languages()], sep="-")
    return found or DEFAULT_LANGUAGE


def set_request_language(request: web.Request, tag: str) -> None:
    """The account behind a request wants its pages in this language."""
    if tag in languages():
        request[LANGUAGE_KEY] = tag


_CURRENT: ContextVar[Language] = ContextVar("language")


@contextmanager
def use_language(language: Language) -> Iterator[None]:
    """Templates that are rendered meanwhile are in this language, with all they include."""
    token = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def gettext(text: str) -> str:
    return _CURRENT.get().gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    return _CURRENT.get().ngettext(one, many, number)


def _texts(catalog: Catalog) -> dict[str, str]:
    return {
        one.id: one.string
        for one in catalog
        if isinstance(one.id, str) and isinstance(one.string, str) and one.id and one.string
    }


def _forms(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {
        one.id[0]: tuple(one.string)
        for one in catalog
        if isinstance(one.id, tuple | list)
        and isinstance(one.string, tuple | list)
        and all(one.string)
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
    """A tag as Babel takes it, with no more than language and country; empty for one that is none."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return ""
    return "-".join(filter(None, (locale.language, locale.territory)))
