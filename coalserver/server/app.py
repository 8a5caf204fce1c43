"""The composition root: builds the services and the aiohttp application from a configuration."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from coalserver import apis, site
from coalserver.apis.hosts.auth import HostsApiSettings
from coalserver.apis.ops.metrics import MetricsSettings
from coalserver.config import Config
from coalserver.config.schema import ConfigError, settings
from coalserver.config.sources import as_strings
from coalserver.core.engine import Core
from coalserver.core.hosting import Hosting
from coalserver.core.steps import complete_in_turns
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.hosting.service import WorldHosting
from coalserver.media.images import ImageStore
from coalserver.security.opaque_keys import OpaqueKeys
from coalserver.security.passwords import PasswordService
from coalserver.server.admin import DAY
from coalserver.server.hosting_options import hosting_options
from coalserver.server.restore_request import RestoreRequest
from coalserver.server.world_backups import check_worlds_at_rest
from coalserver.services.housekeeping import RetentionPolicy
from coalserver.site.admin.backups import BackupService
from coalserver.site.admin.system import SystemService
from coalserver.site.auth import SignupPolicy
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, OperatorError
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.api import Api
from coalserver.web.base_path import BASE_PATH
from coalserver.web.context import AppContext
from coalserver.web.pages import pages
from coalserver.web.routing import first_segments, mount
from coalserver.web.slow_bodies import SlowBodies
from coalserver.web.streaming.write_queue import WriteQueue
from coalserver.web.throttling import Rate, UseLimit, UseLimiter


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
        use_limiter=use_limiter(config),
        services={
            Config: config,
            PasswordService: PasswordService(queue_full=_password_queue_full),
            ImageStore: ImageStore(
                home.screenshots,
                home.load_key("pictures"),
                config.screenshot_limit,
                core.context.clock,
            ),
            OpaqueKeys: OpaqueKeys(home.load_key("coal")),
            HostsApiSettings: hosts_api_settings(config),
            MetricsSettings: MetricsSettings(config.metrics_token),
            SignupPolicy: SignupPolicy(open=config.open_signup),
            SystemService: build_system_service(config),
            BackupService: build_backup_service(config, home, restore_request, store, core),
            Hosting: WorldHosting(
                core, hosting_options(config, home, log_settings=pages.assets("static") / "mc")
            ),
        },
    )


def use_limiter(config: Config) -> UseLimiter:
    """Return the limits of use."""
    rates = {
        UseLimit.CHAT: Rate(config.chat_per_second, burst=config.chat_burst),
        UseLimit.MESSAGES: Rate(config.messages_per_second, burst=config.messages_burst),
        UseLimit.GUESTS: Rate.hourly(config.guests_per_hour),
        UseLimit.ROOMS: Rate.hourly(config.rooms_per_hour),
        UseLimit.PLAYERS: Rate.hourly(config.players_per_hour),
        UseLimit.HOSTS: Rate.hourly(config.hosts_per_hour),
        UseLimit.ACCOUNTS: Rate.hourly(config.accounts_per_hour),
        UseLimit.OAUTH_CLIENTS: Rate.hourly(config.oauth_clients_per_hour),
    }
    return UseLimiter(rates, config.limits_exempt)


def _password_queue_full() -> DomainError:
    return DomainError(ErrorCode.RATE_LIMITED, retry_after=2)


def build_system_service(config: Config) -> SystemService:
    """Return what admin pages show of the settings."""
    defaults, current = as_strings(Config()), as_strings(config)
    return SystemService(
        settings=tuple(
            (
                field.name,
                field.meta.help,
                current[field.name],
                current[field.name] == defaults[field.name],
            )
            for field in settings(Config)
        )
    )


def build_backup_service(
    config: Config,
    home: DataDirectory,
    restore_request: RestoreRequest,
    store: SqliteStore,
    core: Core,
) -> BackupService:
    """Return the service with which admin pages create and restore backups."""

    async def create(file: Path) -> None:
        with _operator_errors_translated():
            await backup.backup(home, store, file)

    def read_manifest(file: Path) -> Mapping[str, Any]:
        with _operator_errors_translated():
            return backup.read_manifest(file)

    async def restore(file: Path, admin: int, name: str, check: Callable[[], object]) -> None:
        with _operator_errors_translated():
            manifest = await asyncio.to_thread(backup.read_manifest, file)

            def check_all() -> None:
                check()
                if backup.restored_worlds(manifest):
                    core.query(check_worlds_at_rest)

            check_all()
            await restore_request.submit(file, admin, name, check_all)

    return BackupService(
        data_directory=str(home.path),
        backup_directory=home.backups,
        create_backup=create,
        temp_directory=home.temp_directory,
        max_upload_bytes=config.backup_limit,
        read_manifest=read_manifest,
        restore=restore,
        restore_error=restore_request.error,
    )


@contextmanager
def _operator_errors_translated() -> Iterator[None]:
    """Raise INVALID_REQUEST instead of InvalidBackup, and OSError instead of any other OperatorError."""
    try:
        yield
    except backup.InvalidBackup as error:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={f"backup_{error.code}": [str(error)]}
        ) from error
    except OperatorError as error:
        raise OSError(str(error)) from error


def hosts_api_settings(config: Config) -> HostsApiSettings:
    """Return the settings of the hosts API."""
    return HostsApiSettings(game=config.hosts_game, strict=config.hosts_login == "strict")


def all_apis() -> list[Api]:
    """Return the APIs, by name, and the site."""
    return [*apis.all_apis(), site.API]


def check_base_path(config: Config) -> None:
    """Raise ConfigError if the path of `base_url` begins like a path of this server.

    It would be unknown whether a proxy has removed it from a request.
    """
    segment = urlsplit(config.base_url).path.strip("/").partition("/")[0]
    if segment in first_segments(all_apis()) | {"static"}:
        raise ConfigError(
            f"The path of base_url must not begin with /{segment}, which this server uses itself;"
            " choose another one, such as /coal."
        )


async def close_feed(app_context: AppContext) -> None:
    """Tell all clients that wait for events of the end of the feed, in turns; return when they are told.

    The server closes connections next, also those whose polls are not answered.
    """
    await complete_in_turns(app_context.core.feed.close_in_steps())
    await app_context.per_process(WriteQueue).finish()


def build_application(app_context: AppContext) -> web.Application:
    """Return the aiohttp application with all APIs and the site mounted."""
    app = web.Application(client_max_size=app_context.body_limit)
    app[BASE_PATH] = app_context.base_path
    pages.setup_pages(app, app_context.core.context.clock, app_context.base_path)
    mount(app, app_context, all_apis())

    async def end_waits(app: web.Application) -> None:
        # Requests that wait for events would delay the shutdown until they time out.
        await close_feed(app_context)
        app_context.per_process(SlowBodies).stopping = True

    async def close_services(app: web.Application) -> None:
        for service in app_context.services.values():
            if isinstance(service, PasswordService | ImageStore):
                service.close()

    app.on_shutdown.append(end_waits)
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
