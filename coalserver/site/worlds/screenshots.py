"""The gallery: pictures of a world, hung by members, taken down by who hung them or by an admin."""

import asyncio

from aiohttp import web

from coalserver.core.commands.screenshots import hang_screenshot, take_down_screenshot
from coalserver.core.ports import Screenshots
from coalserver.core.queries.accounts import account_numbered
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.world import World
from coalserver.media.images import NoPicture, Pictures
from coalserver.site.access import for_members, path_of, speaks_json
from coalserver.site.worlds.context import frame
from coalserver.site.worlds.line_rows import exact_place_named, exact_place_of
from coalserver.site.worlds.world import WORLD
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, is_own, leads_to, own_form, signed_in
from coalserver.web.pages.forms import Pairs
from coalserver.web.pages.i18n import N_, language_of
from coalserver.web.responses import document
from coalserver.web.uploads import uploaded_form

#: Pictures of one page.
SIZE = 24
KINDS = ("original", "small", "blurred")
NO_PICTURE = {
    "kind": N_("This is not a picture in PNG, JPEG or WebP."),
    "damaged": N_("The picture is damaged."),
    "pixels": N_("The picture has too many pixels."),
    "none": N_("Choose a picture first."),
}
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A picture never changes; who may see it is asked again after a day.
    "Cache-Control": "private, max-age=86400, immutable",
}
SHOTS = WORLD + "/screenshots"


@for_members
async def see_gallery(call: Call, world: World, account: Account) -> web.StreamResponse:
    """All pictures of a world, the newest first."""
    return await _gallery(call, world, account)


@for_members
async def hang(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Hang a picture: the field `file` of a form that we have shown."""
    pictures = call.web.service(Pictures)

    def may(pairs: Pairs) -> None:
        if not is_own(call, pairs):
            raise Refusal(Why.BAD_TOKEN, what="form")

    try:
        raw = await uploaded_form(call.request, pictures.most, may)
    except Refusal as refusal:
        if "file" not in refusal.facts.get("fields", ()):
            raise
        return await _refused(call, world, account, "none")
    try:
        # Once it is here it is hung, whether or not the browser waits: no file is left to nobody.
        await asyncio.shield(_hung(call, world, account, raw))
    except NoPicture as none:
        return await _refused(call, world, account, none.why)
    there = path_of(world) + "/screenshots"
    return document({"path": there}, 201) if speaks_json(call) else leads_to(there)


@for_members
async def take_down(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Take a picture down, and remove its files."""
    await own_form(call)
    shot = await _shot(call, world)
    shot.only_for(account)
    await call.core.do(take_down_screenshot, screenshot=shot)
    await asyncio.shield(call.web.service(Pictures).remove(shot.code))
    return leads_to(path_of(world) + "/screenshots")


@for_members
async def show(call: Call, world: World, account: Account) -> web.StreamResponse:
    """The picture itself, small or blurred."""
    shot = await _shot(call, world)
    found = call.web.service(Pictures).file(shot.code, call.path["kind"])
    if found is None or call.path["kind"] not in KINDS:
        raise Refusal(Why.OTHER_NOT_FOUND)
    path, media = found
    return web.FileResponse(path, headers={**SAFE, "Content-Type": media})


async def _gallery(
    call: Call, world: World, account: Account, wrong: str = "", status: int = 200
) -> web.StreamResponse:
    wanted = Screenshots(world.id, after=exact_place_named(call.query.get("before", "")))
    found = await call.core.history.screenshots(wanted, SIZE + 1)
    shots, path = found[:SIZE], path_of(world) + "/screenshots"
    context = {
        **frame(call, world, account, "screenshots"),
        "shots": [_shown(call, one, account) for one in shots],
        "wrong": wrong,
        "most": call.web.service(Pictures).most // (1 << 20),
        "older": f"{path}?before={exact_place_of(shots[-1].created, shots[-1].id)}"
        if len(found) > SIZE
        else None,
        "newest": path if "before" in call.query else None,
    }
    return form_page(call, "worlds/gallery.html", context, status)


async def _refused(call: Call, world: World, account: Account, why: str) -> web.StreamResponse:
    sentence = NO_PICTURE[why]
    if speaks_json(call):
        said = language_of(call.request).gettext(sentence)
        return document({"error": "malformed", "sentence": said}, 400)
    return await _gallery(call, world, account, sentence, 400)


def _shown(call: Call, shot: Screenshot, account: Account) -> dict[str, object]:
    owner = call.core.see(account_numbered, id=shot.account)
    return {
        "id": shot.id,
        "at": shot.created,
        "width": shot.width,
        "height": shot.height,
        "by": owner.shown if owner else "",
        "mine": shot.belongs_to(account),
    }


async def _shot(call: Call, world: World) -> Screenshot:
    shot = await call.core.history.screenshot(call.number("screenshot"))
    if shot is None or shot.world != world.id:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return shot


async def _hung(call: Call, world: World, account: Account, raw: bytes) -> None:
    """Keep a picture and hang it; what cannot be hung leaves no file."""
    pictures = call.web.service(Pictures)
    picture = await pictures.taken(raw)
    try:
        await call.core.do(
            hang_screenshot,
            world_id=world.id,
            account=account.id,
            blurred=True,
            **picture._asdict(),
        )
    except Refusal:
        await pictures.remove(picture.code)
        raise


@for_members
async def to_gallery(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Where pictures were hung before: 302 to the gallery."""
    return leads_to(path_of(world) + "/screenshots")


ROUTES = (
    Route("GET", SHOTS, see_gallery, who=signed_in),
    Route("GET", WORLD + "/screenshot_upload", to_gallery, who=signed_in),
    Route("POST", WORLD + "/screenshot_uploaded", hang, who=signed_in),
    Route("POST", SHOTS, hang, who=signed_in),
    Route("GET", SHOTS + "/{screenshot}/{kind}", show, who=signed_in),
    Route("POST", SHOTS + "/{screenshot}/remove", take_down, who=signed_in),
)
