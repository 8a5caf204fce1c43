"""The gallery: pictures of a world, hung by members, taken down by who hung them or by an admin."""

import asyncio

from aiohttp import web

from coalserver.core.commands.screenshots import add_screenshot, delete_screenshot
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.queries.accounts import find_account
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.world import World
from coalserver.media.images import ImageStore, InvalidImage
from coalserver.site.access import members_only, wants_json, world_path
from coalserver.site.worlds.context import world_context
from coalserver.site.worlds.line_rows import exact_position, parse_exact_position
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect
from coalserver.web.pages.forms import Pairs, is_csrf_valid, read_csrf_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.responses import json_response
from coalserver.web.uploads import read_form_upload

#: Pictures of one page.
PAGE_SIZE = 24
VARIANTS = ("original", "small", "blurred")
IMAGE_ERRORS = {
    "kind": N_("This is not a picture in PNG, JPEG or WebP."),
    "damaged": N_("The picture is damaged."),
    "pixels": N_("The picture has too many pixels."),
    "none": N_("Choose a picture first."),
}
IMAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A picture never changes; who may see it is asked again after a day.
    "Cache-Control": "private, max-age=86400, immutable",
}
SCREENSHOTS_PATH = WORLD_PATH + "/screenshots"


@members_only
async def gallery_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """All pictures of a world, the newest first."""
    return await _render_gallery(ctx, world, account)


@members_only
async def upload_screenshot(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Hang a picture: the field `file` of a form that we have shown."""
    images = ctx.app.service(ImageStore)

    def check_form(pairs: Pairs) -> None:
        if not is_csrf_valid(ctx, pairs):
            raise DomainError(ErrorCode.INVALID_TOKEN, what="form")

    try:
        raw = await read_form_upload(ctx.request, images.max_bytes, check_form)
    except DomainError as refusal:
        if "file" not in refusal.details.get("fields", ()):
            raise
        return await _upload_error(ctx, world, account, "none")
    try:
        # Once it is here it is hung, whether or not the browser waits: no file is left to nobody.
        await asyncio.shield(_store_screenshot(ctx, world, account, raw))
    except InvalidImage as error:
        return await _upload_error(ctx, world, account, error.code)
    gallery_path = world_path(world) + "/screenshots"
    return json_response({"path": gallery_path}, 201) if wants_json(ctx) else redirect(gallery_path)


@members_only
async def delete_from_gallery(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Take a picture down, and remove its files."""
    await read_csrf_form(ctx)
    screenshot = await _get_screenshot(ctx, world)
    screenshot.check_can_delete(account)
    await ctx.core.execute(delete_screenshot, screenshot=screenshot)
    await asyncio.shield(ctx.app.service(ImageStore).delete(screenshot.code))
    return redirect(world_path(world) + "/screenshots")


@members_only
async def screenshot_image(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """The picture itself, small or blurred."""
    screenshot = await _get_screenshot(ctx, world)
    found = ctx.app.service(ImageStore).find_file(screenshot.code, ctx.path["kind"])
    if found is None or ctx.path["kind"] not in VARIANTS:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    path, media = found
    return web.FileResponse(path, headers={**IMAGE_HEADERS, "Content-Type": media})


async def _render_gallery(
    ctx: RequestContext, world: World, account: Account, error: str = "", status: int = 200
) -> web.StreamResponse:
    query = ScreenshotQuery(world.id, after=parse_exact_position(ctx.query.get("before", "")))
    found = await ctx.core.history.screenshots(query, PAGE_SIZE + 1)
    screenshots, path = found[:PAGE_SIZE], world_path(world) + "/screenshots"
    context = {
        **world_context(ctx, world, account, "screenshots"),
        "screenshots": [_gallery_item(ctx, screenshot, account) for screenshot in screenshots],
        "error": error,
        "max_megabytes": ctx.app.service(ImageStore).max_bytes // (1 << 20),
        "older": f"{path}?before={exact_position(screenshots[-1].created, screenshots[-1].id)}"
        if len(found) > PAGE_SIZE
        else None,
        "newest": path if "before" in ctx.query else None,
    }
    return form_page(ctx, "worlds/gallery.html", context, status)


async def _upload_error(
    ctx: RequestContext, world: World, account: Account, reason: str
) -> web.StreamResponse:
    message = IMAGE_ERRORS[reason]
    if wants_json(ctx):
        text = request_language(ctx.request).gettext(message)
        return json_response({"error": "malformed", "sentence": text}, 400)
    return await _render_gallery(ctx, world, account, message, 400)


def _gallery_item(
    ctx: RequestContext, screenshot: Screenshot, account: Account
) -> dict[str, object]:
    owner = ctx.core.query(find_account, id=screenshot.account)
    return {
        "id": screenshot.id,
        "at": screenshot.created,
        "width": screenshot.width,
        "height": screenshot.height,
        "by": owner.display_name if owner else "",
        "mine": screenshot.can_delete(account),
    }


async def _get_screenshot(ctx: RequestContext, world: World) -> Screenshot:
    screenshot = await ctx.core.history.screenshot(ctx.int_param("screenshot"))
    if screenshot is None or screenshot.world != world.id:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return screenshot


async def _store_screenshot(
    ctx: RequestContext, world: World, account: Account, raw: bytes
) -> None:
    """Keep a picture and hang it; what cannot be hung leaves no file."""
    images = ctx.app.service(ImageStore)
    image = await images.save(raw)
    try:
        await ctx.core.execute(
            add_screenshot,
            world_id=world.id,
            account_id=account.id,
            blurred=True,
            **image._asdict(),
        )
    except DomainError:
        await images.delete(image.code)
        raise


@members_only
async def redirect_to_gallery(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Where pictures were hung before: 302 to the gallery."""
    return redirect(world_path(world) + "/screenshots")


ROUTES = (
    Route("GET", SCREENSHOTS_PATH, gallery_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/screenshot_upload", redirect_to_gallery, auth=optional_login),
    Route("POST", WORLD_PATH + "/screenshot_uploaded", upload_screenshot, auth=optional_login),
    Route("POST", SCREENSHOTS_PATH, upload_screenshot, auth=optional_login),
    Route("GET", SCREENSHOTS_PATH + "/{screenshot}/{kind}", screenshot_image, auth=optional_login),
    Route(
        "POST", SCREENSHOTS_PATH + "/{screenshot}/remove", delete_from_gallery, auth=optional_login
    ),
)
