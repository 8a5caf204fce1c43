"""The pages of those who run the place: all routes, the first page, and what is said where one is refused."""

from aiohttp import web

from coalserver.core.queries.accounts import every_account
from coalserver.core.queries.admin import bans_held, gathering, playing
from coalserver.core.queries.deeds import deeds
from coalserver.core.queries.games import all_games
from coalserver.core.queries.worlds import active_worlds, visitors_there
from coalserver.domain.errors import Refusal
from coalserver.site.admin import backups, bans, games, rooms, system, users, worlds
from coalserver.site.admin.layout import Again, get, show
from coalserver.site.admin.messages import DEEDS, MISSING, sentence
from coalserver.site.members import turned_back
from coalserver.web.api import Call
from coalserver.web.pages.i18n import N_, language_of
from coalserver.web.pages.pages import page

PARTS = (users, worlds, games, rooms, bans, system, backups)
#: The newest deeds, and accounts that wait, on the first page.
FEW = 8
NOTHING_THERE = N_("There is nothing at this address.")


async def see_overview(call: Call) -> web.StreamResponse:
    """Who waits to be let in, how the worlds are, what goes on, and what was done last."""
    accounts = call.core.see(every_account)
    waiting = [one for one in accounts if not one.active]
    worlds = [
        (world, len(call.core.see(visitors_there, world=world.id)))
        for world in call.core.see(active_worlds)
    ]
    context = {
        "accounts": len(accounts),
        "waiting": waiting[:FEW],
        "waiting_count": len(waiting),
        "worlds": worlds,
        "games": len(call.core.see(all_games)),
        "rooms": call.core.see(gathering, limit=0)[1],
        "sessions": call.core.see(playing, limit=0)[1],
        "bans": call.core.see(bans_held, now=call.now, limit=0)[1],
        "deeds": call.core.see(deeds, limit=FEW)[0],
        "words": DEEDS,
    }
    return show(call, "overview", context)


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """The page again, with what was wrong where it was wrong; or one that says that there is nothing."""
    turned = turned_back(refusal, call, "/admin")
    if turned is not None:
        return turned
    again = AGAIN.get(call.route.endpoint)
    if again is None or refusal.why in MISSING:
        said = language_of(call.request).gettext(NOTHING_THERE)
        return page(call.request, "astray.html", {"status": 404, "sentence": said}, 404)
    status, said = sentence(refusal, language_of(call.request))
    shown, part = again
    try:
        answer = shown(call, status=status, wrong={part: said})
    except Refusal as other:
        # What the form was about is no more: then there is no page of it either.
        return (
            refuse(Refusal(other.why), call) if other.why in MISSING else _plain(call, status, said)
        )
    if status == 429:
        answer.headers["Retry-After"] = str(refusal.facts.get("wait", 60))
    return answer


def _plain(call: Call, status: int, said: str) -> web.StreamResponse:
    return page(call.request, "astray.html", {"status": status, "sentence": said}, status)


AGAIN: Again = {endpoint: shown for part in PARTS for endpoint, shown in part.AGAIN.items()}
ROUTES = (get("/admin", see_overview), *(route for part in PARTS for route in part.ROUTES))
