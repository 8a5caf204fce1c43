"""Options of hosting: what the configuration says, as the supervisor of worlds needs it."""

from dataclasses import dataclass
from pathlib import Path

from coalserver.domain.minecraft.hosting.version import Version


@dataclass(frozen=True, slots=True)
class HostingOptions:
    """What the configuration says about hosted worlds. Times are in seconds, memory in MiB."""

    folder: Path
    enabled: bool = True
    #: Whether the folder is in the data directory, where other users may not pass.
    is_within_data: bool = True
    #: Versions that the configuration defines.
    versions: tuple[Version, ...] = ()
    #: Memory of all worlds together; 0: a share of the machine's.
    memory: int = 0
    first_port: int = 25565
    last_port: int = 25575
    #: Address on which worlds listen; empty: all.
    bind: str = ""
    #: User as whom worlds run; empty: as coalserver does.
    user: str = ""
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
