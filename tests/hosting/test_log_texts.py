"""Errors of hosting in words, as the log and the troubles of worlds have them."""

import re
from pathlib import Path

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode, RefusedOrder
from coalserver.hosting import keeper, keeper_client
from coalserver.hosting.keeper_client import KEEPER_ERRORS, KeeperError
from coalserver.hosting.log_texts import error_text


def test_every_code_of_a_keeper_has_words() -> None:
    code = re.compile(r'(?:Refused|KeeperError)\("(\w+)"|"error": "(\w+)"')
    found = {
        one or other
        for module in (keeper, keeper_client)
        for one, other in code.findall(Path(module.__file__).read_text("utf-8"))
    }
    assert {"spawn", "text", "timeout"} < found
    assert found - set(KEEPER_ERRORS) == set()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeeperError("spawn", "no such file"), "the program cannot be run: no such file"),
        (KeeperError("ended"), "the process of the world has ended"),
        (KeeperError("of a newer keeper"), "the keeper refuses it"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (
            DomainError(
                ErrorCode.ORDER_REFUSED,
                refusal=RefusedOrder(RefusalCode.PORT_TAKEN, (("port", "25565"),)),
            ),
            "Port 25565 is in use",
        ),
        (DomainError(ErrorCode.WORLD_NOT_FOUND, world=1), "world not found"),
    ],
)
def test_errors_are_words(error: Exception, text: str) -> None:
    assert error_text(error) == text
