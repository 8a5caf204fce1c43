"""Options of hosting: what the configuration says, as the supervisor of worlds needs it."""

import os
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from coalserver.core.engine import Core
from coalserver.domain.minecraft.hosting.version import Version
from coalserver.hosting.cgroups import CgroupPlaces
from coalserver.hosting.keeper_client import PROGRAM_PATH
from coalserver.hosting.versions.addresses import AddressRules
from coalserver.hosting.versions.catalog import VersionCatalog
from coalserver.hosting.versions.fetch import Fetcher, FetchLimits
from coalserver.hosting.versions.jars import JarStore
from coalserver.hosting.versions.java import JavaFinder, JavaPlaces
from coalserver.hosting.versions.lists import VersionLists

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class HostingOptions:
    """What the configuration says about hosted worlds. Times are in seconds, memory in MiB."""

    folder: Path
    enabled: bool = True
    #: Whether the folder is in the data directory, where other users may not pass.
    is_within_data: bool = True
    #: Versions that the configuration defines.
    versions: tuple[Version, ...] = ()
    #: Limit of a jar in MiB, private networks from which it may be fetched, and lists of versions.
    jar_limit: int = 512
    private_urls: tuple[Network, ...] = ()
    manifests: tuple[str, ...] = ()
    #: Where Java is searched first, JAVA_HOME of coalserver, and the folder of log settings.
    java: str = ""
    java_home: str = ""
    log_settings: Path = Path()
    #: Memory of all worlds together; 0: a share of the machine's.
    memory: int = 0
    first_port: int = 25565
    last_port: int = 25575
    #: Address on which worlds listen; empty: all.
    bind: str = ""
    #: User as whom worlds run; empty: as coalserver does.
    user: str = ""
    #: Where cgroups are found.
    cgroups: CgroupPlaces = field(default_factory=CgroupPlaces)
    #: Public URL and listening address of coalserver, for the address of worlds.
    base_url: str = ""
    host: str = ""
    start_seconds: float = 600
    stop_seconds: float = 120
    term_seconds: float = 15
    crash_wait: float = 5
    #: Worlds go on when coalserver stops.
    leave: bool = False
    #: A world waits so long for its turn while another one starts.
    turn_seconds: float = 60
    #: Without an answer for so long a running world counts as hung; it is asked this often.
    hang_seconds: float = 300
    ask_seconds: float = 30
    #: Chat for a world that does not run is kept so long.
    chat_seconds: float = 300
    #: While a world waits or runs, it is looked at this often without news.
    look_seconds: float = 10


def build_catalog(core: Core, options: HostingOptions) -> VersionCatalog:
    """Return what prepares versions, as the options have it."""
    fetcher = Fetcher(
        AddressRules(options.private_urls), FetchLimits(jar_bytes=options.jar_limit << 20)
    )
    path = os.pathsep.join(os.get_exec_path())
    places = JavaPlaces(
        configured=options.java, java_home=options.java_home, path=path, home=Path.home()
    )
    return VersionCatalog(
        core,
        JarStore(options.folder / "versions"),
        fetcher,
        VersionLists(fetcher, options.manifests),
        JavaFinder(places),
        log_settings=options.log_settings,
        program_path=PROGRAM_PATH,
    )
