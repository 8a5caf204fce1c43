"""Admins and the place itself: its settings, its backups, and what was done."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from coalserver.core.commands.audit import note_done
from coalserver.core.queries.deeds import deeds
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.site.admin.layout import (
    ROWS,
    Again,
    get,
    leafing,
    page_asked,
    post,
    show,
    went_well,
)
from coalserver.site.admin.messages import DEEDS
from coalserver.web.api import Call
from coalserver.web.pages.cookies import leads_to
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import HEADERS
from coalserver.web.pages.typed import typed

log = logging.getLogger(__name__)

#: What a backup that was made here is called, and one that was sent in.
MADE, SENT = "coalserver", "uploaded"
NAME = re.compile(rf"(?:{MADE}|{SENT})-[0-9]{{8}}T[0-9]{{6}}Z(?:-[0-9]+)?\.tar")
DONE = {
    "made": ("backups", N_("The backup is made.")),
    "removed": ("backups", N_("The backup is removed.")),
    "restored": ("backups", N_("The backup is in place.")),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What pages show of the machine: the settings as they came out, and where backups are, if anywhere.

    What is asked of it raises OSError where the disk does not do it, and Refusal for a file that is no backup.
    """

    #: Name, help, value, and whether it is as it was made; none is a secret.
    settings: tuple[tuple[str, str, str, bool], ...] = ()
    #: For whom restores with the command line.
    data: str = "data"
    backups: Path | None = None
    #: Writes everything into a new file.
    make: Callable[[Path], Awaitable[Any]] | None = None
    #: A folder for a backup that is being sent in, and the bytes it may have.
    scratch: Callable[[], AbstractContextManager[Path]] | None = None
    most: int = 0
    #: What a backup says of itself.
    look: Callable[[Path], Mapping[str, Any]] | None = None
    #: Proves a backup, and has the server end and begin again with it: for that account of that name, if it still may.
    restore: Callable[[Path, int, str, Callable[[], object]], Awaitable[None]] | None = None
    #: Why the last restore came to nothing, if it did.
    fault: str = ""
    #: By name, so that two admins who ask at once make two.
    making: set[str] = field(default_factory=set)

    def made(self) -> list[tuple[str, int, float]]:
        """Name, bytes and time of each backup, the newest first."""
        if self.backups is None or not self.backups.is_dir():
            return []
        found = [
            (path, path.stat()) for path in self.backups.iterdir() if NAME.fullmatch(path.name)
        ]
        rows = [(path.name, stat.st_size, stat.st_mtime) for path, stat in found]
        return sorted(rows, key=lambda row: row[0].partition("-")[2], reverse=True)

    def file(self, name: str) -> Path:
        """A backup that is there, by its name."""
        if self.backups is None or not NAME.fullmatch(name) or not (self.backups / name).is_file():
            raise Refusal(Why.DATUM_NOT_FOUND)
        return self.backups / name

    def free_name(self, now: float, kind: str = MADE) -> str:
        """A name that no backup has."""
        stem = datetime.fromtimestamp(now, UTC).strftime(f"{kind}-%Y%m%dT%H%M%SZ")
        taken = {name for name, _, _ in self.made()} | self.making
        names = (f"{stem}{end}.tar" for end in ("", *(f"-{n}" for n in range(1, 1000))))
        return next(name for name in names if name not in taken)


def settings_page(call: Call, **said: Any) -> web.StreamResponse:
    place = call.web.service(Place)
    return show(call, "settings", {"settings": place.settings}, **said)


def backups_page(call: Call, **said: Any) -> web.StreamResponse:
    place = call.web.service(Place)
    context = {
        "backups": [(name, megabytes(size), at) for name, size, at in place.made()],
        "may": place.make is not None,
        "may_restore": place.restore is not None,
        "most": megabytes(place.most),
        "folder": place.backups,
        "data": place.data,
    }
    if place.fault and call.query.get("done", "restored") == "restored":
        return show(call, "backups", context, **{"wrong": {"backups": place.fault}, **said})
    return show(call, "backups", context, **{"done": went_well(call, DONE), **said})


def log_page(call: Call, **said: Any) -> web.StreamResponse:
    first = (page_asked(call) - 1) * ROWS
    found, total = call.core.see(deeds, limit=ROWS, offset=first)
    return show(call, "log", {"deeds": found, "words": DEEDS, "leaf": leafing(call, total)}, **said)


def megabytes(size: int) -> str:
    if size >= 10**9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"


async def see_settings(call: Call) -> web.StreamResponse:
    """Every setting as it came out, without secrets."""
    return settings_page(call)


async def see_backups(call: Call) -> web.StreamResponse:
    """The backups that were made here, and how one is put back."""
    return backups_page(call)


async def make_backup(call: Call) -> web.StreamResponse:
    """Everything there is, as it is now, in one new file beside the data."""
    await typed(call, {})
    place = call.web.service(Place)
    if place.make is None or place.backups is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    name = place.free_name(call.now)
    place.making.add(name)
    try:
        place.backups.mkdir(mode=0o700, exist_ok=True)
        await place.make(place.backups / name)
    except OSError as fault:
        log.warning("No backup: %s", fault)
        return backups_page(call, status=503, wrong={"backups": str(fault)})
    finally:
        place.making.discard(name)
    await noted_here(call, What.BACKUP_MADE, name)
    return leads_to("/admin/backups?done=made")


async def fetch_backup(call: Call) -> web.StreamResponse:
    """A backup as a file. It holds everything, keys too: no browser keeps it but where it is saved."""
    await typed(call, {})
    path = call.web.service(Place).file(call.path["name"])
    await noted_here(call, What.BACKUP_FETCHED, path.name)
    headers = {
        **HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "application/x-tar",
        "Content-Disposition": f'attachment; filename="{path.name}"',
    }
    return web.FileResponse(path, headers=headers)


async def remove_backup(call: Call) -> web.StreamResponse:
    """A backup is no more."""
    await typed(call, {})
    path = call.web.service(Place).file(call.path["name"])
    await noted_here(call, What.BACKUP_REMOVED, path.name)
    path.unlink(missing_ok=True)
    return leads_to("/admin/backups?done=removed")


async def see_log(call: Call) -> web.StreamResponse:
    """What admins and the command line have done, the newest first."""
    return log_page(call)


async def noted_here(call: Call, what: What, about: str) -> None:
    """Keep what was done outside the core, by one who still is an admin."""
    await call.core.do(note_done, by=call.caller.account, what=what, about=about)


BACKUP = "/admin/backups/{name}"
ROUTES = (
    get("/admin/settings", see_settings),
    get("/admin/backups", see_backups),
    post("/admin/backups", make_backup),
    post(BACKUP + "/download", fetch_backup),
    post(BACKUP + "/remove", remove_backup),
    get("/admin/log", see_log),
)
AGAIN: Again = {
    "make_backup": (backups_page, "backups"),
    "fetch_backup": (backups_page, "backups"),
    "remove_backup": (backups_page, "backups"),
}
