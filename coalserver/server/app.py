"""The composition root: builds the services and the aiohttp application from a configuration."""

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
    """Return what all APIs and the site share: the core, limits and services."""
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
    """Return the service with which administrators see settings and create and restore backups.

    Its functions raise INVALID_REQUEST for a file that is not a valid backup, and OSError for
    every other failure.
    """
    defaults, current = as_strings(Config()), as_strings(config)

    async def create_backup(file: Path) -> None:
        try:
            await backup.backup(home, store, file)
        except OperatorError as error:
            raise_error(error)

    def read_manifest(file: Path) -> Mapping[str, Any]:
        try:
            return backup.read_manifest(file)
        except OperatorError as error:
            raise_error(error)

    async def restore(file: Path, account_id: int, name: str, check: Callable[[], object]) -> None:
        try:
            await restore_request.submit(file, account_id, name, check)
        except OperatorError as error:
            raise_error(error)

    def raise_error(error: OperatorError) -> NoReturn:
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
    return SystemService(
        settings=rows,
        data_directory=str(home.path),
        backup_directory=home.path / "backups",
        create_backup=create_backup,
        temp_directory=home.temp_directory,
        max_upload_bytes=config.backup_limit,
        read_manifest=read_manifest,
        restore=restore,
        restore_error=restore_request.error,
    )


def hosts_api_settings(config: Config) -> HostsApiSettings:
    """Return the settings of the hosts API."""
    return HostsApiSettings(game=config.hosts_game, strict=config.hosts_login == "strict")


def all_apis() -> list[Api]:
    """Return the APIs, by name, and the site."""
    return [*apis.all_apis(), site.API]


def build_application(app_context: AppContext) -> web.Application:
    """Return the aiohttp application with all APIs and the site mounted."""
    app = web.Application(client_max_size=app_context.body_limit)
    pages.setup_pages(app)
    mount(app, app_context, all_apis())

    async def close_feed(app: web.Application) -> None:
        # Requests that wait for events would delay the shutdown until they time out.
        app_context.core.feed.close()

    async def close_services(app: web.Application) -> None:
        for service in app_context.services.values():
            if isinstance(service, PasswordService | ImageStore):
                service.close()

    app.on_shutdown.append(close_feed)
    app.on_cleanup.append(close_services)
    return app


def retention_policy(config: Config) -> RetentionPolicy:
    """Return how long housekeeping keeps ended and unused values."""
    return RetentionPolicy(
        away_after=config.away_after,
        closed_seconds=config.closed_kept,
        idle_room_seconds=config.idle_room_days * DAY,
        event_seconds=config.event_days * DAY,
        min_event_count=config.event_count,
    )
