"""Screenshots: pictures of worlds, put there and taken down by those who made them (document, after 2.3.10)."""

import asyncio

from aiohttp import web

from coalserver.apis.coal.auth import account_of, user
from coalserver.apis.coal.pagination import asked_by_time, listed
from coalserver.apis.coal.render import JSON, keys_of, moment
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import SERVERS, world_in_path
from coalserver.apis.coal.users import user_in_path
from coalserver.core.commands.screenshots import hang_screenshot, take_down_screenshot
from coalserver.core.ports import Screenshots
from coalserver.core.queries.accounts import account_numbered
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.history import Screenshot
from coalserver.media.images import NoPicture, Pictures
from coalserver.security.opaque_keys import SCREENSHOT, SERVER, USER
from coalserver.web.api import NOBODY, Call, Caller, Route
from coalserver.web.body import malformed
from coalserver.web.idempotency import do_once
from coalserver.web.responses import document, nothing
from coalserver.web.uploads import uploaded

SCREENSHOTS = SERVER_PATH + "/screenshots"
ONE = SCREENSHOTS + "/{screenshot}"
#: The last part of a picture's address -> which of its files that is.
KINDS = {"original": "original", "thumbnail": "small", "blurred": "blurred"}
NO_PICTURE = {
    "kind": "This is not a picture in PNG, JPEG or WebP.",
    "damaged": "The picture is damaged.",
    "pixels": "The picture has too many pixels.",
}
NO_UPLOAD = "The body must be a picture, or a multipart form with the field file."
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A picture never changes; who may see it is asked again after a day.
    "Cache-Control": "private, max-age=86400, immutable",
}


async def list_screenshots(call: Call) -> web.StreamResponse:
    """All screenshots of a world, the newest first."""
    size, which = await asked_by_time(call)
    return await _page(call, size, Screenshots(world_in_path(call).id, **which))


async def list_user_screenshots(call: Call) -> web.StreamResponse:
    """Those that one user has put there; `self` is whoever calls."""
    size, which = await asked_by_time(call)
    world = world_in_path(call).id
    return await _page(call, size, Screenshots(world, user_in_path(call).id, **which))


async def read_screenshot(call: Call) -> web.StreamResponse:
    """One screenshot."""
    return document(screenshot_document(call, await screenshot_in_path(call)))


async def upload_screenshot(call: Call) -> web.StreamResponse:
    """Put a picture there: the field `file` of a form, or the body itself; 201, once it and its versions are kept."""
    world = world_in_path(call).id
    try:
        call.raw = await uploaded(call.request, call.web.service(Pictures).most)
    except web.HTTPUnsupportedMediaType:
        return document({"errors": NO_UPLOAD}, 415)
    # Once it is here it is hung, whether or not the client waits: no file is left to nobody.
    screenshot = await asyncio.shield(_hung(call, world))
    return document(screenshot_document(call, screenshot), 201)


async def remove_screenshot(call: Call) -> web.StreamResponse:
    """Take a screenshot down and remove its files; for who put it there, and for admins."""
    # Whether or not the client waits: no file is left of what is shown no more.
    await asyncio.shield(_taken_down(call))
    return nothing()


async def show_picture(call: Call) -> web.StreamResponse:
    """The picture itself, small or blurred, for who has a token or the pass of its address."""
    screenshot = await screenshot_in_path(call)
    pictures = call.web.service(Pictures)
    if call.caller is NOBODY and not pictures.lets_in(screenshot.code, call.query.get("pass", "")):
        raise Refusal(Why.BAD_TOKEN)
    found = pictures.file(screenshot.code, KINDS.get(call.path["kind"], ""))
    if found is None:
        raise Refusal(Why.OTHER_NOT_FOUND)
    path, media = found
    return web.FileResponse(path, headers={**SAFE, "Content-Type": media})


def viewer(call: Call) -> Caller:
    """A user; or nobody, who then needs a pass."""
    return user(call) if "Authorization" in call.request.headers else NOBODY


async def screenshot_in_path(call: Call) -> Screenshot:
    """The screenshot that the path names by its key, if it is one of the world that the path names."""
    world = world_in_path(call)
    id = keys_of(call).id(SCREENSHOT, call.path["screenshot"])
    screenshot = await call.core.history.screenshot(id) if id != -1 else None
    if screenshot is None or screenshot.world != world.id:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return screenshot


def screenshot_document(call: Call, screenshot: Screenshot) -> JSON:
    """A screenshot; its addresses need no token, and hold for a day at least."""
    keys = keys_of(call)
    server, key = keys.of(SERVER, screenshot.world), keys.of(SCREENSHOT, screenshot.id)
    owner = call.core.see(account_numbered, id=screenshot.account)
    word = call.web.service(Pictures).pass_for(screenshot.code)
    address = f"{call.origin}{SERVERS}/{server}/screenshots/{key}"
    return {
        "key": key,
        "server_key": server,
        "user_key": keys.of(USER, owner.id) if owner else None,
        "random_id": screenshot.chance,
        "original_url": f"{address}/original?pass={word}",
        "blurred_url": f"{address}/blurred?pass={word}" if screenshot.blurred else None,
        "created": moment(screenshot.created),
        "updated": moment(screenshot.updated),
    }


async def _hung(call: Call, world: int) -> Screenshot:
    """Keep the picture of a request, and hang it; of a request that comes again, what it made the first time."""
    pictures = call.web.service(Pictures)
    try:
        picture = await pictures.taken(call.raw)
    except NoPicture as none:
        raise malformed(NO_PICTURE[none.why]) from None
    try:
        id = await do_once(
            call,
            hang_screenshot,
            world_id=world,
            account=call.caller.account,
            blurred=True,
            **picture._asdict(),
        )
    except Refusal:
        await pictures.remove(picture.code)
        raise
    screenshot = await call.core.history.screenshot(id)
    if screenshot is None or screenshot.code != picture.code:
        await pictures.remove(picture.code)
    if screenshot is None:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return screenshot


async def _taken_down(call: Call) -> None:
    screenshot = await screenshot_in_path(call)
    screenshot.only_for(account_of(call))
    await call.core.do(take_down_screenshot, screenshot=screenshot)
    await call.web.service(Pictures).remove(screenshot.code)


async def _page(call: Call, size: int, wanted: Screenshots) -> web.StreamResponse:
    head = call.core.feed.head
    return listed(
        "screenshots",
        await call.core.history.screenshots(wanted, size + 1),
        size,
        lambda screenshot: screenshot_document(call, screenshot),
        lambda screenshot: (screenshot.created, screenshot.id),
        head,
    )


ROUTES = (
    Route("GET", SCREENSHOTS, list_screenshots, who=user),
    Route("POST", SCREENSHOTS, upload_screenshot, who=user),
    Route("GET", ONE, read_screenshot, who=user),
    Route("DELETE", ONE, remove_screenshot, who=user),
    Route("GET", ONE + "/{kind}", show_picture, who=viewer),
    Route("GET", SERVER_PATH + "/users/{user}/screenshots", list_user_screenshots, who=user),
)
