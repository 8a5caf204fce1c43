"""Screenshot commands: pictures arrive as files that somebody has looked through; here they become known."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.worlds import the_world
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.events import ScreenshotHung, ScreenshotTaken
from coalserver.domain.minecraft.history import Screenshot


def hang_screenshot(
    unit: Unit,
    *,
    world_id: int,
    account: int,
    code: str,
    type: str,
    width: int,
    height: int,
    size: int,
    blurred: bool = False,
) -> Screenshot:
    """A picture is in its place as a file called by `code`; it belongs to a world from now on."""
    world = the_world(unit, world_id)
    made = Screenshot(
        unit.new_id(Screenshot),
        code,
        world.id,
        account,
        unit.now,
        unit.now,
        unit.chance.random(),
        type,
        width,
        height,
        size,
        blurred,
    )
    _say(unit, made)
    return unit.hang(made)


def finish_screenshot(unit: Unit, *, screenshot: Screenshot) -> Screenshot:
    """Its small and its blurred version are there, too."""
    _hanging(unit, screenshot)
    done = replace(screenshot, blurred=True, updated=unit.now)
    _say(unit, done)
    return unit.hang(done)


def take_down_screenshot(unit: Unit, *, screenshot: Screenshot) -> None:
    """A screenshot is shown no more; whoever called this then removes its files. Of two who do, one is told."""
    _hanging(unit, screenshot)
    unit.take_down(screenshot.id)
    unit.say(ScreenshotTaken(screenshot.world, screenshot.id), topics.world(screenshot.world))


def _hanging(unit: Unit, screenshot: Screenshot) -> None:
    """Refuse what somebody has taken down since the history was asked for it."""
    if screenshot.id in unit.state.taken_down:
        raise Refusal(Why.OTHER_NOT_FOUND)


def _say(unit: Unit, screenshot: Screenshot) -> None:
    hung = ScreenshotHung(screenshot.world, screenshot.id, screenshot.account, screenshot.blurred)
    unit.say(hung, topics.world(screenshot.world))
