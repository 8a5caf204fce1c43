"""Admins and backups that come back: sent in, asked about, and put in the place of all there is."""

import asyncio
import logging
from datetime import datetime
from typing import Any

from aiohttp import web

from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.site.admin.layout import Again, get, post, show
from coalserver.site.admin.system import SENT, Place, backups_page, megabytes, noted_here
from coalserver.site.members import admin_only, the_member
from coalserver.site.worlds.context import Stamps
from coalserver.web.api import Call
from coalserver.web.pages.cookies import is_own, leads_to, own_form
from coalserver.web.pages.forms import Pairs
from coalserver.web.pages.i18n import language_of
from coalserver.web.pages.typed import typed
from coalserver.web.uploads import FORM, missing, upload_kept

log = logging.getLogger(__name__)

AFTER = "/admin/backups?done=restored"


async def send_backup(call: Call) -> web.StreamResponse:
    """A backup from elsewhere, the field `file` of a form: kept among those made here, if it is one."""
    place = call.web.service(Place)
    if place.scratch is None or place.backups is None or place.look is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    if call.request.content_type != FORM:
        await own_form(call)
        raise missing()

    def may(pairs: Pairs) -> None:
        if not is_own(call, pairs):
            raise Refusal(Why.BAD_TOKEN, what="form")

    try:
        with place.scratch() as scratch:
            file = scratch / "sent"
            await upload_kept(call.request, place.most, may, file)
            await asyncio.to_thread(place.look, file)
            call.caller = admin_only(call)
            place.backups.mkdir(mode=0o700, exist_ok=True)
            name = place.free_name(call.now, SENT)
            file.rename(place.backups / name)
    except OSError as fault:
        return _not_done(call, fault)
    await noted_here(call, What.BACKUP_SENT, name)
    return leads_to(f"/admin/backups/{name}/restore")


async def ask_to_restore(call: Call) -> web.StreamResponse:
    """Say what goes and what comes, before it does."""
    place = call.web.service(Place)
    path = place.file(call.path["name"])
    if place.look is None or place.restore is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    try:
        says = await asyncio.to_thread(place.look, path)
        size = path.stat().st_size
    except OSError as fault:
        return _not_done(call, fault)
    context = {
        "backup": path.name,
        "size": megabytes(size),
        "version": says.get("coalserver", "–"),
        "made": _moment(call, str(says["made"])),
        "data": place.data,
    }
    return show(call, "restore", context, here="backups")


async def restore(call: Call) -> web.StreamResponse:
    """A backup that proves sound takes the place of all there is: the server ends, and begins again with it."""
    await typed(call, {})
    place = call.web.service(Place)
    path, admin = place.file(call.path["name"]), the_member(call)
    if place.restore is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    try:
        # Once it is asked for it is done, whether or not the browser waits.
        await asyncio.shield(place.restore(path, admin.id, admin.shown, lambda: admin_only(call)))
    except OSError as fault:
        return _not_done(call, fault)
    return show(call, "restoring", {"after": AFTER}, here="backups")


def _not_done(call: Call, fault: OSError) -> web.StreamResponse:
    log.warning("No restore: %s", fault)
    return backups_page(call, status=503, wrong={"backups": str(fault)})


def _moment(call: Call, made: str) -> Any:
    """When a backup says that it was made, as the reader writes it; as it says it where that is no time."""
    try:
        at = datetime.fromisoformat(made).timestamp()
    except ValueError:
        return made
    return Stamps(language_of(call.request), the_member(call))(at)


BACKUP = "/admin/backups/{name}"
ROUTES = (
    post("/admin/backups/upload", send_backup),
    get(BACKUP + "/restore", ask_to_restore),
    post(BACKUP + "/restore", restore),
)
AGAIN: Again = {
    "send_backup": (backups_page, "backups"),
    "ask_to_restore": (backups_page, "backups"),
    "restore": (backups_page, "backups"),
}
