"""Admin pages that create and edit hosted worlds (hosting.md, 5 and 12).

Only what an admin has changed on the page is changed: the page carries the values that it has shown, and a value that
another admin has changed since is refused at its field.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from marshmallow import ValidationError

from coalserver.core.commands.hosted_worlds import (
    OTHER_NAMES,
    create_hosted_world,
    edit_hosted_world,
)
from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosted_worlds import editable_values, obsolete_in_world
from coalserver.core.queries.hosting import all_versions, get_run, get_settings
from coalserver.core.queries.worlds import count_online, get_world, queued_commands
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import WITH_PROCESS, pending_properties
from coalserver.domain.minecraft.hosting.properties_file import FURTHER
from coalserver.domain.minecraft.property_values import parse_property, property_text
from coalserver.domain.minecraft.server_properties import (
    EULA,
    PROPERTIES,
    VERSION,
    BooleanProperty,
    IntegerProperty,
    PropertyValue,
    effective_properties,
)
from coalserver.domain.minecraft.slugs import slugify_short_name
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import one_line
from coalserver.site.access import require_admin, world_path
from coalserver.site.admin.backups import format_size
from coalserver.site.admin.layout import (
    PageRenderer,
    SuccessMessages,
    get,
    render_admin_page,
    render_form_error,
)
from coalserver.site.admin.property_fields import field_messages, shown_groups
from coalserver.site.admin.world_list import WORLD_LIST, world_list_path
from coalserver.site.errors import with_errors_shown
from coalserver.site.worlds.hosted import requested_run
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import check_csrf, read_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.schemas import Name, Text

#: The texts of all fields, and the values that the page has shown, may be long.
MAX_FORM_BYTES = 2**21
#: What a new world has on the page unless the admin chooses otherwise: Minecraft needs more than the API's default.
SUGGESTED_MEMORY = "1G"
#: Fields without which no world is created, with the problem of one that is empty.
REQUIRED = {VERSION: "no_version", "memory": "invalid_value", "idle_timeout": "invalid_value"}
NAME, SHORT_NAME = Name(low=1, high=100), Text(high=60)
CHECKBOXES = frozenset(
    name for name, kind in PROPERTIES.items() if isinstance(kind, BooleanProperty)
) | {"public", "members_may_start", "wake_on_connect"}
_LINE_END = re.compile(r"\r\n|\r|\n")

Typed = Mapping[str, str]
Values = dict[str, PropertyValue]


async def load_typed(ctx: RequestContext) -> dict[str, str]:
    """Return the fields of the form as they were typed. Raises INVALID_TOKEN without a valid CSRF token."""
    pairs = await read_form(ctx.request, MAX_FORM_BYTES)
    ctx.body = typed = dict(pairs)
    check_csrf(ctx, pairs)
    return typed


def _read_value(name: str, typed: Typed) -> PropertyValue:
    """Return the value of a field. Raises INVALID_REQUEST or ValidationError."""
    if name in CHECKBOXES:
        return bool(typed.get(name))
    if name == "name":
        return NAME.deserialize(typed[name])
    if name == "short_name":
        return slugify_short_name(SHORT_NAME.deserialize(typed[name]))
    return parse_property(name, typed[name])


def read_changes(typed: Typed, shown: Mapping[str, PropertyValue]) -> Values:
    """Return the values that differ from those that the page has shown.

    A field that the form lacks is unchanged; only checkboxes are absent when they are not ticked. Raises
    INVALID_REQUEST with all wrong fields.
    """
    changes: Values = {}
    wrong: dict[str, list[str]] = {}
    for name in (*OTHER_NAMES, *PROPERTIES):
        if name not in typed and name not in CHECKBOXES:
            continue
        if name not in CHECKBOXES and typed[name] == property_text(shown.get(name)):
            continue
        try:
            value = _read_value(name, typed)
        except ValidationError:
            wrong[name] = ["invalid_value"]
        except DomainError as error:
            wrong |= error.details["fields"]
        else:
            if value != shown.get(name):
                changes[name] = value
    if wrong:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=wrong)
    return changes


def read_further(text: str) -> dict[str, str]:
    """Return keys and values of lines `key=value`; blank lines and those that begin with # are ignored.

    Raises INVALID_REQUEST with the first wrong line.
    """
    further: dict[str, str] = {}
    for line in _LINE_END.split(text):
        key, equals, value = (part.strip() for part in one_line(line).partition("="))
        if key.startswith("#") or not (key or equals):
            continue
        problem = "no_value" if not equals else "twice" if key in further else ""
        if problem:
            raise DomainError(ErrorCode.INVALID_REQUEST, fields={FURTHER + key: [problem]})
        further[key] = value
    return further


def read_shown(typed: Typed, current: Mapping[str, PropertyValue]) -> Values:
    """Return the values that the page has shown; a form without them counts as one of this moment."""
    try:
        document = orjson.loads(typed.get("shown", ""))
    except ValueError:
        return dict(current)
    if not isinstance(document, dict):
        return dict(current)
    return {
        name: value
        for name, value in document.items()
        if value is None or isinstance(value, str | int)
    }


def texts_of(values: Mapping[str, PropertyValue], typed: Typed | None = None) -> dict[str, str]:
    """Return the text of each field: as it was typed, else that of its value."""
    texts = {name: property_text(value) for name, value in values.items()}
    if typed is None:
        return texts
    ticked = {name: property_text(bool(typed.get(name))) for name in CHECKBOXES}
    return {**texts, **{name: typed[name] for name in texts if name in typed}, **ticked}


def _further_text(values: Mapping[str, PropertyValue]) -> str:
    lines = (
        f"{name.removeprefix(FURTHER)}={value}"
        for name, value in values.items()
        if name.startswith(FURTHER)
    )
    return "\n".join(lines)


# The page that creates a world


def render_create_hosted(
    ctx: RequestContext,
    errors: Mapping[str, str] | None = None,
    field_errors: Mapping[str, str] | None = None,
    **overrides: Any,
) -> web.StreamResponse:
    """Return the page that creates a hosted world."""
    language = request_language(ctx.request)
    usernames = ctx.caller.get_account().usernames
    values: Values = {
        **effective_properties(b"{}"),
        **{"name": "", "short_name": "", "memory": SUGGESTED_MEMORY},
        "operator": usernames[0] if usernames else "",
    }
    versions = [version.name for version in ctx.core.query(all_versions)]
    if len(versions) == 1:
        values[VERSION] = versions[0]
    texts = texts_of(values, ctx.body if errors else None)
    context = {
        "hosting_on": ctx.app.service(Hosting).enabled,
        "versions": versions,
        "texts": texts,
        "field_errors": field_errors or {},
        "groups": shown_groups(
            language,
            texts=texts,
            errors=field_errors or {},
            versions=versions,
            required=frozenset(REQUIRED),
        ),
    }
    return render_admin_page(
        ctx, "server_create_gce", context, active_page="servers", errors=errors, **overrides
    )


async def create_hosted_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for the names and settings of a new hosted world."""
    return render_create_hosted(ctx)


