"""Screenshot commands: records of image files, which the caller has validated and stored."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.queries.worlds import get_world
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import ScreenshotAdded, ScreenshotDeleted
from coalserver.domain.minecraft.history import Screenshot


def add_screenshot(
    uow: UnitOfWork,
    *,
    world_id: int,
    account_id: int,
    code: str,
    type: str,
    width: int,
    height: int,
    size: int,
    blurred: bool = False,
) -> Screenshot:
    """Create the record of an image file named by `code` and emit ScreenshotAdded.

    Raises WORLD_NOT_FOUND.
    """
    world = get_world(uow, world_id)
    screenshot = Screenshot(
        uow.new_id(Screenshot),
        code,
        world.id,
        account_id,
        uow.now,
        uow.now,
        uow.rng.random(),
        type,
        width,
        height,
        size,
        blurred,
    )
    _emit_added(uow, screenshot)
    return uow.save_screenshot(screenshot)


def finish_screenshot(uow: UnitOfWork, *, screenshot: Screenshot) -> Screenshot:
    """Record that the small and blurred versions exist and emit ScreenshotAdded again.

    Raises TARGET_NOT_FOUND for a deleted screenshot.
    """
    _check_not_deleted(uow, screenshot)
    finished = replace(screenshot, blurred=True, updated=uow.now)
    _emit_added(uow, finished)
    return uow.save_screenshot(finished)


def delete_screenshot(uow: UnitOfWork, *, screenshot: Screenshot) -> None:
    """Delete the record of a screenshot and emit ScreenshotDeleted; the caller deletes its files.

    Raises TARGET_NOT_FOUND for the second of two simultaneous requests.
    """
    _check_not_deleted(uow, screenshot)
    uow.delete_screenshot(screenshot.id)
    uow.emit(ScreenshotDeleted(screenshot.world, screenshot.id), topics.world(screenshot.world))


def _check_not_deleted(uow: UnitOfWork, screenshot: Screenshot) -> None:
    """Raise TARGET_NOT_FOUND where a screenshot was deleted after it was read from the history."""
    if screenshot.id in uow.state.deleted_screenshots:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)


def _emit_added(uow: UnitOfWork, screenshot: Screenshot) -> None:
    event = ScreenshotAdded(screenshot.world, screenshot.id, screenshot.account, screenshot.blurred)
    uow.emit(event, topics.world(screenshot.world))
