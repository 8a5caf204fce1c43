"""Screenshots: pictures of worlds, put there and taken down by those who made them (document, after 2.3.10)."""

import asyncio

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import read_time_range, render_list
from coalserver.apis.coal.render import JsonObject, opaque_keys, render_time
from coalserver.apis.coal.servers import SERVER_PATH, SERVERS, world_in_path
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
#: The last part of a picture's address -> which of its files that is.
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
    # A picture never changes; who may see it is asked again after a day.
    "Cache-Control": "private, max-age=86400, immutable",
}


async def list_screenshots(ctx: RequestContext) -> web.StreamResponse:
    """All screenshots of a world, the newest first."""
    size, filters = await read_time_range(ctx)
    return await _page(ctx, size, ScreenshotQuery(world_in_path(ctx).id, **filters))


async def list_user_screenshots(ctx: RequestContext) -> web.StreamResponse:
    """Those that one user has put there; `self` is whoever calls."""
    size, filters = await read_time_range(ctx)
    world = world_in_path(ctx).id
    return await _page(ctx, size, ScreenshotQuery(world, user_in_path(ctx).id, **filters))


async def read_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """One screenshot."""
    return json_response(render_screenshot(ctx, await screenshot_in_path(ctx)))


async def upload_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """Put a picture there: the field `file` of a form, or the body itself; 201, once it and its versions are kept."""
    world = world_in_path(ctx).id
    try:
        ctx.raw = await read_upload(ctx.request, ctx.app.service(ImageStore).max_bytes)
    except web.HTTPUnsupportedMediaType:
        return json_response({"errors": UNSUPPORTED_UPLOAD}, 415)
    # Once it is here it is hung, whether or not the client waits: no file is left to nobody.
    screenshot = await asyncio.shield(_store_screenshot(ctx, world))
    return json_response(render_screenshot(ctx, screenshot), 201)


async def remove_screenshot(ctx: RequestContext) -> web.StreamResponse:
    """Take a screenshot down and remove its files; for who put it there, and for admins."""
    # Whether or not the client waits: no file is left of what is shown no more.
    await asyncio.shield(_delete_screenshot(ctx))
    return no_content()


async def read_image(ctx: RequestContext) -> web.StreamResponse:
    """The picture itself, small or blurred, for who has a token or the pass of its address."""
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
    """A user; or nobody, who then needs a pass."""
    return user(ctx) if "Authorization" in ctx.request.headers else ANONYMOUS


async def screenshot_in_path(ctx: RequestContext) -> Screenshot:
    """The screenshot that the path names by its key, if it is one of the world that the path names."""
    world = world_in_path(ctx)
    id = opaque_keys(ctx).id(SCREENSHOT, ctx.path["screenshot"])
    screenshot = await ctx.core.history.screenshot(id) if id != -1 else None
    if screenshot is None or screenshot.world != world.id:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return screenshot


def render_screenshot(ctx: RequestContext, screenshot: Screenshot) -> JsonObject:
    """A screenshot; its addresses need no token, and hold for a day at least."""
    keys = opaque_keys(ctx)
    server, key = keys.of(SERVER, screenshot.world), keys.of(SCREENSHOT, screenshot.id)
    owner = ctx.core.query(find_account, id=screenshot.account)
    token = ctx.app.service(ImageStore).sign(screenshot.code)
    address = f"{ctx.origin}{SERVERS}/{server}/screenshots/{key}"
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
    """Keep the picture of a request, and hang it; of a request that comes again, what it made the first time."""
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
    screenshot.check_can_delete(ctx.caller.get_account())
    await ctx.core.execute(delete_screenshot, screenshot=screenshot)
    await ctx.app.service(ImageStore).delete(screenshot.code)


async def _page(ctx: RequestContext, size: int, query: ScreenshotQuery) -> web.StreamResponse:
    head = ctx.core.feed.head
    return render_list(
        "screenshots",
        await ctx.core.history.screenshots(query, size + 1),
        size,
        lambda screenshot: render_screenshot(ctx, screenshot),
        lambda screenshot: (screenshot.created, screenshot.id),
        head,
    )


ROUTES = (
    Route("GET", SCREENSHOTS, list_screenshots, auth=user),
    Route("POST", SCREENSHOTS, upload_screenshot, auth=user),
    Route("GET", SCREENSHOT_PATH, read_screenshot, auth=user),
    Route("DELETE", SCREENSHOT_PATH, remove_screenshot, auth=user),
    Route("GET", SCREENSHOT_PATH + "/{kind}", read_image, auth=viewer),
    Route("GET", SERVER_PATH + "/users/{user}/screenshots", list_user_screenshots, auth=user),
)
