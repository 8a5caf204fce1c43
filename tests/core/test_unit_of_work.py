"""BufferedRandom: random bytes of any length, never repeated. UnitOfWork: it counts what it has changed."""

from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.commands.members import leave
from coalserver.core.unit_of_work import BufferedRandom, UnitOfWork
from coalserver.domain.play.lobby import Lobby


def test_random_bytes_have_the_requested_length():
    rng = BufferedRandom()
    assert [len(rng.randbytes(size)) for size in (0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000)] == [
        0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000,
    ]  # fmt: skip


def test_random_bytes_never_repeat():
    rng = BufferedRandom()
    assert len({rng.randbytes(16) for _ in range(1000)}) == 1000


async def test_count_includes_changes_of_the_unit(core):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    uow = UnitOfWork(core.state, core.context, core.now)
    assert [uow.count_under(Lobby, "member", player) for player in (1, 2)] == [1, 0]
    join_lobby(uow, lobby_id=1, player_id=2)
    open_lobby(uow, game="free", player_id=1, name="second")
    assert [uow.count_under(Lobby, "member", player) for player in (1, 2)] == [2, 1]
    leave(uow, kind=Lobby, id=1, player_id=2)
    assert [uow.count_under(Lobby, "member", player) for player in (1, 2)] == [2, 0]
