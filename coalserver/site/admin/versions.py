"""Admin pages of versions, the programs that hosted worlds run (hosting.md, sections 4 and 12)."""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from coalserver.core.hosting import Hosting, ShownVersion
from coalserver.core.queries.hosting import find_versions, get_version
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.version import (
    FETCHED_KINDS,
    NAME,
    UNUSABLE,
    Version,
    VersionKind,
)
from coalserver.site.access import require_admin
from coalserver.site.admin.backups import format_size
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.errors import HTTP_ERRORS
from coalserver.site.pagination import MAX_SEARCH_LENGTH, SEARCH, kept_query, paginate
from coalserver.site.worlds.hosted import refusal_sentence
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import (
    FormSchema,
    Pairs,
    RawText,
    check_csrf,
    load_form,
    read_csrf_form,
)
from coalserver.web.pages.i18n import N_, Language, request_language
from coalserver.web.uploads import MULTIPART, missing_file, save_upload

log = logging.getLogger(__name__)

PATH = "/admin/versions"
#: Seconds between refreshes while a version is fetched.
LIVE_SECONDS = 2
#: Longest input that is shown again; what is valid is shorter.
MAX_INPUT_LENGTH = 4000
#: Hexadecimal digits of a SHA-1; a SHA-256 has 64.
SHA1_DIGITS = 40
#: Versions of a list that the page offers; others can be typed.
MAX_LISTED = 300
#: Above this number of versions the page has a search.
MAX_WITHOUT_SEARCH = 9
#: Worlds that the page names of those that use a version.
MAX_USERS = 8
#: Lists with their names, which are those of projects.
LISTS = {VersionKind.MOJANG: "Mojang", VersionKind.PAPER: "Paper", VersionKind.FABRIC: "Fabric"}
KIND_LABELS = {
    **LISTS,
    VersionKind.URL: N_("Address"),
    VersionKind.JAR: N_("Uploaded"),
    VersionKind.COMMAND: N_("Command"),
}
SUCCESS_MESSAGES = {
    "added": ("versions", N_("Version added")),
    "fetching": ("versions", N_("The version is being fetched.")),
    "removed": ("versions", N_("Version removed")),
}
#: Fields of the forms by those of the error, where the names differ.
FORM_FIELDS = {"sha1": "hash", "sha256": "hash"}
#: By field of an error.
FIELD_MESSAGES = {
    "version": N_("A name has 1 to 60 characters: A-Z, a-z, 0-9, spaces and . _ + -"),
    "url": N_("Enter an address of up to 2000 characters."),
    "hash": N_("Enter a SHA-1 (40 digits) or a SHA-256 (64 digits)."),
    "file": N_("Choose a file."),
}
NAME_TAKEN = N_("There is a version {version} already.")
#: Reasons of hosting that people meet often, as sentences. All others are shown as they are.
REASONS = (
    (re.compile(r"Error \((?P<status>\d+)\) fetching URL"), N_("Error ({status}) fetching URL")),
    (
        re.compile(r"the list of (?P<list>\w+) has no version (?P<version>.+)"),
        N_("The list of {list} has no version {version}."),
    ),
    (re.compile(r"Minecraft (?P<version>.+) has no server"), N_("Minecraft {version} has no server.")),
    (re.compile(r"the address (?P<host>\S+) is not public"), N_("The address {host} is not public.")),
    (re.compile(r"the host (?P<host>\S+) was not found"), N_("The host {host} was not found.")),
    (re.compile(r"no connection to (?P<host>\S+)"), N_("There is no connection to {host}.")),
    (re.compile(r"the address is not a valid URL"), N_("This is not a valid address.")),
    (re.compile(r"it is not a jar, or it is damaged"), N_("This file is not a jar, or it is damaged.")),
    (re.compile(r"it has no main class"), N_("This jar is not a program: it has no main class.")),
)  # fmt: skip


class VersionSchema(FormSchema):
    """A version from a list or with an address; fields have the names of hosting.md or of the form."""

    version = RawText(high=MAX_INPUT_LENGTH)
    url = RawText(high=MAX_INPUT_LENGTH)
    hash = RawText(high=MAX_INPUT_LENGTH)
    #: A list; empty for an address.
    list = RawText(high=MAX_INPUT_LENGTH, data_key="from")


VERSION = VersionSchema()


def version_path(name: str) -> str:
    """Return the beginning of the addresses of a version."""
    return f"{PATH}/{quote(name, safe='')}"


def list_query(ctx: RequestContext, **added: str) -> str:
    """Return the query of the list of versions from which the address was reached."""
    return kept_query(ctx, texts=(SEARCH,), **added)