async def create_hosted(ctx: RequestContext) -> web.StreamResponse:
    """Create a hosted world. Its page then offers to start it."""
    typed = await load_typed(ctx)
    changes = read_new(typed)
    name, short_name = str(changes.pop("name")), str(changes.pop("short_name", ""))
    world = await ctx.core.execute(
        create_hosted_world,
        actor=ctx.caller.account_id,
        name=name,
        short_name=short_name,
        changes=changes,
    )
    return redirect(world_path(world))


def read_new(typed: Typed) -> Values:
    """Return the values of a new world that are not the defaults, and all required ones.

    An integer that is left empty has its default. Raises INVALID_REQUEST with all wrong fields.
    """
    typed = {"name": "", **typed}
    for name, kind in PROPERTIES.items():
        optional = name not in REQUIRED and isinstance(kind, IntegerProperty)
        if optional and not typed.get(name, "").strip():
            typed.pop(name, None)
    wrong = {
        name: [problem] for name, problem in REQUIRED.items() if not typed.get(name, "").strip()
    }
    typed = {name: text for name, text in typed.items() if name not in wrong}
    if not typed.get(EULA):
        wrong[EULA] = ["no_eula"]
    values: Values = {}
    try:
        values = read_changes(
            typed,
            {**effective_properties(b"{}"), "members_may_start": False, "wake_on_connect": False},
        )
    except DomainError as error:
        wrong |= error.details["fields"]
    if not typed["name"].strip():
        wrong["name"] = ["invalid_value"]
    if wrong:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=wrong)
    # The page asks for none of them.
    for name in ("public", "members_may_start", "wake_on_connect"):
        values.pop(name, None)
    return values


