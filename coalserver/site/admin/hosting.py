"""Admin pages of hosting as a whole: "Configure", and the stop of all worlds (hosting.md, sections 3, 11 and 12)."""

from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import get_settings, worlds_not_at_rest
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import AT_REST
from coalserver.domain.minecraft.hosting.settings import (
    SETTING_NAMES,
    SettingBounds,
    SettingError,
    shown_settings,
)
from coalserver.domain.minecraft.hosting.transitions import Order
from coalserver.domain.minecraft.property_values import property_text
from coalserver.site.access import require_admin, require_member, world_path
from coalserver.site.admin.layout import get, post, render_admin_page
from coalserver.site.admin.world_list import WORLD_LIST, world_list_path
from coalserver.site.admin.worlds import requested_world
from coalserver.site.worlds.hosted import refusal_sentence, requested_run
from coalserver.site.worlds.world import give_order
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import Checkbox, FormSchema, RawText, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_, request_language

CONFIGURE_PATH, STOP_PATH = "/admin/instance/configure", "/admin/instance/stop"
SUCCESS_MESSAGES = {"saved": ("configure", N_("Saved."))}
#: Label of each setting, and what its values mean.
TEXTS = {
    "budget": (
        N_("Memory for all worlds together"),
        N_("MiB, at most {budget}. A world needs its own memory and 400 MiB."),
    ),
    "ports": (N_("Ports"), N_("The first and the last, from {first} to {last}.")),
    "public_address": (
        N_("Public address"),
        N_("Host name or IP address that players type. Empty: found by the server."),
    ),
    "cpu_weight": (
        N_("Share of the processor"),
        N_("1 to 10000; other programs have 100."),
    ),
    "backup_depth": (
        N_("Saved games to keep"),
        N_("Of each world, besides the newest and the pinned ones; 1 to 1000."),
    ),
    "save_at": (N_("Time of the nightly saved games"), N_("Hours and minutes, such as 04:30.")),
    "save_zone": (N_("Time zone of that time"), N_("Such as Europe/Berlin.")),
    "save_on_pause": (N_("Save a world when it is stopped"), N_("If a player was there.")),
    "stop_warning": (
        N_("Warning before a stop"),
        N_("Seconds between the warning to players and the stop. 0: no warning."),
    ),
    "disk_free": (
        N_("Disk space to keep free"),
        N_(
            "MiB. With less, nothing is started, fetched or saved; with half of it, worlds are stopped."
        ),
    ),
    "world_limit": (N_("Largest size of a world"), N_("MiB. A larger world is reported.")),
    "ticks": (N_("Measure ticks"), N_("Asks each world every minute, from Minecraft 1.20.3.")),
    "kill_hung": (
        N_("End worlds that no longer answer"),
        N_("What was not saved is lost. The worlds start again."),
    ),
}
#: Groups of settings on the page: id, title and names.
GROUPS = (
    (
        "next",
        N_("From a world’s next start"),
        ("budget", "ports", "public_address", "cpu_weight"),
    ),
    ("saves", N_("Saved games"), ("backup_depth", "save_at", "save_zone", "save_on_pause")),
    ("limits", N_("Limits"), ("stop_warning", "disk_free", "world_limit", "ticks", "kill_hung")),
)
SWITCHES = ("save_on_pause", "ticks", "kill_hung")
#: Worlds that the page names before all are stopped.
MAX_RUNNING = 50
#: Prefix of the fields that hold what the page showed: only what was changed is changed.
SHOWN = "shown_"
MAX_LENGTH = 300

ConfigureSchema = FormSchema.from_dict(
    {
        **{name: Checkbox() if name in SWITCHES else RawText(MAX_LENGTH) for name in SETTING_NAMES},
        **{SHOWN + name: RawText(MAX_LENGTH) for name in SETTING_NAMES},
    }
)


class StopSchema(FormSchema):
    """How all worlds are stopped."""

    how = RawText(20)


CONFIGURE, STOP = cast(FormSchema, ConfigureSchema()), StopSchema()


async def render_configure(
    ctx: RequestContext, refused: Mapping[str, SettingError] | None = None, **overrides: Any
) -> web.StreamResponse:
    """Return the page of the settings. `refused` has the errors of fields by their names."""
    bounds = await ctx.app.service(Hosting).bounds()
    values = shown_settings(ctx.core.query(get_settings), bounds)
    shown = {name: property_text(value) for name, value in values.items()}
    refused, typed = refused or {}, dict(shown)
    if refused or overrides.get("errors"):
        shown = {name: ctx.body.get(SHOWN + name, text) for name, text in shown.items()}
        typed = {name: ctx.body.get(name, text) for name, text in typed.items()}
        typed |= {name: "yes" if typed[name] else "no" for name in SWITCHES}
    context = {
        "groups": [
            (id, title, [_field(ctx, name, typed[name], bounds, refused) for name in names])
            for id, title, names in GROUPS
        ],
        "shown": {SHOWN + name: text for name, text in shown.items()},
        "enabled": ctx.app.service(Hosting).enabled,
    }
    return render_admin_page(ctx, "configure", context, success=SUCCESS_MESSAGES, **overrides)