async def render_versions(
    ctx: RequestContext, *, listed: tuple[str, ...] = (), **overrides: Any
) -> web.StreamResponse:
    """Return the page of versions. `listed` are names that are offered for the chosen list.

    `errors` are by form (`list`, `url` or `jar`) or by field, such as `url-version`; others are those of the page.
    """
    language, hosting = request_language(ctx.request), ctx.app.service(Hosting)
    query = ctx.query.get(SEARCH, "").strip()[:MAX_SEARCH_LENGTH]
    versions, pagination = paginate(
        ctx, PATH, find_versions, filters={SEARCH: query}, fragment="versions", text=query
    )
    shown = [hosting.shown_version(version, MAX_USERS) for version in versions]
    chosen = (ctx.body or {}).get("from") or ctx.query.get("from", "")
    context = {
        "rows": [(one, _describe(one, language)) for one in shown],
        "pagination": pagination,
        "has_search": pagination.total > MAX_WITHOUT_SEARCH or query,
        "query": query,
        "enabled": hosting.enabled,
        "live_seconds": LIVE_SECONDS if any(one.percent is not None for one in shown) else 0,
        "path_of": version_path,
        "kind_labels": KIND_LABELS,
        "lists": [(str(kind), label) for kind, label in LISTS.items()],
        "chosen": chosen if chosen in LISTS else str(VersionKind.MOJANG),
        "listed": listed,
        "submitted": next(iter(overrides.get("errors") or {}), "").partition("-")[0],
        "max_size": format_size(hosting.jar_limit, language),
    }
    return render_admin_page(ctx, "versions", context, success=SUCCESS_MESSAGES, **overrides)


async def render_rejected_form(
    ctx: RequestContext, *, errors: dict[str, str], **overrides: Any
) -> web.StreamResponse:
    """Return the page of versions with an error above the form that was sent."""
    (message,) = errors.values()
    return await render_versions(ctx, errors={_sent_form(ctx): message}, **overrides)


async def versions_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the versions; with `from` the versions of a list can be chosen."""
    kind = ctx.query.get("from", "")
    if kind not in LISTS:
        return await render_versions(ctx)
    hosting = ctx.app.service(Hosting)
    try:
        ids = await hosting.listed_versions(VersionKind(kind))
    except DomainError as error:
        messages = _error_messages(error, "list", request_language(ctx.request))
        return await render_versions(ctx, errors=messages)
    # The names of other servers tell them from Mojang's.
    prefix = "" if kind == VersionKind.MOJANG else f"{kind}-"
    names = (f"{prefix}{id}" for id in ids)
    return await render_versions(ctx, listed=tuple(filter(NAME.fullmatch, names))[:MAX_LISTED])


async def add_version(ctx: RequestContext) -> web.StreamResponse:
    """Add a version from a list or with an address. No page can define a command."""
    try:
        version = _read_version(ctx, await load_form(ctx, VERSION))
        await ctx.app.service(Hosting).add_version(version, ctx.caller.account_id)
    except DomainError as error:
        return await _reject(ctx, error)
    return redirect(f"{PATH}?done=added")


def _read_version(ctx: RequestContext, form: dict[str, str]) -> Version:
    if _sent_form(ctx) == "list":
        if form["list"] not in LISTS:
            raise DomainError(ErrorCode.INVALID_REQUEST, fields={"body": ["list"]})
        return Version(0, form["version"], VersionKind(form["list"]), 0.0)
    digits = form["hash"].strip()
    hashes = (digits, "") if len(digits) == SHA1_DIGITS else ("", digits)
    return Version(0, form["version"], VersionKind.URL, 0.0, form["url"].strip(), *hashes)


async def upload_version(ctx: RequestContext) -> web.StreamResponse:
    """Add a version with the jar `file` of a multipart form, whose field `version` comes before it."""
    hosting = ctx.app.service(Hosting)
    try:
        if ctx.request.content_type != MULTIPART:
            await read_csrf_form(ctx)
            raise missing_file()

        def check_form(pairs: Pairs) -> None:
            ctx.body = {"version": dict(pairs).get("version", "")[:MAX_INPUT_LENGTH]}
            check_csrf(ctx, pairs)
            hosting.check_version_name(ctx.body["version"])

        path = await hosting.version_upload_path()
        try:
            await save_upload(ctx.request, hosting.jar_limit, check_form, path)
            # The upload can take minutes, in which the account can lose its rights.
            ctx.caller = require_admin(ctx)
            version = Version(0, ctx.body["version"], VersionKind.JAR, 0.0)
            await hosting.add_version_jar(version, path, ctx.caller.account_id)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
    except DomainError as error:
        return await _reject(ctx, error)
    except web.HTTPRequestEntityTooLarge:
        message = request_language(ctx.request).gettext(HTTP_ERRORS[413])
        return await render_versions(ctx, status=413, errors={"jar-file": message})
    except OSError as error:
        log.warning("A version could not be uploaded: %s", error)
        message = error.strerror or str(error)
        return await render_versions(ctx, status=503, errors={"jar-file": message})
    return redirect(f"{PATH}?done=added")


async def fetch_version(ctx: RequestContext) -> web.StreamResponse:
    """Begin to fetch the jar of a version; the page shows how far it is."""
    await read_csrf_form(ctx)
    hosting = ctx.app.service(Hosting)
    await hosting.fetch_version(ctx.path["version"], ctx.caller.account_id)
    return redirect(PATH + list_query(ctx, done="fetching"))


async def confirm_remove(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a version is removed. Raises VERSION_IN_USE and VERSION_CONFIGURED."""
    version = ctx.core.query(get_version, name=ctx.path["version"])
    shown = ctx.app.service(Hosting).shown_version(version)
    if version.configured:
        raise DomainError(ErrorCode.VERSION_CONFIGURED, version=version.name)
    if shown.users:
        raise DomainError(ErrorCode.VERSION_IN_USE, world=shown.users[0])
    language = request_language(ctx.request)
    return confirm_page(
        ctx,
        title=N_("Remove version"),
        texts=[
            N_(
                "Version <bdi>%(name)s</bdi> and its file are deleted. Worlds can no longer choose it."
            )
        ],
        values={"name": version.name},
        button=N_("Remove"),
        back_label=language.gettext(N_("Versions")),
        back_path=PATH,
        place=list_query(ctx),
        active_page="versions",
        section="remove",
        action=f"{version_path(version.name)}/remove",
    )


