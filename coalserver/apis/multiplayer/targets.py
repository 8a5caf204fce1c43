"""To whom something is sent, as bodies say it."""

from coalserver.apis.multiplayer.schemas import Said, missing
from coalserver.domain.play.actions import Target


def targets(said: Said, default: Target | None = None) -> tuple[Target, tuple[int, ...]]:
    """Which members are meant, and with `specific` who."""
    wanted = said.text("target_players").lower()
    if not wanted and default is not None:
        return default, ()
    if not wanted:
        raise missing("target_players")
    if wanted not in tuple(Target):
        raise missing("unknown_target")
    target = Target(wanted)
    if target is not Target.SPECIFIC:
        return target, ()
    named = said.ids("target_players_ids")
    if named is None:
        raise missing("target_players_ids")
    if not named:
        raise missing("bad_target_ids")
    return target, tuple(named)