# The page that edits a world


def render_hosted_world(
    ctx: RequestContext,
    world: World,
    *,
    errors: Mapping[str, str] | None = None,
    field_errors: Mapping[str, str] | None = None,
    success: SuccessMessages | None = None,
    **overrides: Any,
) -> web.StreamResponse:
    """Return the page of a hosted world, in which the forms that were refused keep what was typed."""
    language = request_language(ctx.request)
    field_errors = field_errors or {}
    current = ctx.core.query(editable_values, world_id=world.id)
    typed: Typed = ctx.body if errors and ctx.body else {}
    refused = {GCE_PATH: "settings", GCE_PATH + "/further": "further"}.get(ctx.route.path, "")
    refused = refused if typed else ""
    shown = read_shown(typed, current)
    # A second attempt replaces what was changed meanwhile, since the page now shows it.
    overtaken = [
        name for name in current.keys() | shown.keys() if shown.get(name) != current.get(name)
    ]
    if refused and field_errors:
        shown |= {name: current.get(name) for name in overtaken if _is_marked(name, field_errors)}
    texts = texts_of(
        shown if refused == "settings" else current, typed if refused == "settings" else None
    )
    run = ctx.core.query(get_run, world_id=world.id)
    excess = ctx.app.service(Hosting).figures(world.id).excess
    settings_shown = shown if refused == "settings" else current
    further_shown = shown if refused == "further" else current
    context = {
        "world": world,
        "list_path": world_list_path(ctx, world),
        "address": world_path(world),
        "online": ctx.core.query(count_online, world=world.id),
        "queued": ctx.core.query(queued_commands, world=world.id),
        "eula": run.hosted.eula,
        "pending": pending_properties(run.world, run.hosted),
        "excess": None if excess is None else format_size(excess, language),
        "limit": format_size(ctx.core.query(get_settings).world_limit << 20, language),
        "has_process": world.status in WITH_PROCESS,
        "texts": texts,
        "field_errors": field_errors,
        "groups": shown_groups(
            language,
            texts=texts,
            errors=field_errors,
            versions=[version.name for version in ctx.core.query(all_versions)],
            obsolete=ctx.core.query(obsolete_in_world, world_id=world.id),
        ),
        "shown": _dump(settings_shown, further=False),
        "further": typed.get("further", "") if refused == "further" else _further_text(current),
        "further_shown": _dump(further_shown, further=True),
    }
    return render_admin_page(
        ctx,
        "server_gce",
        context,
        active_page="servers",
        errors=errors,
        success=success or SAVED,
        **overrides,
    )


SAVED: SuccessMessages = {
    "saved": ("settings", N_("Saved.")),
    "further": ("further-settings", N_("Saved.")),
    "told": (
        "console",
        N_(
            "Command sent. It is delivered while the world is running, and otherwise waits for its"
            " next start."
        ),
    ),
}