async def remove_version(ctx: RequestContext) -> web.StreamResponse:
    """Remove a version that no world uses, and its jar."""
    await read_csrf_form(ctx)
    hosting = ctx.app.service(Hosting)
    await hosting.remove_version(ctx.path["version"], ctx.caller.account_id)
    return redirect(PATH + list_query(ctx, done="removed"))


def _sent_form(ctx: RequestContext) -> str:
    """Return the form of the page that was sent: `list`, `url` or `jar`."""
    if ctx.route.path.endswith("/upload"):
        return "jar"
    body = ctx.body or {}
    return "list" if body.get("from") and not body.get("url", "").strip() else "url"


async def _reject(ctx: RequestContext, error: DomainError) -> web.StreamResponse:
    """Return the page with errors beside their fields. Raises errors that belong to no field."""
    messages = _error_messages(error, _sent_form(ctx), request_language(ctx.request))
    if not messages:
        raise error
    ctx.app.count_refusal(error)
    return await render_versions(ctx, status=400, errors=messages)


def _error_messages(error: DomainError, form: str, language: Language) -> dict[str, str]:
    """Return the messages of an error by form or field; none for an error that belongs to the page."""
    if error.code is ErrorCode.ORDER_REFUSED:
        return {form: refusal_sentence(error.details["refusal"], language)}
    if error.code is ErrorCode.VERSION_EXISTS:
        return {f"{form}-version": language.gettext(NAME_TAKEN).format(**error.details)}
    if error.code is not ErrorCode.INVALID_REQUEST:
        return {}
    messages = {}
    for name, problems in error.details.get("fields", {}).items():
        field = FORM_FIELDS.get(name, name)
        if UNUSABLE in problems:
            messages[f"{form}-{field}"] = _reason(error.details["text"], language)
        elif field in FIELD_MESSAGES:
            messages[f"{form}-{field}"] = language.gettext(FIELD_MESSAGES[field])
    return messages


def _reason(reason: str, language: Language) -> str:
    """Return a reason of hosting for people."""
    for pattern, message in REASONS:
        if found := pattern.fullmatch(reason):
            return language.gettext(message).format(**found.groupdict())
    return f"{reason[:1].upper()}{reason[1:]}"


def _describe(shown: ShownVersion, language: Language) -> dict[str, Any]:
    """Return the texts of a row, and whether its jar can be fetched."""
    version = shown.version
    facts = []
    if version.minecraft:
        facts.append(f"Minecraft {version.minecraft}")
    if version.java_version:
        facts.append(f"Java {version.java_version}")
    if version.size:
        facts.append(format_size(version.size, language))
    is_fetched = version.kind not in FETCHED_KINDS or bool(version.jar)
    return {
        "facts": facts,
        "is_fetched": is_fetched,
        "can_fetch": not is_fetched and shown.percent is None,
        "failure": _reason(shown.failure, language) if shown.failure else "",
    }


ROUTES = (
    get(PATH, versions_page),
    post(PATH, add_version, render_rejected_form, "form"),
    post(PATH + "/upload", upload_version, render_rejected_form, "form"),
    post(PATH + "/{version}/fetch", fetch_version, render_versions, "versions"),
    get(PATH + "/{version}/remove", confirm_remove, render_versions, "versions"),
    post(PATH + "/{version}/remove", remove_version, render_versions, "versions"),
)
