"""The options of world hosting, out of the configuration."""

from pathlib import Path

from coalserver.config import Config
from coalserver.config.schema import VersionSection
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.options import HostingOptions
from coalserver.storage.data_directory import DataDirectory


def hosting_options(
    config: Config, home: DataDirectory, *, log_settings: Path = Path()
) -> HostingOptions:
    """Return the options of world hosting. `log_settings`: folder of the log settings for old versions."""
    folder = Path(config.hosting_folder).expanduser() if config.hosting_folder else home.hosting
    first, _, last = config.hosting_ports.partition("-")
    return HostingOptions(
        folder=folder.absolute(),
        enabled=config.hosting,
        is_within_data=folder.resolve().is_relative_to(home.path.resolve()),
        versions=tuple(_configured_version(section) for section in config.versions),
        memory=config.hosting_memory,
        first_port=int(first),
        last_port=int(last),
        bind=config.hosting_bind,
        user=config.hosting_user,
        base_url=config.base_url,
        host=config.host,
        start_seconds=config.hosting_start_seconds,
        stop_seconds=config.hosting_stop_seconds,
        term_seconds=config.hosting_term_seconds,
        crash_wait=config.hosting_crash_wait,
        leave=config.hosting_leave,
        jar_limit=config.hosting_jar_limit,
        private_urls=config.hosting_private_urls,
        manifests=config.hosting_manifests,
        java=config.hosting_java,
        java_home=config.java_home,
        log_settings=log_settings,
    )


def _configured_version(section: VersionSection) -> Version:
    return Version(
        0,
        section.name,
        VersionKind.COMMAND,
        0.0,
        command=section.command,
        ready=section.ready,
        stop=section.stop,
        no_slash=section.no_slash,
        no_save=section.no_save,
        no_eula=section.no_eula,
        configured=True,
    )
