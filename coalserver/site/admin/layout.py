"""What all pages of admins share: their frame, how a deed is done and noted, and long lists in pages."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from coalserver.core.commands.audit import noted
from coalserver.domain.audit import What
from coalserver.site.members import admin_only, the_member
from coalserver.site.worlds.context import Stamps
from coalserver.web.api import Call, Handler, Route
from coalserver.web.pages.cookies import form_page
from coalserver.web.pages.i18n import N_, language_of

T = TypeVar("T")
#: Shows a page again, with what a request has to say on it.
Shown = Callable[..., web.StreamResponse]
#: By endpoint: the page on which a form was, and the part of it.
Again = Mapping[str, tuple[Shown, str]]

PAGES = (
    ("overview", "/admin", N_("Overview")),
    ("users", "/admin/users", N_("People")),
    ("servers", "/admin/servers", N_("Worlds")),
    ("games", "/admin/games", N_("Games")),
    ("rooms", "/admin/rooms", N_("Rooms")),
    ("bans", "/admin/bans", N_("Bans")),
    ("backups", "/admin/backups", N_("Backups")),
    ("settings", "/admin/settings", N_("Settings")),
    ("log", "/admin/log", N_("Log")),
)
#: Rows on a page.
ROWS = 50
#: More pages nobody leafs through.
MOST_PAGES = 10**6


async def do(
    call: Call, what: What, about: str, command: Callable[..., T], /, detail: str = "", **asked: Any
) -> T:
    """Run a command for the admin who calls, and keep that he asked for it."""
    given = {"by": call.caller.account, "what": what, "about": about, "detail": detail}
    return await call.core.do(noted, **given, act=command, **asked)


def show(
    call: Call,
    name: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    here: str = "",
    wrong: Mapping[str, str] | None = None,
    done: Mapping[str, str] | None = None,
) -> web.Response:
    """A page of admins. `wrong` and `done` are sentences, by the part of the page they belong to."""
    texts = language_of(call.request)
    frame = {
        "here": here or name,
        "pages": PAGES,
        "typed": call.body if wrong else {},
        "when": Stamps(texts, the_member(call)),
        "now": call.now,
        "wrong": wrong or {},
        "done": {part: texts.gettext(sentence) for part, sentence in (done or {}).items()},
    }
    return form_page(call, f"admin/{name}.html", {**frame, **context}, status)


def went_well(call: Call, words: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What the address says went well, by its part of the page."""
    found = words.get(call.query.get("done", ""))
    return dict([found]) if found else {}


def page_asked(call: Call) -> int:
    """Which page of a list, from 1; the first where the address names none."""
    text = call.query.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(number, 1), MOST_PAGES)


def leafing(call: Call, total: int, **kept: str) -> dict[str, Any]:
    """Where a list goes on, and where it came from."""
    page = page_asked(call)
    last = max(1, -(-total // ROWS))

    def address(number: int) -> str:
        asked = {name: value for name, value in kept.items() if value}
        return "?" + urlencode({**asked, "page": number})

    return {
        "page": page,
        "last": last,
        "total": total,
        "earlier": address(min(page - 1, last)) if page > 1 else "",
        "later": address(page + 1) if page < last else "",
    }


def get(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, who=admin_only)


def post(path: str, handler: Handler) -> Route:
    return Route("POST", path, handler, who=admin_only)
