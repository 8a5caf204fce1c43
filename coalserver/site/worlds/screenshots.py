"""The gallery of a world: screenshots that members upload. Their owners and admins can delete them."""

import asyncio
from functools import partial

from aiohttp import web

from coalserver.core.commands.screenshots import add_screenshot, delete_screenshot
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.queries.accounts import find_account
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.world import World
from coalserver.media.images import ImageStore, InvalidImage
from coalserver.site.access import world_member_page, world_path
from coalserver.site.errors import HTTP_ERRORS, SHARED_MESSAGES, wants_json
from coalserver.site.pagination import POSITION, kept_query, paginate_after
from coalserver.site.worlds.context import world_context
from coalserver.site.worlds.line_rows import exact_position, parse_exact_position
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect
from coalserver.web.pages.forms import check_csrf, read_csrf_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.responses import json_response
from coalserver.web.uploads import read_form_upload

#: Screenshots per page.
PAGE_SIZE = 24
VARIANTS = ("original", "small", "blurred")
IMAGE_ERRORS = {
    "kind": N_("This file is not a picture. Choose a PNG, JPEG or WebP file."),
    "damaged": N_("This picture is damaged. Choose another file."),
    "pixels": N_("This picture has too many pixels. Choose a smaller one."),
    "none": N_("Choose a picture first."),
    "many": N_("You have as many screenshots here as you may have. Delete one first."),
}
#: Status and message where a picture cannot be deleted.
DELETION_ERRORS = {
    ErrorCode.INVALID_TOKEN: SHARED_MESSAGES[ErrorCode.INVALID_TOKEN],
    ErrorCode.TARGET_NOT_FOUND: (404, N_("This picture no longer exists.")),
    ErrorCode.PERMISSION_DENIED: (403, HTTP_ERRORS[403]),
}
IMAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The file of an id never changes. After a day the access is checked again.
    "Cache-Control": "private, max-age=86400, immutable",
}
SCREENSHOTS_PATH = WORLD_PATH + "/screenshots"


@world_member_page
async def gallery_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Render the screenshots of a world, the newest first."""
    return await _render_gallery(ctx, world, account)


@world_member_page
async def upload_screenshot(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Add a screenshot, the field `file` of a multipart form, after its CSRF token."""
    images = ctx.app.service(ImageStore)

    try:
        raw = await read_form_upload(ctx.request, images.max_bytes, partial(check_csrf, ctx))
    except DomainError as error:
        if "file" not in error.details.get("fields", ()):
            raise
        return await _upload_error(ctx, world, account, "none")
    try:
        await ctx.core.check_can_add_screenshot(world.id, account.id)
    except DomainError as error:
        ctx.app.count_refusal(error)
        return await _upload_error(ctx, world, account, "many")
    try:
        # Shielded: a disconnect between the file and its record would leave a file without a screenshot.
        await asyncio.shield(_store_screenshot(ctx, world, account, raw))
    except InvalidImage as invalid:
        return await _upload_error(ctx, world, account, invalid.code)
    gallery_path = world_path(world) + "/screenshots"
    return json_response({"path": gallery_path}, 201) if wants_json(ctx) else redirect(gallery_path)


@world_member_page
async def delete_from_gallery(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Delete a screenshot and its files, and lead back to the page of the gallery.

    For a script, raises INVALID_TOKEN, TARGET_NOT_FOUND or PERMISSION_DENIED.
    """
    try:
        await read_csrf_form(ctx)
        screenshot = await _get_screenshot(ctx, world)
        screenshot.check_can_delete(account)
        await ctx.core.execute(delete_screenshot, screenshot=screenshot)
    except DomainError as error:
        if wants_json(ctx) or error.code not in DELETION_ERRORS:
            raise
        status, message = DELETION_ERRORS[error.code]
        return await _render_gallery(ctx, world, account, deletion_error=message, status=status)
    await asyncio.shield(ctx.app.service(ImageStore).delete(screenshot.code))
    place = kept_query(ctx, numbers=(), texts=(POSITION,))
    return redirect(f"{world_path(world)}/screenshots{place}")


@world_member_page
async def screenshot_image(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Return an image file of a screenshot. Raises TARGET_NOT_FOUND."""
    screenshot = await _get_screenshot(ctx, world)
    found = ctx.app.service(ImageStore).find_file(screenshot.code, ctx.path["kind"])
    if found is None or ctx.path["kind"] not in VARIANTS:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    path, media = found
    return web.FileResponse(path, headers={**IMAGE_HEADERS, "Content-Type": media})


async def _render_gallery(
    ctx: RequestContext,
    world: World,
    account: Account,
    error: str = "",
    status: int = 200,
    deletion_error: str = "",
) -> web.StreamResponse:
    after = parse_exact_position(ctx.query.get(POSITION, ""))
    history, query = ctx.core.history, ScreenshotQuery(world.id, after=after)
    found = await history.screenshots(query, PAGE_SIZE + 1)
    if not found and after is not None:
        # The last page: what it had may have been deleted.
        oldest = await history.screenshots(ScreenshotQuery(world.id, ascending=True), PAGE_SIZE)
        found = oldest[::-1]
    screenshots, pagination = paginate_after(
        ctx,
        world_path(world) + "/screenshots",
        found,
        lambda screenshot: exact_position(screenshot.created, screenshot.id),
        page_size=PAGE_SIZE,
    )
    context = {
        **world_context(ctx, world, account, "screenshots"),
        "screenshots": [_gallery_item(ctx, screenshot, account) for screenshot in screenshots],
        "error": error,
        "deletion_error": deletion_error,
        "max_megabytes": ctx.app.service(ImageStore).max_bytes // (1 << 20),
        "pagination": pagination,
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
    """Save an image and add its screenshot. If that fails, the files are deleted."""
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


@world_member_page
async def redirect_to_gallery(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Redirect to the gallery. Bookmarks of COAL's upload page lead here."""
    return redirect(world_path(world) + "/screenshots")


ROUTES = (
    Route("GET", SCREENSHOTS_PATH, gallery_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/screenshot_upload", redirect_to_gallery, auth=optional_login),
    Route(
        "POST",
        WORLD_PATH + "/screenshot_uploaded",
        upload_screenshot,
        auth=optional_login,
        reads_body=True,
    ),
    Route("POST", SCREENSHOTS_PATH, upload_screenshot, auth=optional_login, reads_body=True),
    Route("GET", SCREENSHOTS_PATH + "/{screenshot}/{kind}", screenshot_image, auth=optional_login),
    Route(
        "POST",
        SCREENSHOTS_PATH + "/{screenshot}/remove",
        delete_from_gallery,
        auth=optional_login,
        reads_body=True,
    ),
)