def _is_marked(name: str, field_errors: Mapping[str, str]) -> bool:
    return name in field_errors or (name.startswith(FURTHER) and "further" in field_errors)


def _dump(values: Mapping[str, PropertyValue], *, further: bool) -> str:
    """Return the values that a form shows, as the form carries them."""
    return json.dumps(
        {name: value for name, value in values.items() if name.startswith(FURTHER) is further},
        separators=(",", ":"),
    )


async def hosted_world_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the settings of a hosted world; a connected world has a page of its own."""
    world = ctx.core.query(get_world, id=ctx.int_param("world"))
    if not world.hosted:
        return redirect(f"/admin/servers/{world.id}")
    return render_hosted_world(ctx, world)


async def save_hosted_world(ctx: RequestContext) -> web.StreamResponse:
    """Change what is different from what the page has shown. If one change is rejected, none is made."""
    typed = await load_typed(ctx)
    world = requested_run(ctx).world
    shown = read_shown(typed, ctx.core.query(editable_values, world_id=world.id))
    return await _edit(ctx, world, read_changes(typed, shown), shown, "saved#settings")


async def save_further(ctx: RequestContext) -> web.StreamResponse:
    """Add, change and remove further lines of server.properties."""
    typed = await load_typed(ctx)
    world = requested_run(ctx).world
    shown = read_shown(typed, ctx.core.query(editable_values, world_id=world.id))
    shown = {name: value for name, value in shown.items() if name.startswith(FURTHER)}
    further = read_further(typed.get("further", ""))
    lines: Values = {FURTHER + key: value for key, value in further.items()}
    removed: Values = dict.fromkeys(shown.keys() - lines.keys())
    changes = {name: value for name, value in lines.items() if shown.get(name) != value}
    # What the page has not shown must not be there.
    expected: Values = dict.fromkeys(changes) | shown
    return await _edit(ctx, world, removed | changes, expected, "further#further-settings")


async def _edit(
    ctx: RequestContext, world: World, changes: Values, expected: Values, done: str
) -> web.StreamResponse:
    params: dict[str, Any] = {"changes": changes, "expected": expected}
    await ctx.core.execute(
        edit_hosted_world, actor=ctx.caller.account_id, world_id=world.id, **params
    )
    return redirect(f"/admin/servers/{world.id}/gce?done={done}")


def render_requested(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """Return the page of the hosted world that the path names."""
    return render_hosted_world(ctx, requested_run(ctx).world, **overrides)


def _post(path: str, handler: Handler, render: PageRenderer, section: str) -> Route:
    """Return the route of a form whose errors are shown beside their fields, the others in a section."""
    form_handler = with_errors_shown(handler, partial(_render_error, render, section))
    return Route("POST", path, form_handler, auth=require_admin, reads_body=True)


async def _render_error(
    render: PageRenderer, section: str, error: DomainError, ctx: RequestContext
) -> web.StreamResponse:
    language = request_language(ctx.request)
    current: Values = {}
    if "world" in ctx.path and error.code is ErrorCode.INVALID_REQUEST:
        current = ctx.core.query(editable_values, world_id=ctx.int_param("world"))
    messages = field_messages(error, language, current)
    if messages:
        render = partial(render, field_errors=messages)
        error = DomainError(ErrorCode.INVALID_REQUEST, fields={"marked_fields": []})
    return await render_form_error(render, section, error, ctx, WORLD_LIST)


CREATE_PATH = "/admin/server_create_gce"
GCE_PATH = "/admin/servers/{world}/gce"
ROUTES: Sequence[Route] = (
    get(CREATE_PATH, create_hosted_page),
    _post(CREATE_PATH, create_hosted, render_create_hosted, "world"),
    get(GCE_PATH, hosted_world_page),
    _post(GCE_PATH, save_hosted_world, render_requested, "settings"),
    _post(GCE_PATH + "/further", save_further, render_requested, "further-settings"),
)
