"""The composition root: configuration -> store -> core -> services -> dialects. Imports everything."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import web

from coalserver import apis, site
from coalserver.apis.hosts.auth import HostsApiSettings
from coalserver.config import Config
from coalserver.config.schema import settings
from coalserver.config.sources import as_strings
from coalserver.core.engine import Core
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.media.images import ImageStore
from coalserver.security.opaque_keys import OpaqueKeys
from coalserver.security.passwords import PasswordService
from coalserver.server.admin import DAY
from coalserver.server.restore_request import RestoreRequest
from coalserver.services.housekeeping import RetentionPolicy
from coalserver.site.admin.system import SystemService
from coalserver.site.auth import SignupPolicy
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, OperatorError
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.api import Api
from coalserver.web.context import AppContext
from coalserver.web.pages import pages
from coalserver.web.routing import mount


def build_app_context(
    config: Config,
    home: DataDirectory,
    restore_request: RestoreRequest,
    core: Core,
    store: SqliteStore,
) -> AppContext:
    """What dialects share, as the configuration wants it."""
    return AppContext(
        core,
        poll_seconds=config.poll_seconds,
        body_limit=config.body_limit,
        base_url=config.base_url,
        trusted_proxies=config.trusted_proxies,
        services={
            Config: config,
            PasswordService: PasswordService(),
            ImageStore: ImageStore(
                home.screenshots,
                home.load_key("pictures"),
                config.screenshot_limit,
                core.context.clock,
            ),
            OpaqueKeys: OpaqueKeys(home.load_key("coal")),
            HostsApiSettings: hosts_api_settings(config),
            SignupPolicy: SignupPolicy(open=config.open_signup),
            SystemService: build_system_service(config, home, restore_request, store),
        },
    )


def build_system_service(
    config: Config, home: DataDirectory, restore_request: RestoreRequest, store: SqliteStore
) -> SystemService:
    """What the pages of admins show of the machine, and how they have a backup made and put back."""
    defaults, current = as_strings(Config()), as_strings(config)

    async def make(file: Path) -> None:
        try:
            await backup.backup(home, store, file)
        except OperatorError as error:
            refuse(error)

    def look(file: Path) -> Mapping[str, Any]:
        try:
            return backup.read_manifest(file)
        except OperatorError as error:
            refuse(error)

    async def restore(file: Path, by: int, name: str, may: Callable[[], object]) -> None:
        try:
            await restore_request.submit(file, by, name, may)
        except OperatorError as error:
            refuse(error)

    def refuse(error: OperatorError) -> NoReturn:
        if isinstance(error, backup.InvalidBackup):
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={f"backup_{error.code}": [str(error)]}
            ) from error
        raise OSError(str(error)) from error

    rows = tuple(
        (
            field.name,
            field.meta.help,
            current[field.name],
            current[field.name] == defaults[field.name],
        )
        for field in settings(Config)
    )
    folder, max_bytes = home.path / "backups", config.backup_limit
    return SystemService(
        *(
            rows,
            str(home.path),
            folder,
            make,
            home.temp_directory,
            max_bytes,
            look,
            restore,
            restore_request.error,
        )
    )


def hosts_api_settings(config: Config) -> HostsApiSettings:
    return HostsApiSettings(game=config.hosts_game, strict=config.hosts_login == "strict")


def all_apis() -> list[Api]:
    """Return the APIs, by name, and the site."""
    return [*apis.all_apis(), site.API]


def build_application(app_context: AppContext) -> web.Application:
    """The aiohttp application with every dialect mounted."""
    app = web.Application(client_max_size=app_context.body_limit)
    pages.setup_pages(app)
    mount(app, app_context, all_apis())

    async def close_feed(app: web.Application) -> None:
        # Who waits for events would otherwise hold up the end.
        app_context.core.feed.close()

    async def close_services(app: web.Application) -> None:
        for service in app_context.services.values():
            if isinstance(service, PasswordService | ImageStore):
                service.close()

    app.on_shutdown.append(close_feed)
    app.on_cleanup.append(close_services)
    return app


def retention_policy(config: Config) -> RetentionPolicy:
    return RetentionPolicy(
        away_after=config.away_after,
        closed_seconds=config.closed_kept,
        idle_room_seconds=config.idle_room_days * DAY,
        event_seconds=config.event_days * DAY,
        min_event_count=config.event_count,
    )