def _field(
    ctx: RequestContext,
    name: str,
    value: str,
    bounds: SettingBounds,
    refused: Mapping[str, SettingError],
) -> dict[str, Any]:
    translate = request_language(ctx.request).gettext
    label, note = TEXTS[name]
    values, error = SettingError(name, bounds).values, ""
    if name in refused:
        error = translate(refused[name].template).format(**values)
    return {
        "name": name,
        "label": translate(label),
        "note": translate(note).format(**values),
        "value": value,
        "is_switch": name in SWITCHES,
        "is_number": name in ("budget", "cpu_weight", "backup_depth", "stop_warning", "disk_free", "world_limit"),
        "error": error,
    }  # fmt: skip


async def configure_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the settings of hosting."""
    return await render_configure(ctx)


async def configure(ctx: RequestContext) -> web.StreamResponse:
    """Change the settings that were changed on the page. If one is rejected, none is changed."""
    form = await load_form(ctx, CONFIGURE)
    texts = {
        name: property_text(form[name]) if name in SWITCHES else form[name].strip()
        for name in SETTING_NAMES
    }
    changed = {name: text for name, text in texts.items() if text != form[SHOWN + name]}
    if changed:
        try:
            await ctx.app.service(Hosting).configure(changed, ctx.caller.account_id)
        except DomainError as error:
            if "settings" not in error.details:
                raise
            ctx.app.count_refusal(error)
            refused = {one.name: one for one in error.details["settings"]}
            sentence = request_language(ctx.request).gettext(
                N_("Nothing was saved. Check the marked fields.")
            )
            errors = {"configure": sentence}
            return await render_configure(ctx, refused, status=400, errors=errors)
    return redirect(f"{CONFIGURE_PATH}?done=saved")


def render_stop(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """Return the page that asks how all worlds are to be stopped."""
    running, count = ctx.core.query(worlds_not_at_rest, limit=MAX_RUNNING)
    context = {"running": running, "running_count": count}
    return render_admin_page(ctx, "instance_stop", context, active_page="servers", **overrides)


async def stop_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask before all worlds are stopped."""
    return render_stop(ctx)


async def stop_all(ctx: RequestContext) -> web.StreamResponse:
    """Stop all hosted worlds: `how` is `pause`, by which they save first, or `kill`."""
    form = await load_form(ctx, STOP)
    order = Order.KILL if form["how"] == str(Order.KILL) else Order.PAUSE
    await ctx.app.service(Hosting).stop_all(order, ctx.caller.account_id)
    return redirect("/admin/servers?done=stopping")


def order_handler(order: Order) -> Handler:
    """Return the handler that gives an order at the path that the document prescribes for it."""

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        await read_csrf_form(ctx)
        world = requested_world(ctx)
        return await give_order(ctx, world, ctx.caller.get_account(), order)

    return handler


def question_handler(order: Order) -> Handler:
    """Return the handler that leads to the page which asks before an order is given."""

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        return redirect(f"{world_path(requested_world(ctx))}/{order}")

    return handler


class DeleteSchema(FormSchema):
    """Whether a world is really to be deleted."""

    sure = Checkbox()


DELETE = DeleteSchema()


def render_delete(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """Return the page that asks before a world is deleted."""
    world = requested_run(ctx).world
    context = {"world": world, "at_rest": world.status in AT_REST}
    return render_admin_page(ctx, "world_delete", context, active_page="servers", **overrides)


async def delete_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a hosted world is deleted with its files."""
    return render_delete(ctx)


async def delete_world(ctx: RequestContext) -> web.StreamResponse:
    """Delete a hosted world at rest, its files and its saved games."""
    form, world = await load_form(ctx, DELETE), requested_world(ctx)
    translate = request_language(ctx.request).gettext
    if not form["sure"]:
        return render_delete(
            ctx, status=400, errors={"delete": translate(N_("Tick the box to confirm."))}
        )
    try:
        await ctx.app.service(Hosting).delete_world(world.id, ctx.caller.account_id)
    except DomainError as error:
        if error.code is not ErrorCode.ORDER_REFUSED:
            raise
        ctx.app.count_refusal(error)
        sentence = refusal_sentence(error.details["refusal"], request_language(ctx.request))
        return render_delete(ctx, status=400, errors={"delete": sentence})
    return redirect(world_list_path(ctx, world, done="deleted"))


WORLD_PATH = "/admin/servers/{world}"
ROUTES = (
    get(WORLD_PATH + "/delete", delete_page, *WORLD_LIST),
    post(WORLD_PATH + "/delete", delete_world, render_delete, "delete", WORLD_LIST),
    get(CONFIGURE_PATH, configure_page),
    post(CONFIGURE_PATH, configure, render_configure, "configure"),
    get(STOP_PATH, stop_page),
    post(STOP_PATH, stop_all, render_stop, "stop"),
    Route(
        "POST",
        WORLD_PATH + "/start",
        order_handler(Order.PLAY),
        auth=require_member,
        reads_body=True,
    ),
    get(WORLD_PATH + "/stop", question_handler(Order.PAUSE)),
    Route(
        "POST",
        WORLD_PATH + "/stop",
        order_handler(Order.PAUSE),
        auth=require_admin,
        reads_body=True,
    ),
    get(WORLD_PATH + "/restart", question_handler(Order.RESTART)),
    Route(
        "POST",
        WORLD_PATH + "/restart",
        order_handler(Order.RESTART),
        auth=require_admin,
        reads_body=True,
    ),
)
