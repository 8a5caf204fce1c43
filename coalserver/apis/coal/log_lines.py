"""Lines of a world's log: the one way all lists of them are asked for, paged and shown (document, 2.3.7 to 2.3.10)."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import Searched, in_history, listed
from coalserver.apis.coal.params import Loose, asked
from coalserver.apis.coal.players import ONE as PLAYER_PATH
from coalserver.apis.coal.players import player_in_path
from coalserver.apis.coal.render import JSON, keys_of, moment, names_of
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import world_in_path
from coalserver.core.engine import Core
from coalserver.core.ports import About, Lines
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.history import LogLine
from coalserver.security.opaque_keys import LINE, Keys
from coalserver.web.api import Call, Route
from coalserver.web.responses import document
from coalserver.web.schemas import Form


class Tagged(Searched):
    """A list of lines of any kind."""

    tag = Loose()


@dataclass(frozen=True, slots=True)
class LineList:
    """One of the lists that a log is shown as."""

    #: Also the last part of its path.
    name: str
    about: About
    #: What its lines have besides what all lines have.
    told: Callable[[LogLine], JSON]
    shape: type[Form] = Searched

    def holds(self, line: LogLine) -> bool:
        return self.about is About.LINE or self.about.value in line.tags

    def document(self, core: Core, keys: Keys, line: LogLine) -> JSON:
        """A line as this list shows it; whose it is may change after it was written."""
        return {
            "key": keys.of(LINE, line.id),
            **names_of(core, keys, line.world, line.username),
            "timestamp": moment(line.at, line.zone),
            "line": line.line,
            **self.told(line),
            "created": moment(line.created),
            "updated": moment(line.created),
        }

    @property
    def routes(self) -> tuple[Route, ...]:
        path = f"{SERVER_PATH}/{self.name}"
        return (
            Route("GET", path, self.list_all, who=user),
            Route("GET", path + "/{line}", self.read_one, who=user),
            Route("GET", f"{PLAYER_PATH}/{self.name}", self.list_of_player, who=user),
        )

    async def list_all(self, call: Call) -> web.StreamResponse:
        """The lines of a world, newest first."""
        said = await asked(call, self.shape())
        after = in_history(said["cursor"])
        wanted = Lines(world_in_path(call).id, self.about, **_which(said), after=after)
        return await self._page(call, said["size"], wanted)

    async def list_of_player(self, call: Call) -> web.StreamResponse:
        """The lines of one player in a world, newest first."""
        said = await asked(call, self.shape())
        after = in_history(said["cursor"])
        visitor = player_in_path(call)
        which = _which(said) | {"username": visitor.name}
        return await self._page(
            call, said["size"], Lines(visitor.world, self.about, **which, after=after)
        )

    async def read_one(self, call: Call) -> web.StreamResponse:
        """One line, if it is one of this list's and of this world's."""
        world = world_in_path(call)
        id = keys_of(call).id(LINE, call.path["line"])
        line = await call.core.history.line(id) if id != -1 else None
        if line is None or line.world != world.id or not self.holds(line):
            raise Refusal(Why.OTHER_NOT_FOUND)
        return document(self.document(call.core, keys_of(call), line))

    async def _page(self, call: Call, size: int, wanted: Lines) -> web.StreamResponse:
        # First: who listens from here on misses nothing that is not in the answer.
        head = call.core.feed.head
        found = await call.core.history.lines(wanted, size + 1)
        return listed(
            self.name,
            found,
            size,
            lambda line: self.document(call.core, keys_of(call), line),
            lambda line: (line.at, line.id),
            head,
        )


def _which(said: JSON) -> JSON:
    """Which lines are asked for; an empty word or tag is none."""
    return {
        "words": said.get("q") or None,
        "tag": said.get("tag") or None,
        "since": said.get("since"),
        "before": said.get("before"),
    }
