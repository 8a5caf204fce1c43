"""To whom something is sent, as bodies say it."""

from coalserver.apis.multiplayer.schemas import Params, invalid_request
from coalserver.domain.play.actions import Target


def parse_targets(params: Params, default: Target | None = None) -> tuple[Target, tuple[int, ...]]:
    """Which members are meant, and with `specific` who."""
    name = params.text("target_players").lower()
    if not name and default is not None:
        return default, ()
    if not name:
        raise invalid_request("target_players")
    if name not in tuple(Target):
        raise invalid_request("unknown_target")
    target = Target(name)
    if target is not Target.SPECIFIC:
        return target, ()
    player_ids = params.ids("target_players_ids")
    if player_ids is None:
        raise invalid_request("target_players_ids")
    if not player_ids:
        raise invalid_request("bad_target_ids")
    return target, tuple(player_ids)
