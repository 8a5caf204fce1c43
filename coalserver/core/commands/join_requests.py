"""Join request commands: ask the host of a lobby to be let in, and answer."""

from coalserver.core import topics
from coalserver.core.commands.finding import may_play, the_game, the_lobby, the_player
from coalserver.core.commands.lobbies import seat_in_lobby
from coalserver.core.commands.members import free_for_lobby
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import JoinRequest
from coalserver.domain.play.lobby import Lobby, Phase
from coalserver.domain.play.lobby_events import JoinAnswered, JoinAsked


def ask_to_join(
    unit: Unit, *, lobby_id: int, player: int, password: str = "", data: bytes = b"null"
) -> JoinRequest:
    """Ask to be let in. What would keep the player out anyway is refused now."""
    lobby = the_lobby(unit, lobby_id)
    newcomer = the_player(unit, player)
    may_play(unit, the_game(unit, lobby.game), newcomer)
    free_for_lobby(unit, newcomer)
    if unit.one(JoinRequest, "pending", (lobby_id, player)) is not None:
        raise Refusal(Why.REQUEST_PENDING)
    lobby.may_ask(player, unit.sealed(password))
    id = unit.new_id(JoinRequest)
    request = JoinRequest(id, unit.new_code(), lobby_id, player, unit.now, data)
    asked = JoinAsked(lobby.game, lobby_id, player, newcomer.name, request.code)
    unit.say(asked, topics.lobby(lobby_id))
    return unit.put(request)


def withdraw_requests(unit: Unit, *, player: int, game: str = "") -> None:
    """Reject what a player has asked, in one game or in all: there is nobody left to be let in."""
    for request in unit.find(JoinRequest, "player", player):
        lobby = the_lobby(unit, request.lobby)
        if game in ("", lobby.game):
            _say_answered(unit, lobby, unit.put(request.reject(unit.now)))


def answer_join(unit: Unit, *, code: str, by: int, approve: bool) -> JoinRequest:
    """The host lets a player in, who then has a seat, or does not.

    An approval that cannot seat the player is refused for that reason; the request stays pending.
    """
    request = unit.one(JoinRequest, "code", code)
    if request is None:
        raise Refusal(Why.REQUEST_NOT_FOUND)
    answered = request.answer(by, approve, unit.now)
    lobby = the_lobby(unit, request.lobby)
    if lobby.phase is Phase.GONE:
        raise Refusal(Why.LOBBY_GONE)
    lobby.roster.only_host(by)
    lobby.still_open()
    if approve:
        seat_in_lobby(unit, lobby, request.player, approved=True, data=request.data)
    _say_answered(unit, lobby, answered)
    return unit.put(answered)


def _say_answered(unit: Unit, lobby: Lobby, request: JoinRequest) -> None:
    said = JoinAnswered(lobby.game, lobby.id, request.player, request.code, bool(request.approved))
    unit.say(said, topics.lobby(lobby.id), topics.player(request.player))
