"""Screenshots of worlds: lists, uploads, deletion and image files (document, after 2.3.10)."""

import asyncio

from aiohttp import web

from coalserver.apis.coal.auth import get_valid_account, user
from coalserver.apis.coal.pagination import newest_first_page, read_filters
from coalserver.apis.coal.render import JsonObject, opaque_keys, render_time
from coalserver.apis.coal.servers import SERVER_PATH, SERVERS, stored_in_path, world_in_path
from coalserver.apis.coal.users import user_in_path
from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.core.commands.screenshots import add_screenshot, delete_screenshot
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.queries.accounts import find_account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import Screenshot
from coalserver.media.images import ImageStore, InvalidImage
from coalserver.security.opaque_keys import SCREENSHOT, SERVER, USER
from coalserver.web.api import Route
from coalserver.web.body import invalid_body
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response, no_content
from coalserver.web.uploads import read_upload

SCREENSHOTS = SERVER_PATH + "/screenshots"
SCREENSHOT_PATH = SCREENSHOTS + "/{screenshot}"
#: The last part of an image's address -> its variant in the image store.
VARIANTS = {"original": "original", "thumbnail": "small", "blurred": "blurred"}
IMAGE_ERRORS = {
    "kind": "This is not a picture in PNG, JPEG or WebP.",
    "damaged": "The picture is damaged.",
    "pixels": "The picture has too many pixels.",
}
UNSUPPORTED_UPLOAD = "The body must be a picture, or a multipart form with the field file."
IMAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # An image never changes; a day limits how long a revoked token still shows it.
    "Cache-Control": "private, max-age=86400, immutable",
}


async def list_screenshots(ctx: RequestContext) -> web.StreamResponse:
    """Return all screenshots of a world, newest first."""
    size, filters = await read_filters(ctx)
    return await _page(ctx, size, ScreenshotQuery(world_in_path(ctx).id, **filters))


async def list_user_screenshots(ctx: RequestContext) -> web.StreamResponse:
    """Return the screenshots that one user uploaded; `self` is the caller."""
    size, filters = await read_filters(ctx)
    world = world_in_path(ctx).id
    return await _page(ctx, size, ScreenshotQuery(world, user_in_path(ctx).id, **filters))


async def read_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """Return one screenshot."""
    return json_response(render_screenshot(ctx, await screenshot_in_path(ctx)))


async def upload_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """Upload a screenshot, as the form field `file` or as the body; 201 once all variants are stored."""
    world = world_in_path(ctx).id
    await ctx.core.check_can_add_screenshot(world, ctx.caller.account_id)
    try:
        ctx.raw = await read_upload(ctx.request, ctx.app.service(ImageStore).max_bytes)
    except web.HTTPUnsupportedMediaType:
        return json_response({"errors": UNSUPPORTED_UPLOAD}, 415)
    # Shielded: if the client disconnects now, no file must stay without its screenshot.
    screenshot = await asyncio.shield(_store_screenshot(ctx, world))
    return json_response(render_screenshot(ctx, screenshot), 201)


async def remove_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """Delete a screenshot and its files. Raises PERMISSION_DENIED unless it is the caller's or they are an admin."""
    # Shielded: if the client disconnects now, no file must stay without its screenshot.
    await asyncio.shield(_delete_screenshot(ctx))
    return no_content()


async def read_image(ctx: RequestContext) -> web.StreamResponse:
    """Return the image file: original, thumbnail or blurred.

    Raises INVALID_TOKEN without a token or a valid `pass`, or TARGET_NOT_FOUND.
    """
    screenshot = await screenshot_in_path(ctx)
    images = ctx.app.service(ImageStore)
    if ctx.caller is ANONYMOUS and not images.verify(screenshot.code, ctx.query.get("pass", "")):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    found = images.find_file(screenshot.code, VARIANTS.get(ctx.path["kind"], ""))
    if found is None:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    path, media = found
    return web.FileResponse(path, headers={**IMAGE_HEADERS, "Content-Type": media})


def viewer(ctx: RequestContext) -> Caller:
    """Return the caller of the bearer token, or an anonymous caller, for whom `pass` is required."""
    return user(ctx) if "Authorization" in ctx.request.headers else ANONYMOUS


async def screenshot_in_path(ctx: RequestContext) -> Screenshot:
    """Return the screenshot in the path. Raises WORLD_NOT_FOUND or TARGET_NOT_FOUND."""
    return await stored_in_path(ctx, SCREENSHOT, "screenshot", ctx.core.history.screenshot)


def render_screenshot(ctx: RequestContext, screenshot: Screenshot) -> JsonObject:
    """Return a screenshot; its URLs need no token and are valid for a day at least."""
    keys = opaque_keys(ctx)
    server, key = keys.of(SERVER, screenshot.world), keys.of(SCREENSHOT, screenshot.id)
    owner = ctx.core.query(find_account, id=screenshot.account)
    token = ctx.app.service(ImageStore).sign(screenshot.code)
    address = f"{ctx.public_url}{SERVERS}/{server}/screenshots/{key}"
    return {
        "key": key,
        "server_key": server,
        "user_key": keys.of(USER, owner.id) if owner else None,
        "random_id": screenshot.random_order,
        "original_url": f"{address}/original?pass={token}",
        "blurred_url": f"{address}/blurred?pass={token}" if screenshot.blurred else None,
        "created": render_time(screenshot.created),
        "updated": render_time(screenshot.updated),
    }


async def _store_screenshot(ctx: RequestContext, world: int) -> Screenshot:
    """Store the uploaded image and add it as a screenshot.

    A repeated request returns the screenshot that the first one added.
    """
    images = ctx.app.service(ImageStore)
    try:
        image = await images.save(ctx.raw)
    except InvalidImage as error:
        raise invalid_body(IMAGE_ERRORS[error.code]) from None
    try:
        id = await execute_idempotent(
            ctx,
            add_screenshot,
            world_id=world,
            account_id=ctx.caller.account_id,
            blurred=True,
            **image._asdict(),
        )
    except DomainError:
        await images.delete(image.code)
        raise
    screenshot = await ctx.core.history.screenshot(id)
    if screenshot is None or screenshot.code != image.code:
        await images.delete(image.code)
    if screenshot is None:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return screenshot


async def _delete_screenshot(ctx: RequestContext) -> None:
    screenshot = await screenshot_in_path(ctx)
    screenshot.check_can_delete(get_valid_account(ctx.core, ctx.caller))
    await ctx.core.execute(delete_screenshot, screenshot=screenshot)
    await ctx.app.service(ImageStore).delete(screenshot.code)


async def _page(ctx: RequestContext, size: int, query: ScreenshotQuery) -> web.StreamResponse:
    read = ctx.core.history.screenshots
    return await newest_first_page(
        ctx, "screenshots", size, read, query, render_screenshot, _position
    )


def _position(screenshot: Screenshot) -> tuple[float, int]:
    return screenshot.created, screenshot.id


ROUTES = (
    Route("GET", SCREENSHOTS, list_screenshots, auth=user),
    Route("POST", SCREENSHOTS, upload_screenshot, auth=user, reads_body=True),
    Route("GET", SCREENSHOT_PATH, read_screenshot, auth=user),
    Route("DELETE", SCREENSHOT_PATH, remove_screenshot, auth=user),
    Route("GET", SCREENSHOT_PATH + "/{kind}", read_image, auth=viewer),
    Route("GET", SERVER_PATH + "/users/{user}/screenshots", list_user_screenshots, auth=user),
)
