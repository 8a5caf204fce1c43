"""Settings of hosting that administrators change while the server runs ("Configure")."""

from dataclasses import dataclass

#: Id of the only HostingSettings.
SETTINGS_ID = 1


@dataclass(frozen=True, slots=True)
class HostingSettings:
    """The settings of all hosted worlds, within the bounds of the configuration.

    The first four apply from a world's next start.
    """

    id: int = SETTINGS_ID
    #: Memory in MiB for all worlds together; 0: that of the configuration.
    budget: int = 0
    #: Ports for worlds, `first-last`; empty: those of the configuration.
    ports: str = ""
    #: Host of the worlds' addresses; empty: found by the server.
    public_address: str = ""
    cpu_weight: int = 100
    #: Unpinned saved games that are kept for each world, besides the newest.
    backup_depth: int = 10
    #: Time of the nightly saved games, `HH:MM`, and its zone.
    save_at: str = "00:00"
    save_zone: str = "UTC"
    save_on_pause: bool = True
    #: Seconds between the warning to players and the stop; 0: no warning.
    stop_warning: int = 10
    #: MiB that stay free on the disk.
    disk_free: int = 1024
    #: Largest size of a world, in MiB.
    world_limit: int = 10 * 1024
    #: Whether the ticks are asked for each minute.
    ticks: bool = False
    #: Whether a world that does not answer is killed.
    kill_hung: bool = False
